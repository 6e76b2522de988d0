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
import { folioMarkAccessed, folioPut, lruAddDrain } from "./swap.ts";

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

/** truncate_pagecache, shmem's and ext4's alike: the new size is set already. */
function* truncatePagecache(k: Kernel, inode: Inode, from: number): Task {
  yield* unmapMappingPages(k, inode, from, -1, ZAP_ALL);
  yield* truncateInodePages(k, inode, from);
  yield* unmapMappingPages(k, inode, from, -1, ZAP_ALL);
}

/** ftruncate(2). */
export function* truncateSetsize(k: Kernel, inode: Inode, bytes: number): Task<number> {
  if (bytes < 0 || pagesOf(bytes) > k.filePages) return -EINVAL;
  yield* lock(inode.rwsem);
  const before = inode.size;
  if (inode.kind === EXT4) yield* downWrite(inode.invalidateLock);
  inode.size = bytes;
  if (inode.kind === EXT4 && bytes > before) yield* isizeExtended(k, inode, before, bytes);
  // ext4 does it whatever the size was before.
  if (bytes < before || inode.kind === EXT4) yield* truncatePagecache(k, inode, pagesOf(bytes));
  if (inode.kind === EXT4) {
    if (bytes <= before && bytes % BLOCK !== 0) yield* zeroPartialPage(k, inode, bytes >> 12);
    yield* upWrite(inode.invalidateLock);
    for (let i = pagesOf(bytes); i < k.filePages; i++) k.cache.disk[inode.slot * k.filePages + i] = 0;
  }
  yield* unlock(inode.rwsem);
  return 0;
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

/** ext4_block_zero_page_range: part of a page that has a block on disk becomes zero, which makes it dirty. */
function* zeroPartialPage(k: Kernel, inode: Inode, index: number): Task {
  const pfn = yield* findLockPage(k, inode, index);
  if (pfn < 0) return;
  yield* folioMarkAccessed(k, pfn);
  yield* setPageDirty(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
}

/** fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE): only whole pages vanish. */
export function* punchHole(k: Kernel, inode: Inode, from: number, bytes: number): Task<number> {
  if (from < 0 || bytes <= 0) return -EINVAL;
  const first = pagesOf(from);
  const end = Math.min((from + bytes) >> 12, k.filePages);
  yield* lock(inode.rwsem);
  if (inode.kind === EXT4) {
    yield* writeAndWait(k, inode, from >> 12, pagesOf(from + bytes));
    yield* downWrite(inode.invalidateLock);
  }
  if (first < end) {
    yield* unmapMappingPages(k, inode, first, end, ZAP_EVEN_COWS_NOT);
    yield* truncateRange(k, inode, first, end);
  }
  if (inode.kind === EXT4) {
    yield* zeroPartialPages(k, inode, from, Math.min(from + bytes, pagesOf(inode.size) << 12));
    for (let i = first; i < end; i++) k.cache.disk[inode.slot * k.filePages + i] = 0;
    yield* upWrite(inode.invalidateLock);
  }
  yield* unlock(inode.rwsem);
  return 0;
}

/** ext4_zero_partial_blocks: the pages at both ends of [from, end), if they are not hit as a whole. */
function* zeroPartialPages(k: Kernel, inode: Inode, from: number, end: number): Task {
  const [first, last] = [from >> 12, (end - 1) >> 12];
  const startsInside = from % 4096 !== 0;
  const endsInside = end % 4096 !== 0;
  if (startsInside || (first === last && endsInside)) yield* zeroPartialPage(k, inode, first);
  if (first !== last && endsInside) yield* zeroPartialPage(k, inode, last);
}
