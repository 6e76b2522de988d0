/** The page cache (mm/filemap.c): finding, adding and removing pages of an inode; reading them from disk. */
import type { Task } from "../machine/core.ts";
import { EFAULT, ENOMEM } from "../machine/errno.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import { __GFP_COMP, __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../machine/gfp.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { balanceDirtyPagesRatelimited } from "./balanceDirty.ts";
import { cacheEntry, cacheSlot, EXT4, type File, type Inode, pagesOf, TMPFS } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";
import { memCgroupChargeCurrent } from "./memcontrol.ts";
import {
  clearFlag,
  folioGet,
  folioLockWord,
  hasFlag,
  type Pfn,
  PG_dirty,
  PG_private,
  PG_swapbacked,
  PG_uptodate,
  setFlag,
} from "./page.ts";
import { allocPage } from "./pageAlloc.ts";
import { attachBuffers, freeBuffers, setPageDirty } from "./pageWriteback.ts";
import { asyncMmapReadahead, syncMmapReadahead } from "./readahead.ts";
import { folioInode } from "./rmap.ts";
import { shmemGetPage } from "./shmem.ts";
import { folioAddLru, folioMarkAccessed, folioPut } from "./swap.ts";
import { countBoth, EV } from "./vmstat.ts";
import { workingsetRefault } from "./workingset.ts";

/** filemap_get_folio: the cached page with a reference, or -1. */
export function* findGetPage(k: Kernel, inode: Inode, index: number): Task<Pfn> {
  yield* lock(inode.xaLock);
  const pfn = cacheEntry(k, inode, index);
  if (pfn >= 0) yield* folioGet(k, pfn);
  yield* unlock(inode.xaLock);
  return pfn;
}

/** find_lock_page: locked, with a reference, and still in the cache; -1 when there is none. */
export function* findLockPage(k: Kernel, inode: Inode, index: number): Task<Pfn> {
  for (;;) {
    const pfn = yield* findGetPage(k, inode, index);
    if (pfn < 0) return -1;
    yield* lockFolio(folioLockWord(k, pfn));
    if (folioInode(k, pfn) === inode && k.frames.index[pfn] === index) return pfn;
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
  }
}

/** What `addToPageCache` answers when somebody was faster. */
export const EXISTS = 1;

/**
 * __filemap_add_folio: `pfn`, locked and charged, becomes the cached page. EXISTS when somebody was faster, else what was
 * there before: 0, or the shadow of a page that was evicted. `onlyHole`: what is below 0 is no shadow, but a page in swap.
 */
export function* addToPageCache(k: Kernel, inode: Inode, index: number, pfn: Pfn, onlyHole = false): Task<number> {
  yield* lock(inode.xaLock);
  const slot = cacheSlot(k, inode, index);
  const before = k.cache.page[slot];
  const free = onlyHole ? before === 0 : before <= 0;
  if (free) {
    if (before < 0) inode.nrshadows--;
    yield* folioGet(k, pfn);
    k.frames.mapping[pfn] = inode.id + 1;
    k.frames.index[pfn] = index;
    k.cache.page[slot] = pfn + 1;
    inode.nrpages++;
    noteCached(k, pfn);
  }
  yield* unlock(inode.xaLock);
  return free ? before : EXISTS;
}

/** filemap_remove_folio: out of the cache, whose reference is dropped. Folio locked, the caller has a reference. */
export function* filemapRemoveFolio(k: Kernel, inode: Inode, pfn: Pfn): Task {
  yield* lock(inode.xaLock);
  k.cache.page[cacheSlot(k, inode, k.frames.index[pfn])] = 0;
  k.frames.mapping[pfn] = 0;
  inode.nrpages--;
  noteCached(k, pfn);
  yield* unlock(inode.xaLock);
  yield* folioPut(k, pfn);
}

/** A folio has come into the page cache or has left it: NR_FILE_PAGES, and NR_SHMEM of shared memory. i_pages lock held. */
export function noteCached(k: Kernel, pfn: Pfn): void {
  memcgRstatUpdated(k, 1);
  if (isShmem(k, pfn)) memcgRstatUpdated(k, 1);
}

/** What filemap_fault returns when it had to read: the fault is to be tried again. */
export const FAULT_RETRY = -1024;
/**
 * filemap_fault: the page of a fault, locked and with a reference; -EFAULT beyond the end of the file, -ENOMEM. A page that
 * is not cached is read together with its neighbours, without mmap_lock in the kernel: FAULT_RETRY. `alone`: MADV_RANDOM,
 * it is read alone. `memcg` is whom the fault is counted for.
 */
export function* filemapFault(
  k: Kernel,
  inode: Inode,
  index: number,
  alone: boolean,
  memcg: number,
): Task<Pfn | number> {
  if (index >= pagesOf(inode.size)) return -EFAULT;
  yield* downRead(inode.invalidateLock);
  let again = cacheEntry(k, inode, index) < 0;
  if (again) {
    countBoth(k, memcg, EV.pgmajfault);
    if (!alone) yield* syncMmapReadahead(k, inode, index);
  } else if (!alone) {
    again = yield* asyncMmapReadahead(k, inode, index);
  }
  const pfn = yield* readPage(k, inode, index, GFP_KERNEL);
  yield* upRead(inode.invalidateLock);
  if (pfn < 0 || (!again && index < pagesOf(inode.size))) return pfn;
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
  return again ? FAULT_RETRY : -EFAULT;
}

/** The cached page, or one read from disk: locked, with a reference; -ENOMEM. */
export function* readPage(k: Kernel, inode: Inode, index: number, gfp: number): Task<Pfn | number> {
  for (;;) {
    const cached = yield* findLockPage(k, inode, index);
    if (cached >= 0) return cached;
    const pfn = yield* allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_ZERO);
    if (pfn < 0) return -ENOMEM;
    if ((yield* memCgroupChargeCurrent(k, pfn, gfp)) !== 0) {
      yield* folioPut(k, pfn);
      return -ENOMEM;
    }
    yield* lockFolio(folioLockWord(k, pfn));
    const shadow = yield* addToPageCache(k, inode, index, pfn);
    if (shadow !== EXISTS) {
      k.frames.content[pfn] = k.cache.disk[cacheSlot(k, inode, index)];
      setFlag(k, pfn, PG_uptodate);
      if (shadow !== 0) yield* workingsetRefault(k, pfn, shadow);
      yield* folioAddLru(k, pfn);
      return pfn;
    }
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
  }
}

/** write(2) of one page of `content`. 4096 or -errno. */
export function* fileWrite(k: Kernel, file: File, index: number, content: number): Task<number> {
  const inode = file.inode as Inode;
  if (index >= k.filePages) return -27;
  yield* lock(inode.rwsem);
  const pfn = inode.kind === TMPFS ? yield* shmemGetPage(k, inode, index) : yield* writeBegin(k, inode, index);
  if (pfn >= 0) {
    k.frames.content[pfn] = content;
    setFlag(k, pfn, PG_uptodate);
    yield* setPageDirty(k, pfn);
    if (inode.kind === TMPFS) yield* folioMarkAccessed(k, pfn);
    if (inode.size < (index + 1) << 12) inode.size = (index + 1) << 12;
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
  }
  yield* unlock(inode.rwsem);
  if (pfn >= 0 && inode.kind === EXT4) yield* balanceDirtyPagesRatelimited(k);
  return pfn < 0 ? pfn : 4096;
}

/** ext4's write_begin: the page, with buffers. It need not be read, since all of it is overwritten. */
function* writeBegin(k: Kernel, inode: Inode, index: number): Task<Pfn | number> {
  const pfn = yield* readPage(k, inode, index, GFP_KERNEL);
  if (pfn >= 0) yield* attachBuffers(k, pfn);
  return pfn;
}

/** read(2) of one page: its content; 0 for what is beyond the end. */
export function* fileRead(k: Kernel, file: File, index: number): Task<number> {
  const inode = file.inode as Inode;
  if (index >= pagesOf(inode.size)) return 0;
  const pfn = inode.kind === EXT4 ? yield* readPage(k, inode, index, GFP_KERNEL) : yield* shmemGetPage(k, inode, index);
  if (pfn < 0) return pfn;
  const content = k.frames.content[pfn];
  yield* folioMarkAccessed(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
  return content;
}

/** truncate_cleanup_folio, invalidate_folio: the page's content counts no more. Folio locked. */
export function* cleanupFolio(k: Kernel, pfn: Pfn): Task {
  if (hasFlag(k, pfn, PG_dirty) && !isShmem(k, pfn)) memcgRstatUpdated(k, 1); // NR_FILE_DIRTY
  clearFlag(k, pfn, PG_dirty);
  if ((k.frames.flags[pfn] & PG_private) === 0) return;
  clearFlag(k, pfn, PG_private);
  freeBuffers(k, pfn);
  yield* folioPut(k, pfn);
}

/** Is it shared memory (tmpfs), which counts as anonymous for reclaim? */
export const isShmem = (k: Kernel, pfn: Pfn): boolean => (k.frames.flags[pfn] & PG_swapbacked) !== 0;
