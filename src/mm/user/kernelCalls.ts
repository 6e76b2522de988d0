/** The system calls, by the names that user space has for them. */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { sysExec, sysExit } from "../exit.ts";
import { fileRead, fileWrite } from "../filemap.ts";
import { sysFork, sysVfork } from "../fork.ts";
import type { File, Inode } from "../fs.ts";
import { closeFile, openFile, unlinkFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysBrk, sysMmap, sysMunmap } from "../mmap.ts";
import type { Process } from "../mmTypes.ts";
import { sysMprotect } from "../mprotect.ts";
import { sysMremap } from "../mremap.ts";
import { punchHole, truncateSetsize } from "../truncate.ts";
import type { Calls } from "./space.ts";

function* missing(): Task<never> {
  must(false, "assertion", "the model has no such call yet");
  return 0 as never;
}

export const kernelCalls: Calls = {
  mmap: sysMmap,
  munmap: sysMunmap,
  mprotect: sysMprotect,
  mremap: sysMremap,
  brk: sysBrk,
  madvise: missing,
  mlock: missing,
  munlock: missing,
  msync: missing,
  userRead,
  userWrite,
  fork: sysFork,
  vfork: sysVfork,
  exec: sysExec,
  exit: sysExit,
  open: (k: Kernel, _p: Process, path: number, flags: number) => openFile(k, path, flags),
  close: (k: Kernel, _p: Process, file: File) => closeFile(k, file),
  unlink: (k: Kernel, _p: Process, path: number) => unlinkFile(k, path),
  fileWrite: (k: Kernel, _p: Process, file: File, index: number, content: number) => fileWrite(k, file, index, content),
  fileRead: (k: Kernel, _p: Process, file: File, index: number) => fileRead(k, file, index),
  directRead: missing,
  directWrite: missing,
  ftruncate: (k: Kernel, _p: Process, file: File, bytes: number) => truncateSetsize(k, file.inode as Inode, bytes),
  punchHole: (k: Kernel, _p: Process, file: File, from: number, bytes: number) =>
    punchHole(k, file.inode as Inode, from, bytes),
  fsync: missing,
  processVmReadv: missing,
  processVmWritev: missing,
  procMemWrite: missing,
  clearRefs: missing,
  processMrelease: missing,
  movePages: missing,
  migratePages: missing,
  mbind: missing,
  hmmRangeFault: missing,
  movePageStatus: () => 0,
};
