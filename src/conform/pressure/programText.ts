/**
 * The text of the program of a pressure job, where the machine itself is short of memory. The root file system of the guest is a tmpfs, so
 * text is shared memory: on the anonymous lists, swapped out, and mapped again by the faults of whoever calls it next.
 *
 *   file of the tmpfs, since boot ─ mapped ─▶ touched: to begin with; at each look at the statistics; in the loop of accesses
 *
 * In a memory cgroup it is paid for by the one who unpacked it, so the group's reclaim never sees it.
 */
import type { Task } from "../../machine/core.ts";
import { O_CREAT } from "../../mm/fs.ts";
import { MADV_PAGEOUT } from "../../mm/madvise.ts";
import { MAP_PRIVATE, PROT_EXEC, PROT_READ } from "../../mm/mmTypes.ts";
import { get, madvise, mmap, open, path, windowAt, writePage } from "../../mm/user/calls.ts";

/** Window of the program's file: its pages up to the end of what is only read, as the recorder's build has them. */
export const TEXT = windowAt(21);
export const TEXT_PAGES = 0xc2;
/**
 * Page numbers in the file of what runs, in the order of first use: seen by taking the rights away at the start and after each getrusage.
 * Until main() is there; at each look at the statistics; after it; and in the loop, which is main() and clock_gettime().
 */
export const TEXT_USES = [
  [
    0x01, 0x03, 0x4a, 0x49, 0x04, 0x02, 0x00, 0x28, 0x29, 0x89, 0x73, 0x7b, 0x44, 0x74, 0x2b, 0x2c, 0x4c, 0x58, 0x47,
    0x71, 0x72, 0x83, 0x84, 0x3c, 0xb4, 0x27, 0x23, 0x26, 0x25, 0x24, 0x22, 0x2e, 0x4b, 0x87, 0x82, 0x81, 0x37, 0x38,
    0x09, 0x7f, 0xb3, 0x8b, 0x85, 0x48, 0x97, 0xb5, 0x9b, 0x36, 0x41, 0x0a, 0xa0, 0xb1, 0x46,
  ],
  [
    0x1a, 0x26, 0x99, 0x20, 0x1e, 0x1f, 0x21, 0xb3, 0x46, 0x43, 0x9b, 0x0b, 0x10, 0xb4, 0x9a, 0x11, 0x1d, 0x70, 0xa1,
    0x13, 0x16, 0xa0, 0x15, 0x12, 0x0a, 0x1c, 0x27, 0x24,
  ],
  [0x47, 0x01, 0x02],
  [0x01, 0x02, 0x45],
] as const;
export const START = 0;
export const STATISTICS = 1;
export const AFTER_STATISTICS = 2;
export const LOOP = 3;

/** Boot: the files of the initial memory are unpacked. Jobs before this one have left them in swap. Then the program is mapped. */
export function* mapText(): Task {
  const file = yield* open(path("/tmp/pressure"), O_CREAT);
  for (let i = 0; i < TEXT_PAGES; i++) yield* writePage(file, i, 0x74);
  yield* mmap(TEXT, TEXT_PAGES, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
  for (let i = 0; i < TEXT_PAGES; i++) yield* get(TEXT + i);
  yield* madvise(TEXT, TEXT_PAGES, MADV_PAGEOUT);
}
