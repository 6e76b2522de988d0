/** The system calls in one table, for user space; each is at home in the file that it is in in Linux. */
import type { Machine } from "../machine/machine.ts";
import { directRead, directWrite } from "./directIo.ts";
import { sysExec, sysExit } from "./exit.ts";
import { fileRead, fileWrite } from "./filemap.ts";
import { sysFork, sysVfork } from "./fork.ts";
import type { Inode } from "./fs.ts";
import { hmmRangeFault } from "./hmm.ts";
import { closeFile, openFile, unlinkFile } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { sysMadvise } from "./madvise.ts";
import { userRead, userWrite } from "./memory.ts";
import { movePageStatus, sysMbind, sysMigratePages, sysMovePages } from "./mempolicy.ts";
import { sysMlock, sysMunlock } from "./mlock.ts";
import { sysBrk, sysMmap, sysMunmap } from "./mmap.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { createProcess as takeProcess } from "./mmUsers.ts";
import { sysMprotect } from "./mprotect.ts";
import { sysMremap } from "./mremap.ts";
import { fsyncFile, sysMsync } from "./msync.ts";
import { processMrelease } from "./oomKill.ts";
import { processVmRw, procMemWrite } from "./processVmAccess.ts";
import { clearRefs } from "./taskMmu.ts";
import { punchHole, truncateSetsize } from "./truncate.ts";
import type { DriverCalls, SystemCalls } from "./user/types.ts";

/** Set-up: a process with an empty address space. */
export function createProcess(_m: Machine, k: Kernel, _name: string): Process {
  return takeProcess(k);
}

export const syscalls: SystemCalls & DriverCalls = {
  mmap: sysMmap,
  munmap: sysMunmap,
  mprotect: sysMprotect,
  mremap: sysMremap,
  brk: sysBrk,
  madvise: sysMadvise,
  mlock: sysMlock,
  munlock: sysMunlock,
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
  processVmReadv: (k, p, target, at) => processVmRw(k, p, target, at, -1),
  processVmWritev: processVmRw,
  procMemWrite: (k, _p, target, at, content) => procMemWrite(k, target, at, content),
  clearRefs: (k, p, what) => clearRefs(k, p, p.mm as Mm, what),
  processMrelease: (k, _p, target) => processMrelease(k, target),
  movePages: sysMovePages,
  migratePages: sysMigratePages,
  mbind: sysMbind,
  hmmRangeFault,
  movePageStatus,
};
