/**
 * The system calls of the running process, as a C library has them. Addresses and lengths are pages; results below 0 are
 * -errno, where C has -1 and errno.
 */
import type { Task } from "../../machine/core.ts";
import { fatalSignalPending } from "../../machine/killable.ts";
import { type File, type Inode, O_CREAT, O_TRUNC } from "../fs.ts";
import { nameFile } from "../inode.ts";
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_POPULATE,
  MAP_PRIVATE,
  PROT_READ,
  PROT_WRITE,
} from "../mmTypes.ts";
import type { Vpn } from "../page.ts";
import { fillBuffer } from "./program.ts";
import { kernelCalls, self, userSpace } from "./space.ts";
import { filledWith } from "./types.ts";
import { cachedRead, cachedWrite, NOT_CACHED, noteWalk } from "./userTlb.ts";

/** First page of window `i`; windows are 2^20 pages apart. */
export const windowAt = (i: number): Vpn => (i + 1) << 20;
export const A: Vpn = windowAt(0);
export const B: Vpn = windowAt(1);
export const C: Vpn = windowAt(2);
/** PROT_READ; PROT_READ | PROT_WRITE. */
export const PR: number = PROT_READ;
export const PW: number = PROT_READ | PROT_WRITE;
/** Bytes of a page, for `ftruncate` and `punchHole`. */
export const PG = 4096;

/** The address, or -errno. Maps at a fixed place (MAP_FIXED), but for `at` 0: anywhere, and with MAP_FIXED_NOREPLACE. */
export function* mmap(at: Vpn, n: number, prot: number, flags: number, file: File | null, pgoff: number): Task<number> {
  const fixed = at === 0 || (flags & MAP_FIXED_NOREPLACE) !== 0 ? 0 : MAP_FIXED;
  return yield* kernelCalls().mmap(userSpace().k, self(), at, n, prot, flags | fixed, file, pgoff);
}

/** Private anonymous memory, to be read and written. */
export function* anon(at: Vpn, n: number): Task<number> {
  return yield* mmap(at, n, PW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
}

export function* munmap(at: Vpn, n: number): Task<number> {
  return yield* kernelCalls().munmap(userSpace().k, self(), at, n);
}
export function* mprotect(at: Vpn, n: number, prot: number): Task<number> {
  return yield* kernelCalls().mprotect(userSpace().k, self(), at, n, prot);
}
/** `to` counts with MREMAP_FIXED only. */
export function* mremap(old: Vpn, oldPages: number, pages: number, flags: number, to: Vpn): Task<number> {
  return yield* kernelCalls().mremap(userSpace().k, self(), old, oldPages, pages, flags, to);
}
/** The break afterwards; `brk(0)` asks. */
export function* brk(to: Vpn): Task<number> {
  return yield* kernelCalls().brk(userSpace().k, self(), to);
}
export function* madvise(at: Vpn, n: number, advice: number): Task<number> {
  return yield* kernelCalls().madvise(userSpace().k, self(), at, n, advice);
}
export function* mlock(at: Vpn, n: number): Task<number> {
  return yield* kernelCalls().mlock(userSpace().k, self(), at, n);
}
export function* munlock(at: Vpn, n: number): Task<number> {
  return yield* kernelCalls().munlock(userSpace().k, self(), at, n);
}
/** With MLOCK_ONFAULT pages are locked as they are touched. */
export function* mlock2(at: Vpn, n: number, flags: number): Task<number> {
  return yield* kernelCalls().mlock2(userSpace().k, self(), at, n, flags);
}
export function* mlockall(flags: number): Task<number> {
  return yield* kernelCalls().mlockall(userSpace().k, self(), flags);
}
export function* munlockall(): Task<number> {
  return yield* kernelCalls().munlockall(userSpace().k, self());
}
/** Which of at most 30 pages are in memory: bit i for page `at` + i; or -errno. */
export function* mincore(at: Vpn, n: number): Task<number> {
  return yield* kernelCalls().mincore(userSpace().k, self(), at, n);
}
export function* msync(at: Vpn, n: number, flags: number): Task<number> {
  return yield* kernelCalls().msync(userSpace().k, self(), at, n, flags);
}

/** The first word of page `at`; -EFAULT where C would die. */
export function* get(at: Vpn): Task<number> {
  const cached = cachedRead(userSpace().tlb, self(), at);
  if (cached !== NOT_CACHED) return cached;
  const value = yield* kernelCalls().userRead(userSpace().k, self(), at);
  noteWalk(userSpace().tlb, self(), at);
  return value;
}
export function* set(at: Vpn, value: number): Task<number> {
  if (cachedWrite(userSpace().tlb, self(), at, value)) return 0;
  const error = yield* kernelCalls().userWrite(userSpace().k, self(), at, value);
  noteWalk(userSpace().tlb, self(), at);
  return error;
}
/** `value`, `value` + 1, … into the pages from `at` on. 0, or -EFAULT for the first that cannot be written. */
export function* fill(at: Vpn, n: number, value: number): Task<number> {
  let error = 0;
  for (let i = 0; i < n && error === 0; i++) error = yield* set(at + i, value + i);
  return error;
}

/** A page that is far from all windows: the one that `drain` maps. */
const SCRATCH: Vpn = windowAt(40);

/** lru_add_drain(), reached from user space: mlock of a page does it. */
export function* drain(): Task {
  yield* mmap(SCRATCH, 1, PW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, null, 0);
  yield* mlock(SCRATCH, 1);
  yield* munmap(SCRATCH, 1);
}

/** Number of a path: what task code passes on, since it keeps no strings. */
export type Path = number;
/** "/tmp/…" is tmpfs, "/mnt/…" a disk like ext4. */
export const path = (name: string): Path => nameFile(userSpace().k, name);

export function open(at: Path, flags: number): Task<File> {
  return kernelCalls().open(userSpace().k, self(), at, flags) as Task<File>;
}
export function* close(file: File): Task<number> {
  return yield* kernelCalls().close(userSpace().k, self(), file);
}
export function* unlink(at: Path): Task<number> {
  return yield* kernelCalls().unlink(userSpace().k, self(), at);
}
export function* closeAndUnlink(file: File): Task {
  if (fatalSignalPending()) return;
  const at = (file.inode as Inode).path;
  yield* close(file);
  yield* unlink(at);
}
/** A page full of `byte` at page `pgoff` of the file. */
export function* writePage(file: File, pgoff: number, byte: number): Task<number> {
  return yield* kernelCalls().fileWrite(userSpace().k, self(), file, pgoff, filledWith(byte));
}
/** A new file of `n` pages full of 'a', 'b', …, written back. */
export function* mkfile(at: Path, n: number): Task<File> {
  const file = yield* open(at, O_CREAT | O_TRUNC);
  for (let i = 0; i < n; i++) {
    yield* fillBuffer();
    yield* writePage(file, i, 0x61 + i);
  }
  yield* fsync(file);
  return file;
}
/** One page, O_DIRECT, between memory at `at` and page `pgoff` of the file. 4096 or -errno. */
export function* pread(file: File, at: Vpn, pgoff: number): Task<number> {
  return yield* kernelCalls().directRead(userSpace().k, self(), file, at, pgoff);
}
export function* pwrite(file: File, at: Vpn, pgoff: number): Task<number> {
  return yield* kernelCalls().directWrite(userSpace().k, self(), file, at, pgoff);
}
/** `bytes`, not pages. */
export function* ftruncate(file: File, bytes: number): Task<number> {
  return yield* kernelCalls().ftruncate(userSpace().k, self(), file, bytes);
}
/** fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE); bytes. */
export function* punchHole(file: File, from: number, bytes: number): Task<number> {
  return yield* kernelCalls().punchHole(userSpace().k, self(), file, from, bytes);
}
export function* fsync(file: File): Task<number> {
  return yield* kernelCalls().fsync(userSpace().k, self(), file);
}
/** Write to /proc/sys/vm/drop_caches: 1 = page cache, 2 = slab. */
export function* dropCaches(what: number): Task {
  yield* kernelCalls().dropCaches(userSpace().k, self(), what);
}
/** write(2) of one digit to /proc/self/clear_refs: 0, or -errno. */
export function* clearRefs(what: number): Task<number> {
  return Math.min(yield* kernelCalls().clearRefs(userSpace().k, self(), what), 0);
}
/** pwrite(2) of 8 bytes to /proc/self/mem. */
export function* procMemWrite(at: Vpn, value: number): Task<number> {
  return yield* kernelCalls().procMemWrite(userSpace().k, self(), self(), at, value);
}
/** The pages `at` … `at + n - 1` to `node`; `movePagesStatus(i)` is what became of each. */
export function* movePages(at: Vpn, n: number, node: number, flags: number): Task<number> {
  return yield* kernelCalls().movePages(userSpace().k, self(), at, n, node, flags);
}
/** move_pages without nodes: `movePagesStatus(i)` says where page `at` + i is. */
export function* pagesStatus(at: Vpn, n: number): Task<number> {
  return yield* kernelCalls().pagesStatus(userSpace().k, self(), at, n);
}
export function* migratePages(from: number, to: number): Task<number> {
  return yield* kernelCalls().migratePages(userSpace().k, self(), from, to);
}
export function* mbind(at: Vpn, n: number, mode: number, nodemask: number, flags: number): Task<number> {
  return yield* kernelCalls().mbind(userSpace().k, self(), at, n, mode, nodemask, flags);
}
