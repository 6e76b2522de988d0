/** O_DIRECT (fs/iomap/direct-io.c): the device reads and writes user pages, which are held with plain references. */
import type { Task } from "../machine/core.ts";
import { EFBIG } from "../machine/errno.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { cleanupFolio, filemapRemoveFolio, findGetPage } from "./filemap.ts";
import { cacheSlot, type File, type Inode, pagesOf } from "./fs.ts";
import { FOLL_GET, FOLL_WRITE, getUserPagesFast, unpinUserPages } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { unmapMappingPages, ZAP_EVEN_COWS_NOT } from "./memoryZap.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { folioLockWord, folioMapcount, type Vpn } from "./page.ts";
import { writeAndWait } from "./pageWriteback.ts";
import { folioInode } from "./rmap.ts";
import { folioPut, lruAddDrain } from "./swap.ts";

const PAGE_SIZE = 4096;

/** pread of page `index` into page `at`. 4096, 0 beyond the end of the file, or -errno. */
export function* directRead(k: Kernel, p: Process, file: File, at: Vpn, index: number): Task<number> {
  const inode = file.inode as Inode;
  if (index >= pagesOf(inode.size)) return 0;
  yield* writeAndWait(k, inode, index, index + 1);
  const flags = FOLL_GET | FOLL_WRITE;
  const got = yield* getUserPagesFast(k, p.mm as Mm, at, 1, flags, k.scratch);
  if (got < 0) return got;
  k.frames.content[k.scratch.pfn[0]] = k.cache.disk[cacheSlot(k, inode, index)];
  yield* unpinUserPages(k, k.scratch, 1, flags, true);
  return PAGE_SIZE;
}

/** pwrite of page `at` to page `index`; extends the file. 4096 or -errno. */
export function* directWrite(k: Kernel, p: Process, file: File, at: Vpn, index: number): Task<number> {
  const inode = file.inode as Inode;
  if (index >= k.filePages) return -EFBIG;
  yield* lock(inode.rwsem);
  const written = yield* writeLocked(k, p, inode, at, index);
  yield* unlock(inode.rwsem);
  return written;
}

/** ext4_dio_write_iter, with i_rwsem held. */
function* writeLocked(k: Kernel, p: Process, inode: Inode, at: Vpn, index: number): Task<number> {
  yield* writeAndWait(k, inode, index, index + 1);
  yield* invalidatePage(k, inode, index);
  const got = yield* getUserPagesFast(k, p.mm as Mm, at, 1, FOLL_GET, k.scratch);
  if (got < 0) return got;
  k.cache.disk[cacheSlot(k, inode, index)] = k.frames.content[k.scratch.pfn[0]];
  yield* unpinUserPages(k, k.scratch, 1, FOLL_GET, false);
  yield* invalidatePage(k, inode, index);
  if (inode.size < (index + 1) * PAGE_SIZE) inode.size = (index + 1) * PAGE_SIZE;
  return PAGE_SIZE;
}

/** invalidate_inode_pages2_range: the cache must not have what the disk no longer has. */
function* invalidatePage(k: Kernel, inode: Inode, index: number): Task {
  const pfn = yield* findGetPage(k, inode, index);
  if (pfn < 0) return;
  yield* lockFolio(folioLockWord(k, pfn));
  if ((yield* folioMapcount(k, pfn)) > 0) yield* unmapMappingPages(k, inode, index, index + 1, ZAP_EVEN_COWS_NOT);
  if (folioInode(k, pfn) === inode) {
    yield* cleanupFolio(k, pfn);
    yield* filemapRemoveFolio(k, inode, pfn);
  }
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
  yield* lruAddDrain(k);
}
