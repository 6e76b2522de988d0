/** The memory management as authors of drivers and cases see it. */
export {
  createPages,
  FOLL_GET,
  FOLL_WRITE,
  isError,
  type PageSlot,
  pinUserPage,
  pinUserPages,
  pinUserPagesFastOnly,
  pinUserPagesUnlocked,
  unpinUserPage,
  unpinUserPages,
} from "./gup.ts";
export { createHmmPfns, type HmmPfn, hmmRangeFault } from "./hmm.ts";
export { createKernel, type Kernel } from "./kernel.ts";
export { claimReferences, type Holdings } from "./leak.ts";
export { ANON, createMapping, FILE, type Mapping, SHMEM } from "./mapping.ts";
export { madviseDontneed, munmap, populate, userAccess } from "./memory.ts";
export { createMm, type Mm } from "./mm.ts";
export {
  createIntervalNotifier,
  type IntervalNotifier,
  type IntervalNotifierOps,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "./mmuIntervalNotifier.ts";
export {
  createNotifier,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  mmuNotifierUnregister,
  rangeBlockable,
} from "./mmuNotifier.ts";
export { oomReapArea } from "./oomKill.ts";
export type { Folio, Vpn } from "./page.ts";
export { allocPage, freePage, kfree, kmalloc } from "./pageAlloc.ts";
export { PRESETS, type Rules, rules } from "./rules.ts";
