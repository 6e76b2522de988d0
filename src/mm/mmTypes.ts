/** Address spaces, areas and what ties them to pages (mm_types.h, rmap.h): structs from small pools. */
import { type Cell, cellField } from "../machine/cell.ts";
import { current, type Handle } from "../machine/core.ts";
import type { Lock } from "../machine/lock.ts";
import { type Mutex, spinlockField } from "../machine/mutex.ts";
import { type RwSem, rwsemField } from "../machine/rwsem.ts";
import { bool, int, pooledStruct, ref, struct } from "../machine/struct.ts";
import type { Inode } from "./fs.ts";
import type { NotifierSubscriptions } from "./mmuNotifier.ts";
import type { Vpn } from "./page.ts";

export const PROT_NONE = 0;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;

export const MAP_SHARED = 1;
export const MAP_PRIVATE = 2;
export const MAP_TYPE = 0xf;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_LOCKED = 0x2000;
export const MAP_NORESERVE = 0x4000;
export const MAP_POPULATE = 0x8000;
export const MAP_FIXED_NOREPLACE = 0x100000;

export const VM_READ = 1 << 0;
export const VM_WRITE = 1 << 1;
export const VM_EXEC = 1 << 2;
export const VM_SHARED = 1 << 3;
export const VM_MAYREAD = 1 << 4;
export const VM_MAYWRITE = 1 << 5;
export const VM_MAYEXEC = 1 << 6;
export const VM_MAYSHARE = 1 << 7;
export const VM_LOCKED = 1 << 8;
export const VM_LOCKONFAULT = 1 << 9;
export const VM_SEQ_READ = 1 << 10;
export const VM_RAND_READ = 1 << 11;
export const VM_DONTCOPY = 1 << 12;
export const VM_WIPEONFORK = 1 << 13;
export const VM_DONTEXPAND = 1 << 14;
export const VM_SOFTDIRTY = 1 << 15;
export const VM_IO = 1 << 16;
export const VM_PFNMAP = 1 << 17;
export const VM_ACCOUNT = 1 << 18;
export const VM_HUGEPAGE = 1 << 19;
export const VM_NOHUGEPAGE = 1 << 20;
export const VM_MERGEABLE = 1 << 21;
export const VM_DONTDUMP = 1 << 22;
export const VM_UFFD_WP = 1 << 23;
export const VM_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT;

const mmapLock = "the mmap_lock of the mm; rmap walks read what the rmap lock protects, which changes take too";
const rmapLock = "the root lock of the anon_vma";

/** struct anon_vma. */
export interface AnonVma extends Handle {
  /** Used only on the root: one lock for a whole tree of forks. */
  readonly rwsem: RwSem;
  root: AnonVma | null;
  parent: AnonVma | null;
  /** Child anon_vmas, and VMAs whose anon_vma this is: an anon_vma of which both are 0 is used again by a child. */
  numChildren: number;
  numActiveVmas: number;
  refcount: number;
  /** Chains in order of their VMAs' first page offset, older ones first among equals. */
  chains: AnonVmaChain | null;
  nextFree: AnonVma | null;
}
export const anonVmaStruct = pooledStruct("anonVma", {
  rwsem: rwsemField(),
  root: ref<AnonVma>({ ordered: rmapLock }),
  parent: ref<AnonVma>({ ordered: rmapLock }),
  numChildren: int({ ordered: rmapLock }),
  numActiveVmas: int({ ordered: rmapLock }),
  refcount: int({ ordered: "atomic" }),
  chains: ref<AnonVmaChain>({ ordered: rmapLock }),
  nextFree: ref<AnonVma>({ ordered: "slab", whenFree: true }),
});

/** struct anon_vma_chain: one VMA on one anon_vma. */
export interface AnonVmaChain extends Handle {
  vma: Vma | null;
  anonVma: AnonVma | null;
  /** Next chain of the same VMA; the newest first. */
  sameVma: AnonVmaChain | null;
  /** Next chain of the same anon_vma. */
  sameAnonVma: AnonVmaChain | null;
  nextFree: AnonVmaChain | null;
}
export const anonVmaChainStruct = pooledStruct("anonVmaChain", {
  vma: ref<Vma>({ ordered: rmapLock }),
  anonVma: ref<AnonVma>({ ordered: rmapLock }),
  sameVma: ref<AnonVmaChain>({ ordered: mmapLock }),
  sameAnonVma: ref<AnonVmaChain>({ ordered: rmapLock }),
  nextFree: ref<AnonVmaChain>({ ordered: "slab", whenFree: true }),
});

/** struct vm_area_struct: the pages [start, end) of `mm`. */
export interface Vma extends Handle {
  mm: Mm | null;
  start: Vpn;
  end: Vpn;
  flags: number;
  /** Page offset of `start` in the file, or for anonymous memory the address at which the VMA was made. */
  pgoff: number;
  anonVma: AnonVma | null;
  chains: AnonVmaChain | null;
  inode: Inode | null;
  /** In order of addresses. */
  next: Vma | null;
  prev: Vma | null;
  /** Next VMA that maps the same inode (i_mmap), ordered like the chains of an anon_vma. */
  nextShared: Vma | null;
  /** Memory policy: node + 1, 0 = none. */
  policy: number;
  /** swap_readahead_info: page of the last fault on swap, the window then, and hits since; all 0 = never. */
  raAddress: Vpn;
  raWindow: number;
  raHits: number;
  nextFree: Vma | null;
}
/**
 * What lets a task read where a VMA lies and what it allows: mmap_lock in any mode, or for walks of the reverse mapping the
 * lock by which they have found the VMA. Changes need mmap_lock for writing; `vmaSetRange` takes the rmap locks as well.
 */
function vmaGuard(vma: Vma): Lock {
  const { mmapLock } = vma.mm as Mm;
  if (mmapLock.heldBy(current, false)) return mmapLock;
  const root = vma.chains?.anonVma?.root;
  if (root?.rwsem.heldBy(current, false)) return root.rwsem;
  const { inode } = vma;
  return inode?.immapRwsem.heldBy(current, false) ? inode.immapRwsem : mmapLock;
}
const guarded = { guardedBy: vmaGuard };

export const vmaStruct = pooledStruct("vma", {
  mm: ref<Mm>({ ordered: "set as long as the VMA lives" }),
  start: int(guarded),
  end: int(guarded),
  flags: int(guarded),
  pgoff: int(guarded),
  // The first fault sets it with mmap_lock for reading and the lock of the root; whoever unmaps clears it with the same.
  anonVma: ref<AnonVma>({ ordered: mmapLock }),
  chains: ref<AnonVmaChain>({ ordered: mmapLock }),
  inode: ref<Inode>({ ordered: "set as long as the VMA is mapped" }),
  next: ref<Vma>(guarded),
  prev: ref<Vma>(guarded),
  nextShared: ref<Vma>({ ordered: "i_mmap_rwsem" }),
  policy: int(guarded),
  raAddress: int({ ordered: "faults race, as it is only a guess" }),
  raWindow: int({ ordered: "faults race, as it is only a guess" }),
  raHits: int({ ordered: "faults race, as it is only a guess" }),
  nextFree: ref<Vma>({ ordered: "slab", whenFree: true }),
});

/** struct mm_struct. */
export interface Mm extends Handle {
  readonly mmapLock: RwSem;
  /** The page-table lock: one for all tables of the mm. */
  readonly ptl: Mutex;
  /** Odd while fork copies page tables: GUP-fast must not pin then. */
  readonly writeProtectSeq: Cell;
  /** GUP-fast walks on their way through the page tables, with interrupts off: no table is freed meanwhile. */
  readonly tableWalkers: Cell;
  /** Users of the address space; the last one tears it down. */
  readonly mmUsers: Cell;
  /** References to the struct itself; all users together are one. */
  readonly mmCount: Cell;
  /** First VMA. */
  mmap: Vma | null;
  mapCount: number;
  /** Page-table number of the top table; 0 = none. */
  pgd: number;
  startBrk: Vpn;
  brk: Vpn;
  rssAnon: number;
  rssFile: number;
  rssShmem: number;
  swapEntries: number;
  lockedVm: number;
  /** The memory cgroup of its owner, which pays for its pages; 0 = the root. */
  memcg: number;
  /** VM_LOCKED and VM_LOCKONFAULT of mappings to come: mlockall(MCL_FUTURE). */
  defFlags: number;
  /** MMF_HAS_PINNED: for ever, once anything was pinned. */
  hasPinned: boolean;
  /** MMF_OOM_SKIP. */
  oomSkip: boolean;
  /** MMF_UNSTABLE: private memory may have been reaped. */
  unstable: boolean;
  /** MMF_OOM_REAP_QUEUED, the next one in the queue, and when the reaper comes (ms). */
  oomReapQueued: boolean;
  oomReapNext: Mm | null;
  oomReapDue: number;
  /** tlb_flush_pending: page-table changes whose flush is to come. */
  tlbFlushPending: number;
  readonly notifierSubscriptions: NotifierSubscriptions;
  nextFree: Mm | null;
}
export const mmStruct = pooledStruct("mm", {
  mmapLock: rwsemField(),
  ptl: spinlockField(),
  writeProtectSeq: cellField(),
  tableWalkers: cellField(),
  mmUsers: cellField(),
  mmCount: cellField(),
  mmap: ref<Vma>({ guardedBy: "mmapLock" }),
  mapCount: int({ guardedBy: "mmapLock" }),
  pgd: int({ ordered: "set when the mm is made" }),
  startBrk: int({ guardedBy: "mmapLock" }),
  brk: int({ guardedBy: "mmapLock" }),
  rssAnon: int({ ordered: "atomic" }),
  rssFile: int({ ordered: "atomic" }),
  rssShmem: int({ ordered: "atomic" }),
  swapEntries: int({ ordered: "atomic" }),
  lockedVm: int({ ordered: "changed with mmap_lock for writing; reports read it as it is" }),
  memcg: int({ ordered: "changed by its owner only" }),
  defFlags: int({ guardedBy: "mmapLock" }),
  hasPinned: bool({ ordered: "atomic bit" }),
  oomSkip: bool({ ordered: "atomic bit" }),
  unstable: bool({ ordered: "atomic bit" }),
  oomReapQueued: bool({ ordered: "atomic bit" }),
  oomReapNext: ref<Mm>({ ordered: "oom_reaper_lock" }),
  oomReapDue: int({ ordered: "set when it is queued" }),
  tlbFlushPending: int({ ordered: "atomic" }),
  nextFree: ref<Mm>({ ordered: "slab", whenFree: true }),
});

/** task_struct, as far as memory goes. */
export interface Process extends Handle {
  /** task_lock: whoever wants the mm of another process takes it, and a reference. */
  readonly taskLock: Mutex;
  mm: Mm | null;
  /** Set by SIGKILL: it will never run user code again. */
  killed: boolean;
  /** -1000 = never to be killed for memory; in thousandths of all memory. */
  oomScoreAdj: number;
  /** signal->oom_mm: set once it was chosen by the OOM killer; it keeps the struct. */
  oomMm: Mm | null;
  /** memcg_nr_pages_over_high: charged above memory.high, and to be reclaimed on the way back to user space. */
  overHigh: number;
  /** Content that process_vm_readv has read last. */
  remote: number;
  nextFree: Process | null;
}
export const processStruct = struct("process", {
  taskLock: spinlockField(),
  mm: ref<Mm>({ ordered: "changed by the process itself under task_lock" }),
  killed: bool({ ordered: "atomic bit" }),
  oomScoreAdj: int({ ordered: "oom_adj_mutex; readers take any value" }),
  oomMm: ref<Mm>({ ordered: "set once, under oom_lock or by the process itself" }),
  overHigh: int({ ordered: "its own" }),
  remote: int({ ordered: "memory of the process" }),
  nextFree: ref<Process>({ ordered: "slab" }),
});

/** vma_is_anonymous: neither a file nor shared memory. */
export const vmaIsAnonymous = (vma: Vma): boolean => vma.inode === null;
/** is_cow_mapping: private, and may be written some day. */
export const isCowMapping = (flags: number): boolean => (flags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;
export const vmaPages = (vma: Vma): number => vma.end - vma.start;
/** linear_page_index. */
export const linearPageIndex = (vma: Vma, vpn: Vpn): number => vma.pgoff + (vpn - vma.start);
