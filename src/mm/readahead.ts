/**
 * Reading ahead of faults on a mapped file (mm/readahead.c, do_sync_mmap_readahead and do_async_mmap_readahead in
 * mm/filemap.c).
 *
 *   not cached              ─▶ 32 pages around the fault; the one three quarters into the window gets PG_readahead
 *   cached, PG_readahead    ─▶ the next window is read, before it is needed
 *   misses without hits     ─▶ more than 100, and nothing is read ahead any more
 *
 * What is remembered (struct file_ra_state) stands in the inode: one open file each. Without `KernelOptions.readahead`
 * nothing is remembered and every miss reads around, so that searches meet few states.
 */
import type { Task } from "../machine/core.ts";
import { unlockFolio } from "../machine/folioLock.ts";
import { __GFP_NORETRY, __GFP_NOWARN, GFP_KERNEL } from "../machine/gfp.ts";
import { readPage } from "./filemap.ts";
import { cacheEntry, type Inode, pagesOf } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { clearFlag, folioLockWord, hasFlag, PG_readahead, PG_writeback, setFlag } from "./page.ts";
import { folioPut } from "./swap.ts";

/** ra_pages of a device: 128 KiB. */
const RA_PAGES = 32;
/** MMAP_LOTSAMISS. */
const LOTS_OF_MISSES = 100;
/** Reading ahead is a favour: it does not insist on memory. */
const GFP_READAHEAD = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;

/** do_sync_mmap_readahead: page `index` is not cached. Without memory less is read. */
export function* syncMmapReadahead(k: Kernel, inode: Inode, index: number): Task {
  if (k.readahead) {
    if (inode.mmapMiss < LOTS_OF_MISSES * 10) inode.mmapMiss++;
    if (inode.mmapMiss > LOTS_OF_MISSES) return;
  }
  const start = Math.max(0, index - RA_PAGES / 2);
  setWindow(k, inode, start, RA_PAGES, RA_PAGES / 4);
  yield* pageCacheRa(k, inode, start, RA_PAGES, RA_PAGES / 4);
}

/** do_async_mmap_readahead: page `index` is cached, but not mapped. True when there was something to read. */
export function* asyncMmapReadahead(k: Kernel, inode: Inode, index: number): Task<boolean> {
  if (!k.readahead) return false;
  if (inode.mmapMiss > 0) inode.mmapMiss--;
  const pfn = cacheEntry(k, inode, index);
  if (pfn < 0 || !hasFlag(k, pfn, PG_readahead)) return false;
  if (hasFlag(k, pfn, PG_writeback)) return true;
  clearFlag(k, pfn, PG_readahead);
  const start = nextWindow(k, inode, index);
  if (start < 0) return true;
  setWindow(k, inode, start, RA_PAGES, RA_PAGES);
  yield* pageCacheRa(k, inode, start, RA_PAGES, RA_PAGES);
  return true;
}

/** ondemand_readahead at a mark: behind the window that it is in, or behind what happens to be cached; -1 = nowhere near. */
function nextWindow(k: Kernel, inode: Inode, index: number): number {
  const end = inode.raStart + inode.raSize;
  if (index === 0) return 0;
  if (index === end - inode.raAsync || index === end) return end;
  for (let hole = index + 1; hole <= index + RA_PAGES; hole++) if (cacheEntry(k, inode, hole) < 0) return hole;
  return -1;
}

function setWindow(k: Kernel, inode: Inode, start: number, size: number, async: number): void {
  if (!k.readahead) return;
  inode.raStart = start;
  inode.raSize = size;
  inode.raAsync = async;
}

/** page_cache_ra_unbounded: what is not cached of [start, start + size); a mark on the first of the last `async` pages. */
function* pageCacheRa(k: Kernel, inode: Inode, start: number, size: number, async: number): Task {
  const n = Math.min(size, pagesOf(inode.size) - start);
  for (let i = 0; i < n; i++) {
    if (cacheEntry(k, inode, start + i) >= 0) continue;
    const pfn = yield* readPage(k, inode, start + i, GFP_READAHEAD);
    if (pfn < 0) return;
    if (k.readahead && i === n - async) setFlag(k, pfn, PG_readahead);
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
  }
}
