/** Writing one folio for reclaim, and taking it out of its mapping (pageout, __remove_mapping in mm/vmscan.c). */
import { answer, type Task } from "../machine/core.ts";
import { emit, tracing } from "../machine/events.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { noteCached } from "./filemap.ts";
import { cacheSlot, EXT4, type Inode } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import {
  clearFlag,
  folioRefCount,
  folioRefFreeze,
  folioRefUnfreeze,
  hasFlag,
  type Pfn,
  PG_dirty,
  PG_private,
  PG_reclaim,
  PG_swapbacked,
  PG_swapcache,
  PG_writeback,
  setFlag,
  testClearFlag,
} from "./page.ts";
import { swapWritepage } from "./pageIo.ts";
import { ext4Writepage, folioClearDirtyForIo, freeBuffers } from "./pageWriteback.ts";
import { folioInode } from "./rmap.ts";
import { guards } from "./rules.ts";
import { AOP_WRITEPAGE_ACTIVATE, shmemWritepage } from "./shmemSwap.ts";
import { folioPut } from "./swap.ts";
import { putSwapFolio } from "./swapfile.ts";
import { deleteFromSwapCacheLocked } from "./swapState.ts";
import { traceWriteFolio } from "./vmscanTrace.ts";
import { countVm, EV } from "./vmstat.ts";
import { workingsetEviction } from "./workingset.ts";

// pageout_t.
export const PAGE_KEEP = 0;
export const PAGE_ACTIVATE = 1;
/** It was sent off, and is unlocked. */
export const PAGE_SUCCESS = 2;
export const PAGE_CLEAN = 3;

/** pageout. Folio locked, dirty, unmapped. */
export function* pageout(k: Kernel, pfn: Pfn): Task<number> {
  const buffers = hasFlag(k, pfn, PG_private) ? 1 : 0;
  // Besides the caller and the cache, and the buffers, somebody may be about to use it.
  if ((yield* folioRefCount(k, pfn)) - buffers !== 2) return PAGE_KEEP;
  const inode = folioInode(k, pfn);
  const swap = hasFlag(k, pfn, PG_swapcache);
  if (!swap && !inode) {
    // Truncated while it was dirty: what is left are its buffers.
    if (buffers === 0) return PAGE_KEEP;
    yield* releaseFolio(k, pfn);
    clearFlag(k, pfn, PG_dirty);
    return PAGE_CLEAN;
  }
  if (!(yield* clearDirty(k, pfn, inode))) return PAGE_CLEAN;
  setFlag(k, pfn, PG_reclaim);
  const file = !hasFlag(k, pfn, PG_swapbacked);
  const answer = yield* writepage(k, pfn, inode);
  if (answer === AOP_WRITEPAGE_ACTIVATE) {
    clearFlag(k, pfn, PG_reclaim);
    return PAGE_ACTIVATE;
  }
  // A synchronous device is done already.
  if (!hasFlag(k, pfn, PG_writeback)) clearFlag(k, pfn, PG_reclaim);
  traceWriteFolio(pfn, file);
  countVm(k, EV.nr_vmscan_write);
  return PAGE_SUCCESS;
}

function clearDirty(k: Kernel, pfn: Pfn, inode: Inode | null): Task<boolean> {
  if (inode?.kind === EXT4) return folioClearDirtyForIo(k, inode, pfn);
  return answer(testClearFlag(k, pfn, PG_dirty)) as never;
}

/** mapping->a_ops->writepage: 0 = unlocked, on its way or there; AOP_WRITEPAGE_ACTIVATE. */
function writepage(k: Kernel, pfn: Pfn, inode: Inode | null): Task<number> {
  if (hasFlag(k, pfn, PG_swapcache)) return swapWritepage(k, pfn);
  if (tracing()) emit("writepage", { pfn });
  if (inode?.kind === EXT4) return ext4Writepage(k, inode, pfn);
  return shmemWritepage(k, inode as Inode, pfn);
}

/** filemap_release_folio, try_to_free_buffers: false while they are written. Folio locked. */
export function* releaseFolio(k: Kernel, pfn: Pfn): Task<boolean> {
  if (tracing()) emit("release_folio", { pfn });
  if (hasFlag(k, pfn, PG_writeback)) return false;
  if (!testClearFlag(k, pfn, PG_private)) return true;
  freeBuffers(k, pfn);
  yield* folioPut(k, pfn);
  return true;
}

/**
 * __remove_mapping: out of the page cache or the swap cache, where a shadow takes its place; no reference is left then, and
 * the caller frees it. False when somebody else has a reference, or has made it dirty. Folio locked; `target` as in
 * `workingsetEviction`.
 */
export function removeMapping(k: Kernel, pfn: Pfn, target: number): Task<boolean> {
  if (hasFlag(k, pfn, PG_swapcache)) return removeFromSwapCache(k, pfn, target);
  const inode = folioInode(k, pfn);
  return inode !== null ? removeFromPageCache(k, inode, pfn, target, true) : (answer(false) as never);
}

/** remove_mapping, for invalidation: no shadow is left, and the caller has the only reference. Folio locked. */
export function* removeMappingOnly(k: Kernel, inode: Inode, pfn: Pfn): Task<boolean> {
  if (!(yield* removeFromPageCache(k, inode, pfn, -1, false))) return false;
  yield* folioRefUnfreeze(k, pfn, 1);
  return true;
}

function* freeze(k: Kernel, pfn: Pfn): Task<boolean> {
  if (guards(k.rules, "removeRefCheck") && guards(k.rules, "removeFreeze")) return yield* folioRefFreeze(k, pfn, 2);
  if (guards(k.rules, "removeRefCheck") && (yield* folioRefCount(k, pfn)) !== 2) return false;
  yield* folioRefUnfreeze(k, pfn, 0);
  return true;
}

/** Nobody finds it while the lock is held; so if the known references are all, they stay all. The lock is held. */
function* freezeClean(k: Kernel, pfn: Pfn): Task<boolean> {
  if (!(yield* freeze(k, pfn))) return false;
  if (!hasFlag(k, pfn, PG_dirty) || !guards(k.rules, "removeDirtyCheck")) return true;
  yield* folioRefUnfreeze(k, pfn, 2);
  return false;
}

function* removeFromSwapCache(k: Kernel, pfn: Pfn, target: number): Task<boolean> {
  const { cacheLock } = k.swap;
  yield* lock(cacheLock);
  const frozen = yield* freezeClean(k, pfn);
  const slot = frozen ? deleteFromSwapCacheLocked(k, pfn, workingsetEviction(k, pfn, target)) : 0;
  yield* unlock(cacheLock);
  if (frozen) yield* putSwapFolio(k, slot);
  return frozen;
}

function* removeFromPageCache(k: Kernel, inode: Inode, pfn: Pfn, target: number, shadows: boolean): Task<boolean> {
  yield* lock(inode.xaLock);
  const frozen = yield* freezeClean(k, pfn);
  if (frozen) {
    // Shared memory leaves no shadow: its place is taken by a swap entry, if it is not simply gone.
    const shadow = !shadows || hasFlag(k, pfn, PG_swapbacked) ? 0 : workingsetEviction(k, pfn, target);
    k.cache.page[cacheSlot(k, inode, k.frames.index[pfn])] = shadow;
    k.frames.mapping[pfn] = 0;
    inode.nrpages--;
    noteCached(k, pfn);
    if (shadow !== 0) inode.nrshadows++;
  }
  yield* unlock(inode.xaLock);
  return frozen;
}
