/** posix_fadvise (mm/fadvise.c). */
import type { Task } from "../machine/core.ts";
import { invalidateMappingPages } from "./dropCaches.ts";
import type { File, Inode } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { writeAndWait } from "./pageWriteback.ts";
import { lruAddDrain } from "./swap.ts";

/** POSIX_FADV_DONTNEED of pages [from, to): written, and dropped if nobody uses them. 0. */
export function* fadviseDontneed(k: Kernel, file: File, from: number, to: number): Task<number> {
  const inode = file.inode as Inode;
  yield* writeAndWait(k, inode, from, to);
  yield* lruAddDrain(k);
  yield* invalidateMappingPages(k, inode, from, Math.min(to, k.filePages));
  return 0;
}
