/**
 * NUMA balancing: entries are made inaccessible from time to time, and who faults on one says where the page should be.
 *
 *   scan:  mmap_lock for reading ─▶ change_protection: prot-none, the right to write remembered ─▶ flush
 *   fault: on the right node? entry as before : the page moves, by migration entries (since v5.14 all pages), or for huge pages
 *          before that in place: locked ─▶ copied ─▶ same entry? new page in its place
 *
 * The last way is here for entries of one page: what it must do first is to see that nobody can write any more.
 */
import type { Task } from "../machine/core.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { GFP_HIGHUSER_MOVABLE } from "../machine/gfp.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downReadTrylock, upRead } from "../machine/rwsem.ts";
import { folioIsolateLru, folioPutbackLru, putbackMovablePages } from "./isolate.ts";
import type { Kernel } from "./kernel.ts";
import { copyFolio, migratePagesAsync } from "./migrate.ts";
import { type Mm, VM_EXEC, VM_PFNMAP, VM_READ, VM_WRITE, type Vma } from "./mmTypes.ts";
import { tlbFinish, tlbGather } from "./mmuGather.ts";
import { invalidateRange } from "./mmuNotifier.ts";
import { CP_PROT_NUMA, changeProtection } from "./mprotect.ts";
import {
  folioGet,
  folioLockWord,
  folioMapcount,
  folioRefAdd,
  folioRefFreeze,
  folioRefUnfreeze,
  hasFlag,
  type Pfn,
  PG_anon,
  PG_dirty,
  PG_lru,
  PG_swapbacked,
  pageToNid,
  setFlag,
  type Vpn,
} from "./page.ts";
import { allocPageNode } from "./pageAlloc.ts";
import { freePageListHead, listAddTail, newPageList } from "./pageList.ts";
import { mkPte, PTE_DIRTY, PTE_WRITE, PTE_YOUNG, type Pte, pteAt, ptePfn, pteSpecial, setPteAt } from "./pageTable.ts";
import { pteModify, vmPageProt } from "./pgprot.ts";
import { pageAddNewAnonRmap, pageRemoveRmap } from "./rmap.ts";
import { numaSavedWrite } from "./rmapMigrate.ts";
import { guards } from "./rules.ts";
import { folioPut } from "./swap.ts";
import { flushTlbPage } from "./tlb.ts";

const ACCESS = VM_READ | VM_WRITE | VM_EXEC;
/** vma_is_accessible. */
export const vmaIsAccessible = (vma: Vma): boolean => (vma.flags & ACCESS) !== 0;

/** task_numa_work for the VMAs in [start, end): those without a policy of their own. Nothing where mmap_lock is not free. */
export function* taskNumaWork(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task {
  if (!(yield* downReadTrylock(mm.mmapLock))) return;
  for (let vma = mm.mmap; vma; vma = vma.next) {
    const from = Math.max(start, vma.start);
    const to = Math.min(end, vma.end);
    const ofLibrary = vma.inode !== null && (vma.flags & (VM_READ | VM_WRITE)) === VM_READ;
    if (from < to && vma.policy === 0 && vmaIsAccessible(vma) && !ofLibrary && (vma.flags & VM_PFNMAP) === 0)
      yield* changeProtNuma(k, vma, from, to);
  }
  yield* upRead(mm.mmapLock);
}

/** change_prot_numa. mmap_lock held for reading. */
function* changeProtNuma(k: Kernel, vma: Vma, start: Vpn, end: Vpn): Task {
  const tlb = tlbGather(k, vma.mm as Mm);
  yield* changeProtection(k, tlb, vma, start, end, CP_PROT_NUMA);
  yield* tlbFinish(k, tlb);
}

/** mpol_misplaced: the node to which the page should go, -1 = it is there. All CPUs of the model are of node 0. */
function misplaced(k: Kernel, vma: Vma, pfn: Pfn): number {
  const home = vma.policy > 0 ? vma.policy - 1 : 0;
  return pageToNid(k, pfn) === home ? -1 : home;
}

/** do_numa_page: 0. Page-table lock held, dropped here; mmap_lock held. */
export function* doNumaPage(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte): Task<number> {
  const mm = vma.mm as Mm;
  const pfn = ptePfn(pte);
  const target = pteSpecial(pte) ? -1 : misplaced(k, vma, pfn);
  if (target >= 0) {
    if (k.rules.numaMigration === "inPlace") return yield* migrateInPlace(k, vma, vpn, pte, target);
    yield* folioGet(k, pfn);
    yield* unlock(mm.ptl);
    if (yield* migrateMisplacedPage(k, vma, pfn, target)) return 0;
    yield* lock(mm.ptl);
  }
  if (pteAt(k, mm, vpn) === pte) yield* setPteAt(k, mm, vpn, yield* accessible(k, vma, pte));
  yield* unlock(mm.ptl);
  return 0;
}

/** The entry as it was before the scan. */
function* accessible(k: Kernel, vma: Vma, pte: Pte): Task<Pte> {
  return pteModify(pte, vmPageProt(vma)) | PTE_YOUNG | ((yield* numaSavedWrite(k, pte)) & PTE_WRITE);
}

/** migrate_misplaced_page: true = it went. The caller's reference goes. */
function* migrateMisplacedPage(k: Kernel, vma: Vma, pfn: Pfn, nid: number): Task<boolean> {
  const ofFile = !hasFlag(k, pfn, PG_anon | PG_swapbacked);
  const sharedCode = ofFile && (vma.flags & VM_EXEC) !== 0 && (yield* folioMapcount(k, pfn)) !== 1;
  const stays = sharedCode || (ofFile && hasFlag(k, pfn, PG_dirty)) || !(yield* folioIsolateLru(k, pfn));
  yield* folioPut(k, pfn);
  if (stays) return false;
  const list = newPageList(k);
  listAddTail(k, list, pfn);
  const left = yield* migratePagesAsync(k, list, GFP_HIGHUSER_MOVABLE, nid);
  yield* putbackMovablePages(k, list);
  freePageListHead(k, list);
  return left === 0;
}

/**
 * do_huge_pmd_numa_page and migrate_misplaced_transhuge_page, up to v5.13: the page is copied while its entry is prot-none, so
 * whoever could write through a TLB must have been stopped. The scan tells so only at its end; with a flush of it still to come it
 * is done here, for CPUs and (7066f0f933a1) for devices that share the page table. Page-table lock held, dropped here.
 */
function* migrateInPlace(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte, nid: number): Task<number> {
  const mm = vma.mm as Mm;
  const src = ptePfn(pte);
  const locked = yield* trylockFolio(folioLockWord(k, src));
  if (!locked) {
    yield* unlock(mm.ptl);
    return 0;
  }
  yield* folioGet(k, src);
  if (mm.tlbFlushPending > 0) {
    flushTlbPage(k, mm, vpn, "numa");
    if (guards(k.rules, "numaInvalidatesFirst")) yield* invalidateRange(k, mm, vpn, vpn + 1);
  }
  yield* unlock(mm.ptl);
  const dst = yield* allocPageNode(k, GFP_HIGHUSER_MOVABLE, nid);
  const isolated = dst >= 0 && hasFlag(k, src, PG_lru) && (yield* folioIsolateLru(k, src));
  // From here on the isolation has the reference.
  yield* folioPut(k, src);
  if (isolated) copyFolio(k, src, dst);
  yield* lock(mm.ptl);
  const moves = isolated && pteAt(k, mm, vpn) === pte && (yield* folioRefFreeze(k, src, 2));
  if (moves) {
    yield* replaceInPlace(k, vma, vpn, src, dst);
  } else if (!isolated && pteAt(k, mm, vpn) === pte) {
    yield* setPteAt(k, mm, vpn, yield* accessible(k, vma, pte));
  }
  yield* unlock(mm.ptl);
  if (moves) yield* folioRefAdd(k, dst, 1);
  if (moves) yield* folioPutbackLru(k, dst);
  yield* unlockFolio(folioLockWord(k, src));
  if (moves) {
    yield* folioPut(k, src);
    yield* folioPut(k, src);
    return 0;
  }
  if (isolated) yield* folioPutbackLru(k, src);
  if (dst >= 0) yield* folioPut(k, dst);
  return 0;
}

/** Anonymous memory only. Page-table lock held, the old page frozen at its two references: mapping and isolation. */
function* replaceInPlace(k: Kernel, vma: Vma, vpn: Vpn, src: Pfn, dst: Pfn): Task {
  const writable = (vma.flags & VM_WRITE) !== 0 ? PTE_WRITE : 0;
  yield* pageAddNewAnonRmap(k, dst, vma, vpn);
  setFlag(k, dst, PG_dirty);
  yield* setPteAt(k, vma.mm as Mm, vpn, mkPte(dst, vmPageProt(vma) | PTE_YOUNG | PTE_DIRTY | writable));
  yield* folioRefUnfreeze(k, src, 2);
  yield* pageRemoveRmap(k, src);
}
