/**
 * The memory management as authors of drivers and cases see it: names of Linux in camelCase, addresses in pages, frames as
 * numbers (0 = none where a frame is an answer of kmalloc), errors as -errno. Everything that is a `Task` is called with
 * `yield*` from task code; what says "set-up" is called by the set-up of a case.
 *
 *   const k = swapKernel(m, { rules: rules("linux-6.1") }), p = createProcess(k), mm = p.mm as Mm;
 *   m.boot(anonPages, [k, p, A, 2]);                                    // two pages, cold, before the first step
 *   const sub = createIntervalNotifier(m, k, "notifier", ops, device);
 *   m.boot(mmuIntervalNotifierInsert, [k, sub, mm, A, 2]);
 *   m.spawn("driver", …);
 */

// The machine, and what is on it when a case begins.
export { checkKernel, checkNothingLeft, namedReferences } from "./checks.ts";
// Memory of the kernel, and what takes memory away.
export { compactMemory } from "./compaction.ts";
// Processes and their system calls.
export { becomeProcess, currentProcess, killProcess } from "./current.ts";
export { directRead, directWrite } from "./directIo.ts";
export { mmput, sysExec, sysExit } from "./exit.ts";
export { fileRead, fileWrite } from "./filemap.ts";
export { sysFork, sysVfork } from "./fork.ts";
export { type File, type Inode, O_CREAT, O_DIRECT, O_TRUNC } from "./fs.ts";
// Getting at pages: pins, HMM, page tables.
export {
  createPages,
  FOLL_FORCE,
  FOLL_GET,
  FOLL_LONGTERM,
  FOLL_PIN,
  FOLL_REMOTE,
  FOLL_WRITE,
  getUserPages,
  getUserPagesFast,
  getUserPagesFastOnly,
  getUserPagesUnlocked,
  type Pages,
  unpinUserPages,
} from "./gup.ts";
export { HMM_REQ_FAULT, HMM_REQ_WRITE, HMM_VALID, HMM_WRITE, hmmRangeFault } from "./hmm.ts";
export { closeFile, nameFile, openFile, unlinkFile } from "./inode.ts";
export { createKernel, type Kernel, type KernelOptions } from "./kernel.ts";
export { startKswapd } from "./kswapd.ts";
export {
  MADV_COLD,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_REMOVE,
  MADV_WIPEONFORK,
  sysMadvise,
} from "./madvise.ts";
export { FAULT_READ, FAULT_WRITE, handleMmFault, userRead, userWrite } from "./memory.ts";
export { MPOL_MF_MOVE, sysMigratePages, sysMovePages } from "./mempolicy.ts";
export { sysMlock, sysMunlock } from "./mlock.ts";
export { sysMmap, sysMunmap } from "./mmap.ts";
export {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_LOCKED,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  type Mm,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
  type Process,
  type Vma,
} from "./mmTypes.ts";
export { createProcess, getTaskMm, mmdrop, mmget, mmgetNotZero, mmgrab } from "./mmUsers.ts";
// Notifiers.
export {
  createIntervalNotifier,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "./mmuIntervalNotifier.ts";
export {
  createNotifier,
  invalidateRangeEnd,
  invalidateRangeStart,
  mmuNotifierRegister,
  mmuNotifierUnregister,
} from "./mmuNotifier.ts";
export {
  createSharedNotifier,
  mmuNotifierGet,
  mmuNotifierPut,
  mmuNotifierSynchronize,
  type SharedNotifier,
  type SharedNotifierOps,
} from "./mmuNotifierGet.ts";
export {
  type IntervalNotifier,
  type IntervalNotifierOps,
  MMU_NOTIFY_CLEAR,
  MMU_NOTIFY_EXCLUSIVE,
  MMU_NOTIFY_MIGRATE,
  MMU_NOTIFY_PROTECTION_PAGE,
  MMU_NOTIFY_PROTECTION_VMA,
  MMU_NOTIFY_RELEASE,
  MMU_NOTIFY_SOFT_DIRTY,
  MMU_NOTIFY_UNMAP,
  type MmuNotifier,
  type MmuNotifierOps,
  RANGE_BLOCKABLE,
  rangeBlockable,
  rangeEvent,
  rangeIsOwn,
  rangeMayFail,
  rangeWithOwner,
} from "./mmuNotifierTypes.ts";
export { sysMprotect } from "./mprotect.ts";
export { MREMAP_FIXED, MREMAP_MAYMOVE, sysMremap } from "./mremap.ts";
export { fsyncFile, sysMsync } from "./msync.ts";
export { OOM_SCORE_ADJ_MIN, outOfMemory, registerOomNotifier } from "./oomKill.ts";
export { oomReapTaskMm, processMrelease, startOomReaper } from "./oomReaper.ts";
export {
  folioGet,
  folioLockWord,
  folioMapcount,
  folioMaybeDmaPinned,
  folioRefCount,
  folioTryGet,
  hasFlag,
  type Pfn,
  PG_anon,
  PG_anonExclusive,
  PG_buddy,
  PG_dirty,
  PG_lru,
  PG_swapcache,
  PG_writeback,
  type Vpn,
  ZERO_PFN,
} from "./page.ts";
export { allocPage } from "./pageAlloc.ts";
export { startSwapDevice } from "./pageIo.ts";
export { type Pte, pteAt, ptePfn, ptePresent, pteReadable, pteWrite } from "./pageTable.ts";
export { setPageDirty, setPageDirtyLock } from "./pageWriteback.ts";
export { type Guard, guards, PRESETS, type PresetName, type Rules, rules } from "./rules.ts";
export {
  createShrinker,
  registerShrinker,
  SHRINK_EMPTY,
  SHRINK_STOP,
  type ShrinkControl,
  type Shrinker,
  type ShrinkerOps,
  unregisterShrinker,
} from "./shrinker.ts";
export { kfree, kmalloc } from "./slab.ts";
export { folioPut, lruAddDrain } from "./swap.ts";
export { CLEAR_REFS_SOFT_DIRTY, clearRefs } from "./taskMmu.ts";
export { punchHole, truncateSetsize } from "./truncate.ts";
export { performReclaim } from "./vmscan.ts";
export { claimCoherence, claimReferences, type DeviceEntry, type Holdings } from "./world/claims.ts";
export {
  ANON,
  anonPages,
  createHog,
  FILE,
  filePages,
  fillMemory,
  forget,
  frameAt,
  type Hog,
  mapPages,
  type PageKind,
  pinPages,
  SHMEM,
  SWAP_CACHE,
  shmemPages,
  swapCachePages,
} from "./world/pages.ts";
export { coldPage, leave, reclaims, swapKernel } from "./world/reclaim.ts";
export { A, smallKernel } from "./world/small.ts";
