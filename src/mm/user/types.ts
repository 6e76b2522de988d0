/**
 * What the memory management offers to user processes and to the probe: the entry points of src/mm/syscalls.ts, their
 * units and their results. All of them are task code, so they are called with `yield*`; a result below 0 is -errno.
 *
 * Addresses are virtual page numbers (`vpn`), lengths are pages, offsets into files are pages; only sizes of files
 * (`ftruncate`, `fallocate`) are bytes. A page holds one word, its content (0 after zero-filling).
 */
import type { Task } from "../../machine/core.ts";
import type { File } from "../fs.ts";
import type { Pages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm, Process } from "../mmTypes.ts";
import type { IntervalNotifier } from "../mmuNotifierTypes.ts";
import type { Vpn } from "../page.ts";

/** First page of window A (0), B (1), …: 2^20 pages apart. */
export const windowStart = (k: Kernel, i: number): Vpn => (i + 1) << k.windowShift;

/** Content of a page that is filled with one byte all over, as memset does: a word that no `set` makes. */
export const filledWith = (byte: number): number => (1 << 29) | byte;

/**
 * The system calls. `p` is the calling process.
 *
 * A process is taken from a pool by `createProcess` (set-up) or `fork`; who runs its code is the caller's business: fork
 * only makes the copy, and the façade then spawns a task that acts for the child and ends with `exit`.
 */
export interface SystemCalls {
  /** mmap: at `at` with MAP_FIXED, else there or anywhere. The address, or -errno. */
  mmap(
    k: Kernel,
    p: Process,
    at: Vpn,
    n: number,
    prot: number,
    flags: number,
    file: File | null,
    pgoff: number,
  ): Task<number>;
  munmap(k: Kernel, p: Process, at: Vpn, n: number): Task<number>;
  mprotect(k: Kernel, p: Process, at: Vpn, n: number, prot: number): Task<number>;
  /** The new address, or -errno. */
  mremap(k: Kernel, p: Process, old: Vpn, oldPages: number, pages: number, flags: number, to: Vpn): Task<number>;
  /** The break afterwards, in pages. `brk(k, p, 0)` asks. */
  brk(k: Kernel, p: Process, to: Vpn): Task<number>;
  madvise(k: Kernel, p: Process, at: Vpn, n: number, advice: number): Task<number>;
  mlock(k: Kernel, p: Process, at: Vpn, n: number): Task<number>;
  munlock(k: Kernel, p: Process, at: Vpn, n: number): Task<number>;
  /** mlock2: `flags` 0 or MLOCK_ONFAULT (1). */
  mlock2(k: Kernel, p: Process, at: Vpn, n: number, flags: number): Task<number>;
  /** MCL_CURRENT 1, MCL_FUTURE 2, MCL_ONFAULT 4. */
  mlockall(k: Kernel, p: Process, flags: number): Task<number>;
  munlockall(k: Kernel, p: Process): Task<number>;
  /** Bit i: page `at` + i is resident. At most 30 pages; or -errno. */
  mincore(k: Kernel, p: Process, at: Vpn, n: number): Task<number>;
  msync(k: Kernel, p: Process, at: Vpn, n: number, flags: number): Task<number>;

  /** A load from page `at`: its content, or -EFAULT. `userReadResident` in cpuAccess.ts is the path without a fault. */
  userRead(k: Kernel, p: Process, at: Vpn): Task<number>;
  /** A store. 0 or -EFAULT. */
  userWrite(k: Kernel, p: Process, at: Vpn, content: number): Task<number>;

  /** The child process, or -errno. */
  fork(k: Kernel, p: Process): Task<Process | number>;
  /** The child shares the mm until it calls `exec` or `exit`. */
  vfork(k: Kernel, p: Process): Task<Process | number>;
  exec(k: Kernel, p: Process): Task<number>;
  /** Gives up the mm; the last user tears it down. */
  exit(k: Kernel, p: Process): Task;

  /** "/tmp/…" is tmpfs, "/mnt/…" ext4-like; flags O_CREAT | O_TRUNC | O_DIRECT; `path` is the number that `nameFile` of inode.ts gives. A file, or -errno. */
  open(k: Kernel, p: Process, path: number, flags: number): Task<File | number>;
  close(k: Kernel, p: Process, file: File): Task<number>;
  unlink(k: Kernel, p: Process, path: number): Task<number>;
  /** write(2) of one whole page of `content` at page `pgoff`; extends the file. */
  fileWrite(k: Kernel, p: Process, file: File, pgoff: number, content: number): Task<number>;
  /** read(2): the content. */
  fileRead(k: Kernel, p: Process, file: File, pgoff: number): Task<number>;
  /** pread / pwrite of one page from / to memory of `p`, O_DIRECT. 4096 or -errno. */
  directRead(k: Kernel, p: Process, file: File, at: Vpn, pgoff: number): Task<number>;
  directWrite(k: Kernel, p: Process, file: File, at: Vpn, pgoff: number): Task<number>;
  ftruncate(k: Kernel, p: Process, file: File, bytes: number): Task<number>;
  /** FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE. */
  punchHole(k: Kernel, p: Process, file: File, from: number, bytes: number): Task<number>;
  fsync(k: Kernel, p: Process, file: File): Task<number>;

  /** One page each; 8 (bytes) or -errno. The content read, for readv, is what `remoteContent(k, p)` holds afterwards. */
  processVmReadv(k: Kernel, p: Process, target: Process, at: Vpn): Task<number>;
  processVmWritev(k: Kernel, p: Process, target: Process, at: Vpn, content: number): Task<number>;
  /** The same for `n` whole pages (`content`, `content` + 1, …): the bytes that were copied, or -errno when none were. */
  processVmReadvPages(k: Kernel, p: Process, target: Process, at: Vpn, n: number): Task<number>;
  processVmWritevPages(k: Kernel, p: Process, target: Process, at: Vpn, n: number, content: number): Task<number>;
  /** pwrite to /proc/PID/mem. */
  procMemWrite(k: Kernel, p: Process, target: Process, at: Vpn, content: number): Task<number>;
  /** Write to /proc/sys/vm/drop_caches: 1 = page cache, 2 = slab. */
  dropCaches(k: Kernel, p: Process, what: number): Task;
  /** Writes `what` (1 … 5) to /proc/PID/clear_refs. 2, the bytes that "4\n" has, is up to the caller. */
  clearRefs(k: Kernel, p: Process, what: number): Task<number>;
  /** The target has been killed, and still has its mm. */
  processMrelease(k: Kernel, p: Process, target: Process): Task<number>;
  /** One page: its status (node or -errno) is the result of `movePageStatus(k, i)` afterwards. Pages `at`, `at+1`, … */
  movePages(k: Kernel, p: Process, at: Vpn, n: number, node: number, flags: number): Task<number>;
  /** move_pages without nodes: only where the pages are, see `movePageStatus`. */
  pagesStatus(k: Kernel, p: Process, at: Vpn, n: number): Task<number>;
  migratePages(k: Kernel, p: Process, from: number, to: number): Task<number>;
  mbind(k: Kernel, p: Process, at: Vpn, n: number, mode: number, nodemask: number, flags: number): Task<number>;

  /** Files of cgroup `memcg`, in pages; a limit below 0 = no limit. */
  memoryReclaim(k: Kernel, memcg: number, n: number): Task<number>;
  memoryHigh(k: Kernel, memcg: number, high: number): Task;
  memoryMax(k: Kernel, memcg: number, max: number): Task;
  memorySwapMax(k: Kernel, memcg: number, max: number): Task;
  /** posix_fadvise(POSIX_FADV_DONTNEED) of pages [from, to) of the file. */
  fadviseDontneed(k: Kernel, file: File, from: number, to: number): Task<number>;
}

/** Of the entries of an hmm_range: pfn << 2 | HMM_WRITE | HMM_VALID. */
export const HMM_VALID = 1;
export const HMM_WRITE = 2;
/** What hmm_range_fault is asked for (default_flags). */
export const HMM_REQ_FAULT = 1;
export const HMM_REQ_WRITE = 2;

/** What a driver such as the probe uses, besides notifiers and gup.ts. */
export interface DriverCalls {
  /** hmm_range_fault of [start, end) into pfns.pfn[0 …]: 0, -EBUSY, -EFAULT, -EPERM. mmap_lock held for reading. */
  hmmRangeFault(
    k: Kernel,
    mm: Mm,
    sub: IntervalNotifier,
    seq: number,
    start: Vpn,
    end: Vpn,
    request: number,
    pfns: Pages,
  ): Task<number>;
  /** What the last move_pages said about its i-th page. */
  movePageStatus(k: Kernel, i: number): number;
}
