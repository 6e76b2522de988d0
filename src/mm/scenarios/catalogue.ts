/** All concurrent scenarios of the memory management, each with the rules of 6.1 and with single guards taken away. */
import type { Case } from "../../machine/scenario.ts";
import { clearRefsCow } from "./clearRefsCow.ts";
import { cowUnpin } from "./cowUnpin.ts";
import { cowVmsplice } from "./cowVmsplice.ts";
import { dirtyThrottle } from "./dirtyThrottle.ts";
import { dontneed } from "./dontneed.ts";
import { exitDriver } from "./exitDriver.ts";
import { faultMunmap } from "./faultMunmap.ts";
import { forkGupFast } from "./forkGupFast.ts";
import { forkPinned } from "./forkPinned.ts";
import { getCow } from "./getCow.ts";
import { gupFastUnmap } from "./gupFastUnmap.ts";
import { hmmRetry } from "./hmmRetry.ts";
import { intervals } from "./intervals.ts";
import { intervalsDeferred } from "./intervalsDeferred.ts";
import { kswapdDaemon } from "./kswapdDaemon.ts";
import { kswapdDirect } from "./kswapdDirect.ts";
import { lateInvalidate } from "./lateInvalidate.ts";
import { lruBatch } from "./lruBatch.ts";
import { memcgCharge } from "./memcgCharge.ts";
import { migrateMunmap } from "./migrateMunmap.ts";
import { migratePin } from "./migratePin.ts";
import { mkcleanWriteback } from "./mkcleanWriteback.ts";
import { mlockAccounting } from "./mlockAccounting.ts";
import { mprotectFault } from "./mprotectFault.ts";
import { mprotectMirror } from "./mprotectMirror.ts";
import { mrelease } from "./mrelease.ts";
import { mremapFault } from "./mremapFault.ts";
import { mremapMigrate } from "./mremapMigrate.ts";
import { oomAllocation } from "./oomAllocation.ts";
import { oomReaper } from "./oomReaper.ts";
import { reclaimFault } from "./reclaimFault.ts";
import { reclaimFile } from "./reclaimFile.ts";
import { reclaimMigrate } from "./reclaimMigrate.ts";
import { reclaimNotifier } from "./reclaimNotifier.ts";
import { reclaimPin } from "./reclaimPin.ts";
import { reclaimThree } from "./reclaimThree.ts";
import { reclaimUnmap } from "./reclaimUnmap.ts";
import { registerLocks } from "./registerLocks.ts";
import { shrinkerRegister } from "./shrinkerRegister.ts";
import { tlbFile } from "./tlbFile.ts";
import { tlbProtect } from "./tlbProtect.ts";
import { tlbUnmap } from "./tlbUnmap.ts";
import { truncateFault } from "./truncateFault.ts";
import { truncateMkwrite } from "./truncateMkwrite.ts";
import { unregisterRelease } from "./unregisterRelease.ts";

export const SCENARIOS: readonly Case[] = [
  clearRefsCow,
  cowUnpin,
  cowVmsplice,
  dirtyThrottle,
  dontneed,
  exitDriver,
  faultMunmap,
  forkGupFast,
  forkPinned,
  getCow,
  gupFastUnmap,
  hmmRetry,
  intervals,
  intervalsDeferred,
  kswapdDaemon,
  kswapdDirect,
  lateInvalidate,
  lruBatch,
  memcgCharge,
  migrateMunmap,
  migratePin,
  mkcleanWriteback,
  mlockAccounting,
  mprotectFault,
  mprotectMirror,
  mrelease,
  mremapFault,
  mremapMigrate,
  oomAllocation,
  oomReaper,
  reclaimFault,
  reclaimFile,
  reclaimMigrate,
  reclaimNotifier,
  reclaimPin,
  reclaimThree,
  reclaimUnmap,
  registerLocks,
  shrinkerRegister,
  tlbFile,
  tlbProtect,
  tlbUnmap,
  truncateFault,
  truncateMkwrite,
  unregisterRelease,
];
