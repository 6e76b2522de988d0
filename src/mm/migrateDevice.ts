/**
 * Migration between system memory and that of devices (mm/migrate_device.c of v6.1). The driver calls three functions, with
 * mmap_lock held, and copies in between:
 *
 *   setup      section MIGRATE: each page trylocked, a reference, its entry becomes a migration entry ─▶ other mappings too,
 *              off the LRU ─▶ somebody else has a reference? put back
 *   (driver)   a frame for each page that is left, locked; content copied
 *   pages      still no other reference? the new frame takes the old one's place
 *   finalize   entries lead to the new frame, or to the old one where that failed; all unlocked
 *
 * Only private pages that exist are collected, and those in the swap cache go back in the end; holes are left as they are.
 */

import { column, columns } from "../machine/columns.ts";
import type { Handle, Task } from "../machine/core.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { int, ref, struct } from "../machine/struct.ts";
import { folioIsolateLru, folioPutbackLru } from "./isolate.ts";
import type { Kernel } from "./kernel.ts";
import { lruAddDrainAll } from "./lruDrainAll.ts";
import { faultLocksFolio } from "./memoryDevice.ts";
import { isDevicePage, pagemapOf } from "./memremap.ts";
import { copyIdentity, migrateFlags } from "./migrate.ts";
import type { Mm, Vma } from "./mmTypes.ts";
import { invalidateRangeEnd, invalidateRangeStart, MMU_NOTIFY_MIGRATE, rangeWithOwner } from "./mmuNotifier.ts";
import {
  folioGet,
  folioLockWord,
  folioMapcount,
  folioRefCount,
  hasFlag,
  type Pfn,
  PG_anon,
  PG_anonExclusive,
  PG_dirty,
  PG_lru,
  PG_swapcache,
  setFlag,
  type Vpn,
} from "./page.ts";
import {
  isDevicePrivateType,
  type Pte,
  pteAt,
  pteDirty,
  ptePfn,
  ptePresent,
  ptepGetAndClear,
  pteSlot,
  pteSpecial,
  setPteAt,
  swpOffset,
  swpType,
} from "./pageTable.ts";
import { pageRemoveRmap, pageTryShareAnonRmap } from "./rmap.ts";
import { isWritable, migrationEntry, removeMigrationPtes, tryToMigrate } from "./rmapMigrate.ts";
import { guards } from "./rules.ts";
import { folioPut, lruAddDrain } from "./swap.ts";
import { flushTlbPage } from "./tlb.ts";

export const MIGRATE_VMA_SELECT_SYSTEM = 1;
export const MIGRATE_VMA_SELECT_DEVICE_PRIVATE = 2;

/** Bits of an entry of `src`, below the frame: it will be migrated; its owner may write to it. */
export const MIGRATE_PFN_MIGRATE = 1;
export const MIGRATE_PFN_WRITE = 2;
const MIGRATE_PFN_SHIFT = 2;
/** migrate_pfn_to_page. */
export const migratePfn = (entry: number): Pfn => entry >> MIGRATE_PFN_SHIFT;

/** struct migrate_vma: in the kernel on the stack of the driver, here made in the set-up, for one task at a time. */
export interface MigrateVma extends Handle {
  vma: Vma | null;
  start: Vpn;
  end: Vpn;
  flags: number;
  owner: Handle | null;
  /** The frame that a CPU has faulted on, to which the fault has a reference; -1 = none. */
  faultPage: Pfn;
  /** Pages that were collected. */
  cpages: number;
  /** For each page: `src` = frame << 2 and bits, 0 = stays where it is; `dst` = frame + 1 from the driver, 0 = none. */
  readonly pages: { readonly src: Int32Array; readonly dst: Int32Array };
}
const own = { ordered: "one task at a time" };
const migrateStruct = struct("migrateVma", {
  vma: ref<Vma>(own),
  start: int(own),
  end: int(own),
  flags: int(own),
  owner: ref<Handle>(own),
  faultPage: int({ ...own, initial: -1 }),
  cpages: int(own),
});

/** Set-up: for up to `pages` pages. */
export function createMigrateVma(name: string, pages: number): MigrateVma {
  const entries = columns(`${name}.pages`, pages, { src: column(own), dst: column(own) });
  return Object.assign(migrateStruct.create(name), { pages: entries });
}

/** Says which pages; none collected yet. */
export function migrateVmaInit(args: MigrateVma, vma: Vma, start: Vpn, end: Vpn, flags: number, owner: Handle): void {
  args.vma = vma;
  args.start = start;
  args.end = end;
  args.flags = flags;
  args.owner = owner;
  args.faultPage = -1;
  args.cpages = 0;
  for (let i = 0; i < end - start; i++) {
    args.pages.src[i] = 0;
    args.pages.dst[i] = 0;
  }
}

/** migrate_vma_setup: afterwards the pages whose `src` is not 0 are nobody's but the caller's. mmap_lock held. */
export function* migrateVmaSetup(k: Kernel, args: MigrateVma): Task {
  // Before v6.1 the fault has no reference that would have to be counted.
  if (k.rules.deviceFault === "noRef") args.faultPage = -1;
  yield* collect(k, args);
  if (args.cpages > 0) yield* unmap(k, args);
}

/** migrate_vma_collect. */
function* collect(k: Kernel, args: MigrateVma): Task {
  const mm = (args.vma as Vma).mm as Mm;
  const { start, end } = args;
  const flags = rangeWithOwner(MMU_NOTIFY_MIGRATE, args.owner);
  yield* invalidateRangeStart(k, mm, start, end, flags);
  yield* lock(mm.ptl);
  for (let at = start; at < end; at++) {
    const pte = pteSlot(k, mm, at) === 0 ? 0 : pteAt(k, mm, at);
    const pfn = wanted(k, args, pte);
    if (pfn >= 0) yield* collectPage(k, args, at, pte, pfn);
  }
  yield* unlock(mm.ptl);
  yield* invalidateRangeEnd(k, mm, start, end, flags);
}

/** The frame of an entry that was asked for; -1. */
function wanted(k: Kernel, args: MigrateVma, pte: Pte): Pfn {
  if (ptePresent(pte)) {
    if ((args.flags & MIGRATE_VMA_SELECT_SYSTEM) === 0 || pteSpecial(pte)) return -1;
    return hasFlag(k, ptePfn(pte), PG_anon) ? ptePfn(pte) : -1;
  }
  if (!isDevicePrivateType(swpType(pte)) || (args.flags & MIGRATE_VMA_SELECT_DEVICE_PRIVATE) === 0) return -1;
  return pagemapOf(k, swpOffset(pte)).owner === args.owner ? swpOffset(pte) : -1;
}

/** Is the folio locked by the fault, and stays so? */
const lockedByFault = (k: Kernel, args: MigrateVma, pfn: Pfn): boolean =>
  pfn === args.faultPage && faultLocksFolio(k.rules);

/** One entry of migrate_vma_collect_pmd. Only trylocks, since others who migrate may have the page. Page-table lock held. */
function* collectPage(k: Kernel, args: MigrateVma, at: Vpn, pte: Pte, pfn: Pfn): Task {
  const mm = (args.vma as Vma).mm as Mm;
  const faulting = lockedByFault(k, args, pfn);
  yield* folioGet(k, pfn);
  if (!faulting && !(yield* trylockFolio(folioLockWord(k, pfn)))) {
    yield* folioPut(k, pfn);
    return;
  }
  const exclusive = hasFlag(k, pfn, PG_anonExclusive);
  const old = yield* ptepGetAndClear(k, mm, at);
  if (ptePresent(old)) flushTlbPage(k, mm, at, "migrate");
  if (exclusive && !(yield* pageTryShareAnonRmap(k, pfn))) {
    yield* setPteAt(k, mm, at, old);
    if (!faulting) yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
    return;
  }
  args.cpages++;
  const keepsDirty = guards(k.rules, "migrateKeepsDirty");
  if (keepsDirty && ptePresent(old) && pteDirty(old)) setFlag(k, pfn, PG_dirty);
  yield* setPteAt(k, mm, at, migrationEntry(old, pfn, exclusive));
  const writes = isWritable(pte) ? MIGRATE_PFN_WRITE : 0;
  args.pages.src[at - args.start] = (pfn << MIGRATE_PFN_SHIFT) | writes | MIGRATE_PFN_MIGRATE;
  // What the entry had goes; our own reference stays.
  yield* pageRemoveRmap(k, pfn);
  yield* folioPut(k, pfn);
}

/** migrate_vma_unmap: out of all other page tables, off the LRU; pages to which somebody else has a reference are put back. */
function* unmap(k: Kernel, args: MigrateVma): Task {
  const n = args.end - args.start;
  let mayDrain = true;
  yield* lruAddDrain(k);
  for (let i = 0; i < n; i++) {
    if ((args.pages.src[i] & MIGRATE_PFN_MIGRATE) === 0) continue;
    const pfn = migratePfn(args.pages.src[i]);
    const device = isDevicePage(k, pfn);
    if (!device) {
      if (mayDrain && !hasFlag(k, pfn, PG_lru)) {
        yield* lruAddDrainAll(k);
        mayDrain = false;
      }
      if (!(yield* folioIsolateLru(k, pfn))) {
        args.pages.src[i] &= ~MIGRATE_PFN_MIGRATE;
        continue;
      }
      yield* folioPut(k, pfn);
    }
    if ((yield* folioMapcount(k, pfn)) > 0) yield* tryToMigrate(k, pfn);
    if ((yield* folioMapcount(k, pfn)) === 0 && (yield* checkPage(k, args, pfn))) continue;
    if (!device) {
      yield* folioGet(k, pfn);
      yield* folioPutbackLru(k, pfn);
    }
    args.pages.src[i] &= ~MIGRATE_PFN_MIGRATE;
  }
  for (let i = 0; i < n; i++)
    if (args.pages.src[i] !== 0 && (args.pages.src[i] & MIGRATE_PFN_MIGRATE) === 0) yield* restore(k, args, i);
}

function* restore(k: Kernel, args: MigrateVma, i: number): Task {
  const pfn = migratePfn(args.pages.src[i]);
  args.pages.src[i] = 0;
  yield* removeMigrationPtes(k, pfn, pfn);
  if (!lockedByFault(k, args, pfn)) yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
}

/** References that are accounted for: ours, and that of the fault. */
const ownReferences = (args: MigrateVma, pfn: Pfn): number => (pfn === args.faultPage ? 2 : 1);

/** migrate_vma_check_page: only mappings, and the swap cache, have references besides us. */
function* checkPage(k: Kernel, args: MigrateVma, pfn: Pfn): Task<boolean> {
  const references = yield* folioRefCount(k, pfn);
  const extra = ownReferences(args, pfn) + (hasFlag(k, pfn, PG_swapcache) ? 1 : 0);
  return references - extra <= (yield* folioMapcount(k, pfn));
}

/** migrate_vma_pages: the new frames take the place of the old ones. They are locked, and have the contents. */
export function* migrateVmaPages(k: Kernel, args: MigrateVma): Task {
  const n = args.end - args.start;
  for (let i = 0; i < n; i++) {
    if ((args.pages.src[i] & MIGRATE_PFN_MIGRATE) === 0) continue;
    const from = migratePfn(args.pages.src[i]);
    const alone = args.pages.dst[i] !== 0 && (yield* folioRefCount(k, from)) === ownReferences(args, from);
    if (alone) {
      copyIdentity(k, from, args.pages.dst[i] - 1);
      migrateFlags(k, from, args.pages.dst[i] - 1);
    } else args.pages.src[i] &= ~MIGRATE_PFN_MIGRATE;
  }
}

/** migrate_vma_finalize. What the arguments said is forgotten, so that equal situations are equal words. */
export function* migrateVmaFinalize(k: Kernel, args: MigrateVma): Task {
  const n = args.end - args.start;
  for (let i = 0; i < n; i++) {
    const to = args.pages.dst[i] - 1;
    if (args.pages.src[i] !== 0) {
      const from = migratePfn(args.pages.src[i]);
      const moved = (args.pages.src[i] & MIGRATE_PFN_MIGRATE) !== 0;
      yield* removeMigrationPtes(k, from, moved ? to : from);
      if (!lockedByFault(k, args, from)) yield* unlockFolio(folioLockWord(k, from));
      if (isDevicePage(k, from)) yield* folioPut(k, from);
      else yield* folioPutbackLru(k, from);
      if (moved) {
        yield* unlockFolio(folioLockWord(k, to));
        if (isDevicePage(k, to)) yield* folioPut(k, to);
        else yield* folioPutbackLru(k, to);
        args.pages.dst[i] = 0;
      }
    }
    args.pages.src[i] = 0;
    if (args.pages.dst[i] === 0) continue;
    args.pages.dst[i] = 0;
    yield* unlockFolio(folioLockWord(k, to));
    yield* folioPut(k, to);
  }
  args.vma = null;
  args.start = 0;
  args.end = 0;
  args.flags = 0;
  args.owner = null;
  args.faultPage = -1;
  args.cpages = 0;
}
