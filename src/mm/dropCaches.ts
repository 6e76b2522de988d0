/** /proc/sys/vm/drop_caches (fs/drop_caches.c), and the invalidation that it does (mm/truncate.c). */
import type { Task } from "../machine/core.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { findGetPage } from "./filemap.ts";
import { cacheSlot, type Inode } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { folioLockWord, folioRefCount, hasFlag, type Pfn, PG_dirty, PG_private, PG_writeback } from "./page.ts";
import { releaseFolio, removeMappingOnly } from "./pageout.ts";
import { folioInode } from "./rmap.ts";
import { shrinkSlab } from "./shrinker.ts";
import { inodeUnused } from "./superBlocks.ts";
import { deactivateFileFolio, folioPut, lruAddDrain } from "./swap.ts";
import { countVm, EV } from "./vmstat.ts";

/** Bits of what is written there. */
export const DROP_PAGECACHE = 1;
export const DROP_SLAB = 2;

/** Drops what is clean and not in use. */
export function* dropCaches(k: Kernel, what: number): Task {
  if ((what & DROP_PAGECACHE) !== 0) {
    yield* lruAddDrain(k);
    for (let i = 0; i < k.inodes.length; i++) {
      const inode = k.inodes[i];
      if (inode.kind !== 0 && inode.nrpages + inode.nrshadows > 0)
        yield* invalidateMappingPages(k, inode, 0, k.filePages);
    }
    countVm(k, EV.drop_pagecache);
  }
  if ((what & DROP_SLAB) !== 0) {
    yield* dropSlab(k);
    countVm(k, EV.drop_slab);
  }
}

/** drop_slab: again while it is worth it, and less so each time. */
function* dropSlab(k: Kernel): Task {
  for (let pass = 0; ; pass++) {
    let freed = 0;
    for (let nid = 0; nid < k.nodes; nid++) {
      for (let i = 0; i < k.memcgWalk.length; i++) freed += yield* shrinkSlab(k, GFP_KERNEL, nid, k.memcgWalk[i], 0);
    }
    if (freed >> pass <= 1) return;
  }
}

/** invalidate_mapping_pages: clean pages [from, to) that nobody uses leave the cache; shadows do too. How many pages. */
export function* invalidateMappingPages(k: Kernel, inode: Inode, from: number, to: number): Task<number> {
  let dropped = 0;
  let found = false;
  for (let index = from; index < to; index++) {
    // In shared memory an entry below 0 is a page in swap: it stays.
    if (inode.nrshadows > 0 && k.cache.page[cacheSlot(k, inode, index)] < 0) yield* clearShadow(k, inode, index);
    const pfn = yield* findGetPage(k, inode, index);
    if (pfn < 0) continue;
    if (yield* trylockFolio(folioLockWord(k, pfn))) {
      const gone = folioInode(k, pfn) === inode && (yield* mappingEvictFolio(k, inode, pfn));
      yield* unlockFolio(folioLockWord(k, pfn));
      if (gone) dropped++;
      else yield* deactivateFileFolio(k, pfn);
    }
    found = true;
    yield* folioPut(k, pfn);
  }
  // Releasing the batch of pages that were looked up drains the LRU batches.
  if (found) yield* lruAddDrain(k);
  if (dropped > 0) yield* inodeUnused(k, inode);
  return dropped;
}

/** clear_shadow_entry. */
function* clearShadow(k: Kernel, inode: Inode, index: number): Task {
  yield* lock(inode.xaLock);
  const slot = cacheSlot(k, inode, index);
  if (k.cache.page[slot] < 0) {
    k.cache.page[slot] = 0;
    inode.nrshadows--;
  }
  yield* unlock(inode.xaLock);
}

/** mapping_evict_folio: false = in use. Folio locked, the caller has a reference. */
function* mappingEvictFolio(k: Kernel, inode: Inode, pfn: Pfn): Task<boolean> {
  if (hasFlag(k, pfn, PG_dirty | PG_writeback)) return false;
  const buffers = hasFlag(k, pfn, PG_private) ? 1 : 0;
  if ((yield* folioRefCount(k, pfn)) > 2 + buffers) return false;
  if (buffers > 0 && !(yield* releaseFolio(k, pfn))) return false;
  return yield* removeMappingOnly(k, inode, pfn);
}
