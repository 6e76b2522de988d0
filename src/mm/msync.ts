/** msync(2) and fsync(2): shared file pages go to disk. */
import type { Task } from "../machine/core.ts";
import { EBUSY, EINVAL, ENOMEM } from "../machine/errno.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import type { File, Inode } from "./fs.ts";
import { getInode, putInode } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { linearPageIndex, type Mm, type Process, VM_LOCKED, VM_SHARED } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";
import { writeAndWait } from "./pageWriteback.ts";
import { findVma } from "./vma.ts";

export const MS_ASYNC = 1;
export const MS_INVALIDATE = 2;
export const MS_SYNC = 4;

/**
 * msync(2): with MS_SYNC each shared VMA's file is synced, without mmap_lock meanwhile. 0; -EINVAL, -EBUSY (MS_INVALIDATE
 * of locked memory), -ENOMEM over holes, which end only a mere MS_ASYNC.
 */
export function* sysMsync(k: Kernel, p: Process, at: Vpn, n: number, flags: number): Task<number> {
  const mm = p.mm as Mm;
  const end = at + n;
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0) return -EINVAL;
  if ((flags & (MS_ASYNC | MS_SYNC)) === (MS_ASYNC | MS_SYNC)) return -EINVAL;
  if (n <= 0) return n === 0 ? 0 : -ENOMEM;
  let unmapped = 0;
  let error = 0;
  yield* downRead(mm.mmapLock);
  for (let start = at; start < end && error === 0; ) {
    const vma = findVma(mm, start);
    if (!vma || vma.start >= end || (vma.start > start && flags === MS_ASYNC)) {
      error = -ENOMEM;
      break;
    }
    if (vma.start > start) unmapped = -ENOMEM;
    if ((flags & MS_INVALIDATE) !== 0 && (vma.flags & VM_LOCKED) !== 0) {
      error = -EBUSY;
      break;
    }
    const from = Math.max(start, vma.start);
    start = Math.min(vma.end, end);
    const inode: Inode | null = vma.inode;
    if ((flags & MS_SYNC) !== 0 && inode && (vma.flags & VM_SHARED) !== 0) {
      const index = linearPageIndex(vma, from);
      getInode(inode);
      yield* upRead(mm.mmapLock);
      yield* writeAndWait(k, inode, index, index + (start - from));
      yield* putInode(k, inode);
      yield* downRead(mm.mmapLock);
    }
  }
  yield* upRead(mm.mmapLock);
  return error !== 0 ? error : unmapped;
}

/** fsync(2). */
export function* fsyncFile(k: Kernel, file: File): Task<number> {
  yield* writeAndWait(k, file.inode as Inode, 0, k.filePages);
  return 0;
}
