/** The system calls in one table, for user space; each is at home in the file that it is in in Linux. */
import type { Machine } from "../machine/machine.ts";
import { directRead, directWrite } from "./directIo.ts";
import { dropCaches } from "./dropCaches.ts";
import { sysExec, sysExit } from "./exit.ts";
import { fadviseDontneed } from "./fadvise.ts";
import { fileRead, fileWrite } from "./filemap.ts";
import { sysFork, sysVfork } from "./fork.ts";
import type { Inode } from "./fs.ts";
import { hmmRangeFault } from "./hmm.ts";
import { closeFile, openFile, unlinkFile } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { sysMadvise } from "./madvise.ts";
import { memoryReclaim, setMemoryHigh, setMemoryMax, setMemorySwapMax } from "./memcontrol.ts";
import { NO_LIMIT } from "./memcontrolTypes.ts";
import { userRead, userWrite } from "./memory.ts";
import { movePageStatus, sysMbind, sysMigratePages, sysMovePages, sysPagesStatus } from "./mempolicy.ts";
import { sysMincore } from "./mincore.ts";
import { sysMlock, sysMlock2, sysMlockall, sysMunlock, sysMunlockall } from "./mlock.ts";
import { ksysMmap, sysBrk, sysMunmap } from "./mmap.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { createProcess as takeProcess } from "./mmUsers.ts";
import { sysMprotect } from "./mprotect.ts";
import { sysMremap } from "./mremap.ts";
import { fsyncFile, sysMsync } from "./msync.ts";
import { processMrelease } from "./oomReaper.ts";
import { PAGE, processVmRw, procMemWrite, WORD } from "./processVmAccess.ts";
import { clearRefs } from "./taskMmu.ts";
import { punchHole, truncateSetsize } from "./truncate.ts";
import type { DriverCalls, SystemCalls } from "./user/types.ts";

/** Set-up: a process with an empty address space. */
export function createProcess(_m: Machine, k: Kernel, _name: string): Process {
  return takeProcess(k);
}

export const syscalls: SystemCalls & DriverCalls = {
  mmap: ksysMmap,
  munmap: sysMunmap,
  mprotect: sysMprotect,
  mremap: sysMremap,
  brk: sysBrk,
  madvise: sysMadvise,
  mlock: sysMlock,
  munlock: sysMunlock,
  mlock2: sysMlock2,
  mlockall: sysMlockall,
  munlockall: sysMunlockall,
  mincore: sysMincore,
  msync: sysMsync,
  userRead,
  userWrite,
  fork: sysFork,
  vfork: sysVfork,
  exec: sysExec,
  exit: sysExit,
  open: (k, _p, path, flags) => openFile(k, path, flags),
  close: (k, _p, file) => closeFile(k, file),
  unlink: (k, _p, path) => unlinkFile(k, path),
  fileWrite: (k, _p, file, index, content) => fileWrite(k, file, index, content),
  fileRead: (k, _p, file, index) => fileRead(k, file, index),
  directRead,
  directWrite,
  ftruncate: (k, _p, file, bytes) => truncateSetsize(k, file.inode as Inode, bytes),
  punchHole: (k, _p, file, from, bytes) => punchHole(k, file.inode as Inode, from, bytes),
  fsync: (k, _p, file) => fsyncFile(k, file),
  processVmReadv: (k, p, target, at) => processVmRw(k, p, target, at, 1, -1, WORD),
  processVmWritev: (k, p, target, at, content) => processVmRw(k, p, target, at, 1, content, WORD),
  processVmReadvPages: (k, p, target, at, n) => processVmRw(k, p, target, at, n, -1, PAGE),
  processVmWritevPages: (k, p, target, at, n, content) => processVmRw(k, p, target, at, n, content, PAGE),
  procMemWrite: (k, _p, target, at, content) => procMemWrite(k, target, at, content),
  dropCaches: (k, _p, what) => dropCaches(k, what),
  clearRefs: (k, p, what) => clearRefs(k, p, p.mm as Mm, what),
  processMrelease: (k, _p, target) => processMrelease(k, target),
  movePages: sysMovePages,
  pagesStatus: sysPagesStatus,
  migratePages: sysMigratePages,
  mbind: sysMbind,
  memoryReclaim,
  memoryHigh: (k, memcg, high) => setMemoryHigh(k, memcg, high < 0 ? NO_LIMIT : high),
  memoryMax: (k, memcg, max) => setMemoryMax(k, memcg, max < 0 ? NO_LIMIT : max),
  memorySwapMax: (k, memcg, max) => setMemorySwapMax(k, memcg, max < 0 ? NO_LIMIT : max),
  fadviseDontneed,
  hmmRangeFault,
  movePageStatus,
};
