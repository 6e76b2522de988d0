/**
 * Shared memory in swap (mm/shmem.c): where a page was, the page cache has the number of its slot, as a value below 0.
 *
 *   page cache ─writepage─▶ swap cache, and a swap entry in the page cache ─fault, read, write─▶ page cache
 *
 * The entry counts as one user of the slot. It changes under the i_pages lock; whoever puts a page in its place has the folio
 * locked and is the one who gives up the slot.
 */
import type { Task } from "../machine/core.ts";
import { EIO, ENOMEM } from "../machine/errno.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { noteCached } from "./filemap.ts";
import { cacheSlot, type Inode } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { FAULT_OOM_AGAIN } from "./memory.ts";
import type { Mm } from "./mmTypes.ts";
import { folioGet, folioLockWord, hasFlag, type Pfn, PG_dirty, PG_swapcache, PG_uptodate, setFlag } from "./page.ts";
import { folioWaitWriteback, swapWritepage } from "./pageIo.ts";
import { folioPut } from "./swap.ts";
import { freeSwapAndCache, swapDuplicate, swapFree } from "./swapfile.ts";
import { SLOT_FREE, swapCacheGetFolio, swapClusterReadahead } from "./swapReadahead.ts";
import { folioAllocSwap } from "./swapSlots.ts";
import { addToSwapCache, deleteFromSwapCache } from "./swapState.ts";
import { countBoth, EV } from "./vmstat.ts";

/** What ->writepage answers when it will not write now; the folio is still locked. */
export const AOP_WRITEPAGE_ACTIVATE = 0x80000;
/** What `shmemSwapin` answers when the entry has gone meanwhile. */
export const EEXIST_AGAIN = -17;

/** Slot of page `index`; 0 = it is not in swap. */
export function* shmemSwapEntry(k: Kernel, inode: Inode, index: number): Task<number> {
  if (inode.swapped === 0 || index >= k.filePages) return 0;
  yield* lock(inode.xaLock);
  const entry = k.cache.page[cacheSlot(k, inode, index)];
  yield* unlock(inode.xaLock);
  return entry < 0 ? -entry : 0;
}

/**
 * shmem_writepage for reclaim: the page moves to the swap cache and is written. 0 = unlocked and written, or on its way;
 * AOP_WRITEPAGE_ACTIVATE = swap is full, still locked and dirty. Folio locked, unmapped, not dirty any more.
 */
export function* shmemWritepage(k: Kernel, inode: Inode, pfn: Pfn): Task<number> {
  const slot = k.swap.state.total > 0 ? yield* folioAllocSwap(k, pfn) : 0;
  if (slot === 0) {
    setFlag(k, pfn, PG_dirty);
    return AOP_WRITEPAGE_ACTIVATE;
  }
  yield* addToSwapCache(k, pfn, slot);
  yield* swapDuplicate(k, slot);
  yield* lock(inode.xaLock);
  k.cache.page[cacheSlot(k, inode, k.frames.index[pfn])] = -slot;
  k.frames.mapping[pfn] = 0;
  inode.nrpages--;
  noteCached(k, pfn);
  inode.swapped++;
  yield* unlock(inode.xaLock);
  yield* folioPut(k, pfn);
  return yield* swapWritepage(k, pfn);
}

/**
 * shmem_swapin_folio: page `index`, which has been seen in `slot`, locked and with a reference; EEXIST_AGAIN, -ENOMEM,
 * FAULT_OOM_AGAIN, -EIO. `mm`: whose fault it is for, a major one if the device is asked; null for read(2), truncation, swapoff.
 */
export function* shmemSwapin(k: Kernel, inode: Inode, index: number, slot: number, mm: Mm | null): Task<Pfn | number> {
  let pfn = yield* swapCacheGetFolio(k, slot, null, 0);
  if (pfn < 0) {
    if (mm) countBoth(k, mm.memcg, EV.pgmajfault);
    pfn = yield* swapClusterReadahead(k, slot, null);
    if (pfn < 0) {
      if ((yield* shmemSwapEntry(k, inode, index)) !== slot) return EEXIST_AGAIN;
      return pfn === SLOT_FREE ? FAULT_OOM_AGAIN : -ENOMEM;
    }
  }
  yield* lockFolio(folioLockWord(k, pfn));
  const ours = hasFlag(k, pfn, PG_swapcache) && k.frames.private[pfn] === slot;
  const same = ours && (yield* shmemSwapEntry(k, inode, index)) === slot;
  if (!same || !hasFlag(k, pfn, PG_uptodate)) {
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
    // The device could not read it, and trying again would be no better.
    return same ? -EIO : EEXIST_AGAIN;
  }
  yield* folioWaitWriteback(k, pfn);
  if (!(yield* replaceEntry(k, inode, index, slot, pfn))) {
    // Truncated while we waited.
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
    return EEXIST_AGAIN;
  }
  yield* deleteFromSwapCache(k, pfn);
  setFlag(k, pfn, PG_dirty);
  yield* swapFree(k, slot);
  return pfn;
}

/** shmem_add_to_page_cache(expected = the swap entry). Folio locked. */
function* replaceEntry(k: Kernel, inode: Inode, index: number, slot: number, pfn: Pfn): Task<boolean> {
  yield* lock(inode.xaLock);
  const same = k.cache.page[cacheSlot(k, inode, index)] === -slot;
  if (same) {
    yield* folioGet(k, pfn);
    k.frames.mapping[pfn] = inode.id + 1;
    k.frames.index[pfn] = index;
    k.cache.page[cacheSlot(k, inode, index)] = pfn + 1;
    inode.nrpages++;
    noteCached(k, pfn);
    inode.swapped--;
  }
  yield* unlock(inode.xaLock);
  return same;
}

/** shmem_free_swap: a truncated page that was in swap. False when it is not there any more. */
export function* shmemFreeSwap(k: Kernel, inode: Inode, index: number): Task<boolean> {
  yield* lock(inode.xaLock);
  const entry = k.cache.page[cacheSlot(k, inode, index)];
  if (entry < 0) {
    k.cache.page[cacheSlot(k, inode, index)] = 0;
    inode.swapped--;
  }
  yield* unlock(inode.xaLock);
  if (entry < 0) yield* freeSwapAndCache(k, -entry);
  return entry < 0;
}
