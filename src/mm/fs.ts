/** Inodes and open files: what backs shared and file memory. Two kinds: tmpfs, and a disk file system like ext4. */
import type { Handle } from "../machine/core.ts";
import { type Mutex, mutexField, spinlockField } from "../machine/mutex.ts";
import { type RwSem, rwsemField } from "../machine/rwsem.ts";
import { bool, int, pooledStruct, ref, struct } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Vma } from "./mmTypes.ts";
import type { Pfn } from "./page.ts";

/** Block size of the disk file system, which is small: less than a page. */
export const BLOCK = 1024;

/** How files behave under faults and writes. */
export interface FileOptions {
  /** fault_around_bytes: how much a read fault maps of what is cached; 4096 = nothing else. By default 65536. */
  readonly faultAroundBytes?: number;
  /** Files remember how they are read (readahead.ts). */
  readonly readahead?: boolean;
  /** Who writes to files waits for a flusher (balanceDirty.ts), which must have been started. */
  readonly dirtyThrottling?: boolean;
}

export interface FileBehaviour {
  /** Pages. */
  readonly faultAround: number;
  readonly readahead: boolean;
  readonly dirtyThrottling: boolean;
}

export const fileBehaviour = (o: FileOptions): FileBehaviour => ({
  faultAround: (o.faultAroundBytes ?? 65536) >> 12,
  readahead: o.readahead ?? false,
  dirtyThrottling: o.dirtyThrottling ?? false,
});

export const TMPFS = 1;
export const EXT4 = 2;

/** struct inode with its address_space. */
export interface Inode extends Handle {
  /** i_rwsem: writes and truncation. */
  readonly rwsem: Mutex;
  /** mapping->invalidate_lock: faults shared, truncation exclusive. */
  readonly invalidateLock: RwSem;
  readonly immapRwsem: RwSem;
  /** i_pages: the page cache. */
  readonly xaLock: Mutex;
  kind: number;
  /** Bytes. */
  size: number;
  /** Open files, VMAs and a name that lead here; 0 = free. */
  refs: number;
  /** Has it a name? */
  linked: boolean;
  /** Which path: index into the kernel's names; 0 = none (anonymous shared memory). */
  path: number;
  nrpages: number;
  /** Pages of tmpfs that are in swap: see shmemSwap.ts. */
  swapped: number;
  /** Entries of evicted pages (workingset.ts) in its page cache. */
  nrshadows: number;
  /** struct file_ra_state: the last window that was read ahead, the pages behind its mark, and misses less hits. */
  raStart: number;
  raSize: number;
  raAsync: number;
  mmapMiss: number;
  /** First VMA that maps it. */
  immap: Vma | null;
  readonly slot: number;
  nextFree: Inode | null;
}
const own = "i_rwsem for writing, or a reference that is the only one";
const guess = "faults race, as it is only a guess";
export const inodeStruct = pooledStruct("inode", {
  rwsem: mutexField(),
  invalidateLock: rwsemField(),
  immapRwsem: rwsemField(),
  xaLock: spinlockField(),
  kind: int({ ordered: own }),
  size: int({ ordered: "i_size_read; written under i_rwsem" }),
  refs: int({ ordered: "atomic" }),
  // Looked at in all inodes of the pool when a name is looked up.
  linked: bool({ ordered: own, whenFree: true }),
  path: int({ ordered: own }),
  nrpages: int({ ordered: "i_pages lock" }),
  swapped: int({ ordered: "i_pages lock" }),
  nrshadows: int({ ordered: "i_pages lock" }),
  raStart: int({ ordered: guess }),
  raSize: int({ ordered: guess }),
  raAsync: int({ ordered: guess }),
  mmapMiss: int({ ordered: guess }),
  immap: ref<Vma>({ ordered: "i_mmap_rwsem" }),
  nextFree: ref<Inode>({ ordered: "slab", whenFree: true }),
});

/** struct file. */
export interface File extends Handle {
  inode: Inode | null;
  flags: number;
  nextFree: File | null;
}
export const fileStruct = struct("file", {
  inode: ref<Inode>({ ordered: "set by open" }),
  flags: int({ ordered: "set by open" }),
  nextFree: ref<File>({ ordered: "slab" }),
});

export const O_CREAT = 0x40;
export const O_TRUNC = 0x200;
export const O_DIRECT = 0x4000;

/** Index into the kernel's `cache` column: entry of page `index`. */
export function cacheSlot(k: Kernel, inode: Inode, index: number): number {
  return inode.slot * k.filePages + index;
}

/** What the page cache has at `index`; -1 = nothing. i_pages lock held, or the answer may be old. */
export function cacheEntry(k: Kernel, inode: Inode, index: number): Pfn {
  return index < k.filePages ? k.cache.page[cacheSlot(k, inode, index)] - 1 : -1;
}

export const mappingUnevictable = (): boolean => false;
export const pagesOf = (bytes: number): number => (bytes + 4095) >> 12;
