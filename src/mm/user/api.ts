/**
 * What workloads import from "mayfail/user": the calls of a user process of the model, and of the probe that watches it.
 * Task code; what comes back as a `Task` is called with `yield*`.
 */
export type { Task } from "../../machine/core.ts";
export { type File, O_DIRECT } from "../fs.ts";
export {
  MAP_ANONYMOUS,
  MAP_FIXED_NOREPLACE,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_NONE,
  PROT_READ,
  PROT_WRITE,
} from "../mmTypes.ts";
export type { Vpn } from "../page.ts";
export * from "./calls.ts";
export * from "./cgroup.ts";
export * from "./flags.ts";
export * from "./probe.ts";
export {
  awaitByte,
  childWait,
  exec,
  fork,
  getpid,
  getppid,
  kill,
  PC,
  type Pid,
  PP,
  pause,
  processMrelease,
  processVmReadv,
  processVmReadvPages,
  processVmWritev,
  processVmWritevPages,
  sleep,
  tell,
  thread,
  vfork,
} from "./process.ts";
export { openPipes } from "./program.ts";
export { filledWith } from "./types.ts";
