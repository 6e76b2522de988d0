/** msync(2) and fsync(2): shared file pages go to disk. */
import type { Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import type { File, Inode } from "./fs.ts";
import { getInode, putInode } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { linearPageIndex, type Mm, type Process, VM_SHARED } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";
import { writeAndWait } from "./pageWriteback.ts";
import { findVma } from "./vma.ts";

export const MS_SYNC = 4;

/** msync(2): each VMA's file is synced without mmap_lock. 0 or -ENOMEM over holes. */
export function* sysMsync(k: Kernel, p: Process, at: Vpn, n: number, flags: number): Task<number> {
  const mm = p.mm as Mm;
  const end = at + n;
  let unmapped = 0;
  yield* downRead(mm.mmapLock);
  for (let start = at; start < end; ) {
    const vma = findVma(mm, start);
    if (!vma || vma.start >= end) {
      unmapped = -ENOMEM;
      break;
    }
    if (vma.start > start) {
      unmapped = -ENOMEM;
      start = vma.start;
    }
    const stop = Math.min(vma.end, end);
    const inode: Inode | null = vma.inode;
    if ((flags & MS_SYNC) !== 0 && inode && (vma.flags & VM_SHARED) !== 0) {
      const from = linearPageIndex(vma, start);
      getInode(inode);
      yield* upRead(mm.mmapLock);
      yield* writeAndWait(k, inode, from, from + (stop - start));
      yield* putInode(k, inode);
      yield* downRead(mm.mmapLock);
    }
    start = stop;
  }
  yield* upRead(mm.mmapLock);
  return unmapped;
}

/** fsync(2). */
export function* fsyncFile(k: Kernel, file: File): Task<number> {
  yield* writeAndWait(k, file.inode as Inode, 0, k.filePages);
  return 0;
}
