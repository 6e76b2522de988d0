/**
 * Taking a folio out of all page tables (try_to_unmap in mm/rmap.c), as reclaim does before it writes or frees it.
 *
 *   folio lock ─▶ rmap lock for reading ─▶ per VMA:  start (CLEAR) ─▶ page-table lock, entry cleared, then one of
 *       swap entry, invalidate_range    anonymous, has a slot
 *       nothing                         file: found again in the page cache
 *       discarded, invalidate_range     MADV_FREE, not written since
 *       restored                        may be pinned, was written, is mlocked ─▶ the walk stops
 *     ─▶ end
 *
 * Subscribers of a VMA hear of it whether the VMA maps the folio or not, and whether the entry is restored or not.
 */
import type { Task } from "../machine/core.ts";
import { broken } from "../machine/finding.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { folioGetAnonVma, putAnonVma } from "./anonVma.ts";
import type { Kernel } from "./kernel.ts";
import { mlockVmaPage } from "./mlockPage.ts";
import { type AnonVma, type Mm, VM_LOCKED, type Vma } from "./mmTypes.ts";
import {
  invalidateRange,
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_CLEAR,
  RANGE_BLOCKABLE,
  RANGE_MAYFAIL,
} from "./mmuNotifier.ts";
import {
  folioMapcount,
  folioMaybeDmaPinned,
  folioRefCount,
  hasFlag,
  type Pfn,
  PG_anon,
  PG_anonExclusive,
  PG_dirty,
  PG_swapbacked,
  PG_swapcache,
  setFlag,
  type Vpn,
} from "./page.ts";
import {
  mkSwp,
  PTE_SOFT_DIRTY,
  PTE_UFFD_WP,
  type Pte,
  pteDirty,
  ptepGetAndClear,
  pteSlot,
  SWP_EXCLUSIVE,
  SWP_SWAP,
  setPteAt,
} from "./pageTable.ts";
import { setPageDirty } from "./pageWriteback.ts";
import {
  folioInode,
  mapsPage,
  nextAnonVmaOf,
  nextFileVmaOf,
  pageRemoveRmap,
  pageTryShareAnonRmap,
  vmaAddress,
} from "./rmap.ts";
import { rssAdd } from "./rss.ts";
import { guards } from "./rules.ts";
import { folioPut } from "./swap.ts";
import { swapDuplicate, swapFree } from "./swapfile.ts";
import { flushTlbPage } from "./tlb.ts";
import { setTlbUbcFlushPending, shouldDeferFlush } from "./tlbBatch.ts";

/** enum ttu_flags. */
export const TTU_IGNORE_MLOCK = 8;
export const TTU_BATCH_FLUSH = 64;

/** try_to_unmap: whether it worked, the map count tells. Folio locked; the caller has a reference. */
export function* tryToUnmap(k: Kernel, pfn: Pfn, flags: number): Task {
  const index = k.frames.index[pfn];
  const inode = folioInode(k, pfn);
  const locked = guards(k.rules, "rmapLock");
  // Its last mapping may vanish before the lock is ours: the reference keeps what the lock is part of.
  const anonVma = hasFlag(k, pfn, PG_anon) ? folioGetAnonVma(k, pfn, yield* folioMapcount(k, pfn)) : null;
  if (anonVma) {
    const root = anonVma.root as AnonVma;
    if (locked) yield* downRead(root.rwsem);
    let avc = nextAnonVmaOf(anonVma.chains, index);
    while (avc && (yield* tryToUnmapOne(k, avc.vma as Vma, pfn, flags)) && (yield* folioMapcount(k, pfn)) > 0) {
      avc = nextAnonVmaOf(avc.sameAnonVma, index);
    }
    if (locked) yield* upRead(root.rwsem);
    putAnonVma(k, anonVma);
  } else if (inode) {
    yield* downRead(inode.immapRwsem);
    let vma = nextFileVmaOf(inode.immap, index);
    while (vma && (yield* tryToUnmapOne(k, vma, pfn, flags)) && (yield* folioMapcount(k, pfn)) > 0) {
      vma = nextFileVmaOf(vma.nextShared, index);
    }
    yield* upRead(inode.immapRwsem);
  }
}

/** try_to_unmap_one: false = give up. rmap lock held. */
export function* tryToUnmapOne(k: Kernel, vma: Vma, pfn: Pfn, flags: number): Task<boolean> {
  const mm = vma.mm as Mm;
  const vpn = vmaAddress(vma, k.frames.index[pfn]);
  // June 2020, not merged: success is pretended, and the page stays mapped.
  if (k.rules.unmapPinCheck && (yield* folioMaybeDmaPinned(k, pfn))) return true;
  // v5.0-rc1 named the pages at the beginning of the VMA, as many as the folio has.
  const told = guards(k.rules, "unmapNamesPage") ? vpn : vma.start;
  const range = MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE | (k.rules.notifierMayFail === "none" ? 0 : RANGE_MAYFAIL);
  const refused =
    k.rules.unmapNotifies === "around" && (yield* invalidateRangeStart(k, mm, told, told + 1, range)) !== 0;
  const stays = refused && k.rules.notifierMayFail === "full";
  let goOn = !stays;
  if (!stays && pteSlot(k, mm, vpn) !== 0) {
    yield* lock(mm.ptl);
    if (mapsPage(k, mm, vpn, pfn)) goOn = yield* unmapPte(k, vma, vpn, pfn, flags);
    if (k.rules.unmapNotifies === "underPtl") yield* invalidateRangeStart(k, mm, told, told + 1, range);
    yield* unlock(mm.ptl);
  }
  // One call, as early kernels had it, is a section without anything in between.
  if (k.rules.unmapNotifies === "afterUnlock") yield* invalidateRangeStart(k, mm, told, told + 1, range);
  yield* invalidateRangeEnd(k, mm, told, told + 1, range);
  return goOn;
}

/** Page-table lock held. False = the entry is as it was. */
function* unmapPte(k: Kernel, vma: Vma, vpn: Vpn, pfn: Pfn, flags: number): Task<boolean> {
  const mm = vma.mm as Mm;
  if ((vma.flags & VM_LOCKED) !== 0 && (flags & TTU_IGNORE_MLOCK) === 0) {
    yield* mlockVmaPage(k, pfn, vma);
    return false;
  }
  const pte = yield* ptepGetAndClear(k, mm, vpn);
  if ((flags & TTU_BATCH_FLUSH) !== 0 && shouldDeferFlush(k)) setTlbUbcFlushPending(k, mm, pte);
  else flushTlbPage(k, mm, vpn, "unmap");
  if (pteDirty(pte)) yield* setPageDirty(k, pfn);
  if (!hasFlag(k, pfn, PG_anon)) {
    // No invalidate_range here: the folio is locked, so it is neither replaced nor freed before the end.
    rssAdd(k, mm, pfn, -1);
  } else if (!(yield* unmapAnon(k, mm, vpn, pfn, pte))) {
    return false;
  }
  yield* pageRemoveRmap(k, pfn);
  yield* folioPut(k, pfn);
  return true;
}

/** The anonymous branch: the entry is cleared, and gets its final value. Page-table lock held. False = restored. */
function* unmapAnon(k: Kernel, mm: Mm, vpn: Vpn, pfn: Pfn, pte: Pte): Task<boolean> {
  if (!hasFlag(k, pfn, PG_swapbacked)) return yield* discardLazyfree(k, mm, vpn, pfn, pte);
  // Isolated and locked, it neither becomes lazyfree nor loses its slot; the kernel warns, and loses the page.
  if (!hasFlag(k, pfn, PG_swapcache)) broken("assertion", `frame ${pfn} is to be swapped out and has no place in swap`);
  const slot = k.frames.private[pfn];
  if ((yield* swapDuplicate(k, slot)) !== 0) {
    yield* setPteAt(k, mm, vpn, pte);
    return false;
  }
  const exclusive = hasFlag(k, pfn, PG_anonExclusive);
  if (exclusive && !(yield* pageTryShareAnonRmap(k, pfn))) {
    yield* swapFree(k, slot);
    yield* setPteAt(k, mm, vpn, pte);
    return false;
  }
  mm.rssAnon--;
  mm.swapEntries++;
  const bits = (pte & (PTE_SOFT_DIRTY | PTE_UFFD_WP)) | (exclusive ? SWP_EXCLUSIVE : 0);
  yield* setPteAt(k, mm, vpn, mkSwp(slot, SWP_SWAP | bits));
  yield* invalidateRange(k, mm, vpn, vpn + 1);
  return true;
}

/** MADV_FREE: thrown away if nobody wrote to it and nobody else has a reference; else it is an ordinary page again. */
function* discardLazyfree(k: Kernel, mm: Mm, vpn: Vpn, pfn: Pfn, pte: Pte): Task<boolean> {
  const refs = yield* folioRefCount(k, pfn);
  const maps = yield* folioMapcount(k, pfn);
  if (refs === 1 + maps && !hasFlag(k, pfn, PG_dirty)) {
    mm.rssAnon--;
    yield* invalidateRange(k, mm, vpn, vpn + 1);
    return true;
  }
  yield* setPteAt(k, mm, vpn, pte);
  setFlag(k, pfn, PG_swapbacked);
  return false;
}
