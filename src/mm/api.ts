/** The memory management as authors of drivers and cases see it. */

export { PRESETS, type Rules, rules } from "./rules.ts";
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
} from "./slice/gup.ts";
export { createHmmPfns, type HmmPfn, hmmRangeFault } from "./slice/hmm.ts";
export { createKernel, type Kernel } from "./slice/kernel.ts";
export { claimReferences, type Holdings } from "./slice/leak.ts";
export { ANON, createMapping, FILE, type Mapping, SHMEM } from "./slice/mapping.ts";
export { madviseDontneed, munmap, populate, userAccess } from "./slice/memory.ts";
export { createMm, type Mm } from "./slice/mm.ts";
export {
  createIntervalNotifier,
  type IntervalNotifier,
  type IntervalNotifierOps,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "./slice/mmuIntervalNotifier.ts";
export {
  createNotifier,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  mmuNotifierUnregister,
  rangeBlockable,
} from "./slice/mmuNotifier.ts";
export { oomReapArea } from "./slice/oomKill.ts";
export type { Folio, Vpn } from "./slice/page.ts";
export { allocPage, freePage, kfree, kmalloc } from "./slice/pageAlloc.ts";
