/** The cases of the atlas, in the order of its tables. */
import type { Case } from "../machine/scenario.ts";
import allocUnderNotifierLock from "./allocUnderNotifierLock.ts";
import clearRefsBreaksPin from "./clearRefsBreaksPin.ts";
import compactionIsolatesPinned from "./compactionIsolatesPinned.ts";
import cowEitherWay from "./cowEitherWay.ts";
import deviceFaultNoRef from "./deviceFaultNoRef.ts";
import devicePrivateRefLivelock from "./devicePrivateRefLivelock.ts";
import dirtyBitLostInDeviceMigrate from "./dirtyBitLostInDeviceMigrate.ts";
import fencePathAllocates from "./fencePathAllocates.ts";
import forkCowStealsPin from "./forkCowStealsPin.ts";
import gfpNoioStillNotifies from "./gfpNoioStillNotifies.ts";
import gntdevWaitsForNextCallback from "./gntdevWaitsForNextCallback.ts";
import gpuStallFromKswapd from "./gpuStallFromKswapd.ts";
import gupFastVsFork from "./gupFastVsFork.ts";
import gupReclaimBeforeFirstPin from "./gupReclaimBeforeFirstPin.ts";
import gupReclaimRecursiveWait from "./gupReclaimRecursiveWait.ts";
import hmmMirrorFreedInSrcu from "./hmmMirrorFreedInSrcu.ts";
import hmmTrylockStarvation from "./hmmTrylockStarvation.ts";
import hugetlbSharedPmdMigrate from "./hugetlbSharedPmdMigrate.ts";
import intervalRemoveEarlyReturn from "./intervalRemoveEarlyReturn.ts";
import intervalSectionNeverEnds from "./intervalSectionNeverEnds.ts";
import invalidatePageUnderPtl from "./invalidatePageUnderPtl.ts";
import kfdFlushWorkFromRelease from "./kfdFlushWorkFromRelease.ts";
import khugepagedFileNoNotifier from "./khugepagedFileNoNotifier.ts";
import latePinCheckFiresNotifier from "./latePinCheckFiresNotifier.ts";
import memslotChangesBetweenStartAndEnd from "./memslotChangesBetweenStartAndEnd.ts";
import mmputUnderNotifierLock from "./mmputUnderNotifierLock.ts";
import numaHintBreaksPin from "./numaHintBreaksPin.ts";
import numaThpLateInvalidate from "./numaThpLateInvalidate.ts";
import odpRevokeVsInvalidate from "./odpRevokeVsInvalidate.ts";
import oomReaperVsBlockingNotifier from "./oomReaperVsBlockingNotifier.ts";
import pageLockInNotifier from "./pageLockInNotifier.ts";
import pfncacheInactiveButValid from "./pfncacheInactiveButValid.ts";
import pinnedPageSwapcache from "./pinnedPageSwapcache.ts";
import reschedInNonblockable from "./reschedInNonblockable.ts";
import rmapWrongRange from "./rmapWrongRange.ts";
import secondaryTlbPermissionUpgrade from "./secondaryTlbPermissionUpgrade.ts";
import seqReadTwice from "./seqReadTwice.ts";
import shrinkerTakesWwAcquire from "./shrinkerTakesWwAcquire.ts";
import structMutexAliasedGtt from "./structMutexAliasedGtt.ts";
import uffdWpDeferredFlush from "./uffdWpDeferredFlush.ts";
import unaccountedNotifierImmunePin from "./unaccountedNotifierImmunePin.ts";
import unpairedStartOnEagain from "./unpairedStartOnEagain.ts";
import xeNotifierVsFolioLock from "./xeNotifierVsFolioLock.ts";

export const ATLAS: readonly Case[] = [
  gupReclaimRecursiveWait,
  gupReclaimBeforeFirstPin,
  allocUnderNotifierLock,
  gfpNoioStillNotifies,
  pinnedPageSwapcache,
  forkCowStealsPin,
  gupFastVsFork,
  intervalRemoveEarlyReturn,
  unpairedStartOnEagain,
  intervalSectionNeverEnds,
  seqReadTwice,
  gntdevWaitsForNextCallback,
  numaThpLateInvalidate,
  reschedInNonblockable,
  rmapWrongRange,
  khugepagedFileNoNotifier,
  secondaryTlbPermissionUpgrade,
  mmputUnderNotifierLock,
  cowEitherWay,
  pageLockInNotifier,
  xeNotifierVsFolioLock,
  hmmMirrorFreedInSrcu,
  oomReaperVsBlockingNotifier,
  invalidatePageUnderPtl,
  structMutexAliasedGtt,
  clearRefsBreaksPin,
  numaHintBreaksPin,
  devicePrivateRefLivelock,
  hmmTrylockStarvation,
  fencePathAllocates,
  shrinkerTakesWwAcquire,
  kfdFlushWorkFromRelease,
  memslotChangesBetweenStartAndEnd,
  pfncacheInactiveButValid,
  odpRevokeVsInvalidate,
  hugetlbSharedPmdMigrate,
  uffdWpDeferredFlush,
  dirtyBitLostInDeviceMigrate,
  deviceFaultNoRef,
  latePinCheckFiresNotifier,
  compactionIsolatesPinned,
  gpuStallFromKswapd,
  unaccountedNotifierImmunePin,
];

/** The case called `id`, undefined if there is none. */
export function findCase(id: string): Case | undefined {
  return ATLAS.find((c) => c.id === id);
}
