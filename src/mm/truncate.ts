/**
 * Truncation and holes (mm/truncate.c and the file systems' setattr and fallocate). Page tables first, page cache second;
 * pages that were mapped again in between are unmapped one by one, or by the second sweep.
 */
import type { Task } from "../machine/core.ts";
import { EINVAL } from "../machine/errno.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { cleanupFolio, filemapRemoveFolio, findGetPage, findLockPage } from "./filemap.ts";
import { BLOCK, cacheSlot, EXT4, type Inode, pagesOf } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { unmapMappingPages, ZAP_ALL, ZAP_EVEN_COWS_NOT } from "./memoryZap.ts";
import { folioLockWord, folioMapcount, type Pfn } from "./page.ts";
import { folioWaitWriteback } from "./pageIo.ts";
import { folioMkclean, setPageDirty, writeAndWait } from "./pageWriteback.ts";
import { folioInode } from "./rmap.ts";
import { shmemFreeSwap, shmemSwapEntry } from "./shmemSwap.ts";
import { folioPut, lruAddDrain } from "./swap.ts";
import { zeroBlock, zeroCached, zeroPartialBlocks, zeroShmem } from "./truncatePartial.ts";

/** truncate_inode_pages: everything from page `from` on leaves the cache. */
export function* truncateInodePages(k: Kernel, inode: Inode, from: number): Task {
  yield* truncateRange(k, inode, from, k.filePages);
}

/** truncate_inode_pages_range for whole pages [from, to). */
export function* truncateRange(k: Kernel, inode: Inode, from: number, to: number): Task {
  if (inode.nrshadows > 0) clearShadows(k, inode, from, to);
  if (inode.nrpages === 0 && inode.swapped === 0) return;
  let found = false;
  for (let index = from; index < to; index++) {
    // A page may go to swap, or come from there, before we have it.
    if (inode.swapped > 0 && (yield* shmemFreeSwap(k, inode, index))) continue;
    const pfn = yield* findGetPage(k, inode, index);
    if (pfn < 0) {
      if ((yield* shmemSwapEntry(k, inode, index)) > 0) index--;
      continue;
    }
    found = true;
    yield* lockFolio(folioLockWord(k, pfn));
    const here = folioInode(k, pfn) === inode;
    if (here) {
      yield* folioWaitWriteback(k, pfn);
      yield* truncateFolio(k, inode, pfn);
    }
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
    if (!here && (yield* shmemSwapEntry(k, inode, index)) > 0) index--;
  }
  if (found) yield* lruAddDrain(k);
}

/** clear_shadow_entries: what comes next at these places is not what was evicted there. */
function clearShadows(k: Kernel, inode: Inode, from: number, to: number): void {
  const { page } = k.cache;
  for (let index = from; index < to; index++) {
    const slot = cacheSlot(k, inode, index);
    if (page[slot] >= 0) continue;
    page[slot] = 0;
    inode.nrshadows--;
  }
}

/** truncate_inode_folio. Folio locked. */
function* truncateFolio(k: Kernel, inode: Inode, pfn: Pfn): Task {
  const index = k.frames.index[pfn];
  if ((yield* folioMapcount(k, pfn)) > 0) yield* unmapMappingPages(k, inode, index, index + 1, ZAP_EVEN_COWS_NOT);
  yield* cleanupFolio(k, pfn);
  yield* filemapRemoveFolio(k, inode, pfn);
}

/** truncate_pagecache of ext4: the new size is set already. */
function* truncatePagecache(k: Kernel, inode: Inode, bytes: number): Task {
  const from = pagesOf(bytes);
  yield* unmapMappingPages(k, inode, from, -1, ZAP_ALL);
  yield* truncateInodePages(k, inode, from);
  yield* zeroCached(k, inode, bytes, from << 12);
  yield* unmapMappingPages(k, inode, from, -1, ZAP_ALL);
}

/** ftruncate(2). */
export function* truncateSetsize(k: Kernel, inode: Inode, bytes: number): Task<number> {
  if (bytes < 0 || pagesOf(bytes) > k.filePages) return -EINVAL;
  yield* lock(inode.rwsem);
  if (inode.kind === EXT4) yield* ext4Setsize(k, inode, bytes);
  else yield* shmemSetsize(k, inode, bytes);
  yield* unlock(inode.rwsem);
  return 0;
}

/** shmem_setattr: mappings are looked for when whole pages go, and only then. i_rwsem held. */
function* shmemSetsize(k: Kernel, inode: Inode, bytes: number): Task {
  const before = inode.size;
  const from = pagesOf(bytes);
  inode.size = bytes;
  if (bytes > before) return;
  const unmaps = before > from << 12;
  if (unmaps) yield* unmapMappingPages(k, inode, from, -1, ZAP_ALL);
  yield* truncateInodePages(k, inode, from);
  yield* zeroShmem(k, inode, bytes, from << 12);
  if (unmaps) yield* unmapMappingPages(k, inode, from, -1, ZAP_ALL);
}

/** ext4_setattr: the page cache is swept whatever the size was before. i_rwsem held. */
function* ext4Setsize(k: Kernel, inode: Inode, bytes: number): Task {
  const before = inode.size;
  yield* downWrite(inode.invalidateLock);
  inode.size = bytes;
  if (bytes > before) yield* isizeExtended(k, inode, before, bytes);
  yield* truncatePagecache(k, inode, bytes);
  // ext4_block_truncate_page: what is behind the end in the last block.
  if (bytes <= before && bytes % BLOCK !== 0) yield* zeroBlock(k, inode, bytes, Math.ceil(bytes / BLOCK) * BLOCK);
  yield* upWrite(inode.invalidateLock);
  for (let i = pagesOf(bytes); i < k.filePages; i++) k.cache.disk[cacheSlot(k, inode, i)] = 0;
}

/** pagecache_isize_extended: what was the last page must fault when it is written, so that it gets all its blocks. */
function* isizeExtended(k: Kernel, inode: Inode, before: number, bytes: number): Task {
  const rounded = Math.ceil(before / BLOCK) * BLOCK;
  if (bytes <= rounded || rounded % 4096 === 0) return;
  const pfn = yield* findLockPage(k, inode, before >> 12);
  if (pfn < 0) return;
  if ((yield* folioMkclean(k, inode, pfn)) > 0) yield* setPageDirty(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
}

/** fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE): whole pages vanish, the rest becomes zero where it is. */
export function* punchHole(k: Kernel, inode: Inode, from: number, bytes: number): Task<number> {
  if (from < 0 || bytes <= 0) return -EINVAL;
  const first = pagesOf(from);
  const end = Math.min((from + bytes) >> 12, k.filePages);
  yield* lock(inode.rwsem);
  if (inode.kind === EXT4) {
    yield* ext4PunchHole(k, inode, from, from + bytes);
  } else {
    yield* removePages(k, inode, first, end);
    yield* zeroShmem(k, inode, from, from + bytes);
  }
  yield* unlock(inode.rwsem);
  return 0;
}

/** Pages [first, end), mapped or not. Private copies stay. */
function* removePages(k: Kernel, inode: Inode, first: number, end: number): Task {
  if (first >= end) return;
  yield* unmapMappingPages(k, inode, first, end, ZAP_EVEN_COWS_NOT);
  yield* truncateRange(k, inode, first, end);
}

/** ext4_punch_hole. i_rwsem held. */
function* ext4PunchHole(k: Kernel, inode: Inode, from: number, wanted: number): Task {
  yield* writeAndWait(k, inode, from >> 12, pagesOf(wanted));
  if (from >= inode.size) return;
  // At most to the end of the page that has the last byte.
  const end = Math.min(wanted, pagesOf(inode.size) << 12);
  yield* downWrite(inode.invalidateLock);
  // Beyond the size there may be whole pages in mappings, and none in the cache.
  yield* removePages(k, inode, pagesOf(from), Math.min(wanted >> 12, k.filePages));
  yield* zeroCached(k, inode, from, end);
  yield* zeroPartialBlocks(k, inode, from, end);
  // Whole blocks are given back: the first word of a page is in its first block.
  for (let at = Math.ceil(from / 4096) * 4096; at + BLOCK <= end; at += 4096) {
    k.cache.disk[cacheSlot(k, inode, at >> 12)] = 0;
  }
  yield* upWrite(inode.invalidateLock);
}
