/**
 * Was a folio used since the last look (folio_referenced in mm/rmap.c)? Accessed bits are taken away, and devices asked
 * (clear_flush_young), under the page-table lock of each mapping.
 */
import type { Task } from "../machine/core.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, downReadTrylock, type RwSem, upRead } from "../machine/rwsem.ts";
import { folioGetAnonVma, putAnonVma } from "./anonVma.ts";
import type { Kernel } from "./kernel.ts";
import { mlockVmaPage } from "./mlockPage.ts";
import { type AnonVma, type Mm, VM_EXEC, VM_LOCKED, VM_SEQ_READ, type Vma } from "./mmTypes.ts";
import { clearFlushYoung } from "./mmuNotifier.ts";
import { folioLockWord, folioMapcount, hasFlag, type Pfn, PG_anon } from "./page.ts";
import { PTE_YOUNG, pteAt, ptepClearBits, pteSlot, pteYoung } from "./pageTable.ts";
import { folioInode, mapsPage, nextAnonVmaOf, nextFileVmaOf, vmaAddress } from "./rmap.ts";

const EXEC = 1 << 20;
const LOCKED = 1 << 21;
const MAPS = 1 << 22;
const COUNT = EXEC - 1;

/** What `folioReferenced` answers when somebody else holds the rmap lock. */
export const REFERENCED_CONTENDED = -1;
/** VMAs through which it was used. */
export const referencedPtes = (r: number): number => (r < 0 ? r : r & COUNT);
/** VM_EXEC of a VMA through which it was used. */
export const referencedExec = (r: number): boolean => r > 0 && (r & EXEC) !== 0;
/** A locked VMA maps it: it belongs on the unevictable list. */
export const referencedLocked = (r: number): boolean => r > 0 && (r & LOCKED) !== 0;

/**
 * folio_referenced: how many VMAs used it, with flags (see above); REFERENCED_CONTENDED = could not look. `isLocked`: the
 * caller has the folio locked. `memcg`: only mms of this one, and below; -1 = all.
 */
export function folioReferenced(k: Kernel, pfn: Pfn, isLocked: boolean, memcg: number): Task<number> {
  return hasFlag(k, pfn, PG_anon) ? walkAnon(k, pfn, memcg) : referencedFile(k, pfn, isLocked, memcg);
}

function* referencedFile(k: Kernel, pfn: Pfn, isLocked: boolean, memcg: number): Task<number> {
  if ((yield* folioMapcount(k, pfn)) === 0 || k.frames.mapping[pfn] === 0) return 0;
  if (isLocked) return yield* walkFile(k, pfn, memcg);
  if (!(yield* trylockFolio(folioLockWord(k, pfn)))) return 1;
  const referenced = yield* walkFile(k, pfn, memcg);
  yield* unlockFolio(folioLockWord(k, pfn));
  return referenced;
}

/** Reclaim does not stand in line behind a fork or an unmap of many VMAs; it did before v5.19. */
function* lockToLook(k: Kernel, rmap: RwSem): Task<boolean> {
  if (k.rules.referencedTriesRmap) return yield* downReadTrylock(rmap);
  yield* downRead(rmap);
  return true;
}

function* walkAnon(k: Kernel, pfn: Pfn, memcg: number): Task<number> {
  if ((yield* folioMapcount(k, pfn)) === 0) return 0;
  const anonVma = folioGetAnonVma(k, pfn, yield* folioMapcount(k, pfn));
  if (!anonVma) return 0;
  const root = anonVma.root as AnonVma;
  if (!(yield* lockToLook(k, root.rwsem))) {
    putAnonVma(k, anonVma);
    return REFERENCED_CONTENDED;
  }
  const index = k.frames.index[pfn];
  let left = yield* folioMapcount(k, pfn);
  let sum = 0;
  let avc = nextAnonVmaOf(anonVma.chains, index);
  while (avc && left > 0) {
    const vma = avc.vma as Vma;
    const found = matches(k, vma, memcg) ? yield* referencedOne(k, vma, pfn) : 0;
    sum = add(sum, found);
    if ((found & LOCKED) !== 0) break;
    if ((found & MAPS) !== 0) left--;
    avc = nextAnonVmaOf(avc.sameAnonVma, index);
  }
  yield* upRead(root.rwsem);
  putAnonVma(k, anonVma);
  return sum;
}

function* walkFile(k: Kernel, pfn: Pfn, memcg: number): Task<number> {
  const inode = folioInode(k, pfn);
  if (!inode) return 0;
  if (!(yield* lockToLook(k, inode.immapRwsem))) return REFERENCED_CONTENDED;
  const index = k.frames.index[pfn];
  let left = yield* folioMapcount(k, pfn);
  let sum = 0;
  let vma = nextFileVmaOf(inode.immap, index);
  while (vma && left > 0) {
    const found = matches(k, vma, memcg) ? yield* referencedOne(k, vma, pfn) : 0;
    sum = add(sum, found);
    if ((found & LOCKED) !== 0) break;
    if ((found & MAPS) !== 0) left--;
    vma = nextFileVmaOf(vma.nextShared, index);
  }
  yield* upRead(inode.immapRwsem);
  return sum;
}

/** mm_match_cgroup. */
function matches(k: Kernel, vma: Vma, memcg: number): boolean {
  if (memcg < 0) return true;
  for (let at = (vma.mm as Mm).memcg; at >= 0; at = k.memcgParents[at]) if (at === memcg) return true;
  return false;
}

const add = (sum: number, found: number): number => (sum & COUNT) + (found & COUNT) + ((sum | found) & (EXEC | LOCKED));

/** folio_referenced_one: 0 or 1, flags, and MAPS when the VMA maps it. */
function* referencedOne(k: Kernel, vma: Vma, pfn: Pfn): Task<number> {
  const mm = vma.mm as Mm;
  const vpn = vmaAddress(vma, k.frames.index[pfn]);
  if (pteSlot(k, mm, vpn) === 0) return 0;
  let result = 0;
  yield* lock(mm.ptl);
  if (mapsPage(k, mm, vpn, pfn)) {
    if ((vma.flags & VM_LOCKED) !== 0) {
      // It has missed that it is mlocked.
      yield* mlockVmaPage(k, pfn, vma);
      result = LOCKED;
    } else {
      // ptep_clear_flush_young_notify; x86 does not flush. Devices are asked whatever the CPU's bit says.
      const own = pteYoung(pteAt(k, mm, vpn)) && pteYoung(yield* ptepClearBits(k, mm, vpn, PTE_YOUNG));
      const secondary = yield* clearFlushYoung(k, mm, vpn, vpn + 1);
      const counts = (own || secondary) && (vma.flags & VM_SEQ_READ) === 0;
      result = MAPS | (counts ? 1 | ((vma.flags & VM_EXEC) !== 0 ? EXEC : 0) : 0);
    }
  }
  yield* unlock(mm.ptl);
  return result;
}
