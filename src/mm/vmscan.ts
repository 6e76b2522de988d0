/**
 * Reclaim, from the outside in (first half of mm/vmscan.c): who wants how much, and from where.
 *
 *   direct, kswapd, cgroup ─▶ doTryToFreePages: priority 12 … 0 ─▶ shrinkZones: each node once ─▶ shrinkNode: each cgroup ─▶
 *        policy.shrinkLruvec (the lists), shrinkSlab (the shrinkers)
 *
 * Every pass looks at twice the share of the lists that the one before has looked at, until enough is reclaimed.
 */
import { memallocRestore, memallocSave, PF_MEMALLOC } from "../machine/context.ts";
import type { Task } from "../machine/core.ts";
import { fsReclaimAcquire, fsReclaimRelease, GFP_KERNEL } from "../machine/gfp.ts";
import { fatalSignalPending } from "../machine/killable.ts";
import { currentProcess } from "./current.ts";
import { folioPutbackLru } from "./isolate.ts";
import type { Kernel } from "./kernel.ts";
import { wakeAllKswapds } from "./kswapd.ts";
import { lruvecAt } from "./lruvec.ts";
import { belowLow, belowMin } from "./memcontrolProtection.ts";
import { clearFlag, PG_active, pageToNid } from "./page.ts";
import { freePageListHead, listAddTail, listShift, newPageList, type PageList } from "./pageList.ts";
import { PGDAT_DIRTY, PGDAT_WRITEBACK } from "./pgdat.ts";
import {
  cgroupReclaim,
  clearSums,
  DEF_PRIORITY,
  freeScanControl,
  newScanControl,
  type ScanControl,
} from "./scanControl.ts";
import { shrinkSlab } from "./shrinker.ts";
import {
  currentIsKswapd,
  reclaimThrottle,
  scheduleTimeout,
  VMSCAN_THROTTLE_CONGESTED,
  VMSCAN_THROTTLE_NOPROGRESS,
  VMSCAN_THROTTLE_WRITEBACK,
} from "./throttle.ts";
import { shrinkFolioList } from "./vmscanFolio.ts";
import { snapshotRefaults } from "./vmscanLruvec.ts";
import { traceReclaimBegin, traceReclaimEnd } from "./vmscanTrace.ts";
import { countMemcgEvent, countVm, EV } from "./vmstat.ts";
import { gfpZone, ZONE_NORMAL } from "./zone.ts";

const ALLOCSTALL = [EV.allocstall_dma, EV.allocstall_dma32, EV.allocstall_normal, EV.allocstall_movable] as const;

/**
 * do_try_to_free_pages: how many pages were reclaimed. PF_MEMALLOC set. With nothing to show for it, it is done again against
 * what was spared: active lists, then memory.low.
 */
export function* doTryToFreePages(k: Kernel, sc: ScanControl): Task<number> {
  for (;;) {
    if (!cgroupReclaim(sc)) countVm(k, ALLOCSTALL[Math.min(sc.reclaimIdx, ALLOCSTALL.length - 1)]);
    for (sc.priority = DEF_PRIORITY; sc.priority >= 0; sc.priority--) {
      sc.nrScanned = 0;
      yield* shrinkZones(k, sc);
      if (sc.nrReclaimed >= sc.nrToReclaim) break;
      if (sc.priority < DEF_PRIORITY - 2) sc.mayWritepage = true;
    }
    for (let nid = 0; nid < k.nodes; nid++) {
      snapshotRefaults(k, sc.targetMemcg, nid);
      if (cgroupReclaim(sc)) k.lru.vecs.congested[lruvecAt(k, sc.targetMemcg, nid)] = 0;
    }
    if (sc.nrReclaimed > 0) return sc.nrReclaimed;
    if (sc.skippedDeactivate) {
      sc.forceDeactivate = true;
      sc.skippedDeactivate = false;
    } else if (sc.memcgLowSkipped) {
      sc.forceDeactivate = false;
      sc.memcgLowReclaim = true;
      sc.memcgLowSkipped = false;
    } else {
      return 0;
    }
  }
}

/** shrink_zones: every node that has a zone of use to the caller. */
function* shrinkZones(k: Kernel, sc: ScanControl): Task {
  for (let nid = 0; nid < k.nodes; nid++) {
    if (hasZone(k, nid, sc.reclaimIdx)) yield* shrinkNode(k, sc, nid);
  }
  // consider_reclaim_throttle: who finds next to nothing lets others go first.
  if (currentIsKswapd() || cgroupReclaim(sc)) return;
  if (sc.priority === 1 && sc.nrReclaimed === 0) yield* reclaimThrottle(k, 0, VMSCAN_THROTTLE_NOPROGRESS);
}

function hasZone(k: Kernel, nid: number, highest: number): boolean {
  return k.zones.some((zone) => zone.nid === nid && zone.type <= highest && zone.managed > 0);
}

/** shrink_node: one node, for all cgroups below the target. */
export function* shrinkNode(k: Kernel, sc: ScanControl, nid: number): Task {
  const before = sc.nrReclaimed;
  clearSums(sc);
  yield* k.policy.prepare(k, sc, nid);
  yield* shrinkNodeMemcgs(k, sc, nid);
  sc.nrReclaimed += sc.slabReclaimed;
  sc.slabReclaimed = 0;
  yield* noteState(k, sc, nid);
  if (sc.nrReclaimed > before) k.pgdats[nid].kswapdFailures = 0;
}

/** shrink_node_memcgs. */
function* shrinkNodeMemcgs(k: Kernel, sc: ScanControl, nid: number): Task {
  const target = Math.max(0, sc.targetMemcg);
  for (let i = 0; i < k.memcgWalk.length; i++) {
    const memcg = k.memcgWalk[i];
    if (!isBelow(k, memcg, target) || !mayReclaim(k, sc, memcg, target)) continue;
    yield* k.policy.shrinkLruvec(k, sc, lruvecAt(k, memcg, nid));
    if (k.shrinkers.first) yield* shrinkSlab(k, sc.gfp, nid, memcg, sc.priority);
  }
}

function isBelow(k: Kernel, memcg: number, target: number): boolean {
  let at = memcg;
  while (at > target) at = k.memcgParents[at];
  return at === target;
}

/** memory.min is never touched, memory.low in the second round only. */
function mayReclaim(k: Kernel, sc: ScanControl, memcg: number, target: number): boolean {
  if (memcg === 0 || memcg === target) return true;
  if (belowMin(k, memcg, target)) return false;
  if (belowLow(k, memcg, target)) {
    if (!sc.memcgLowReclaim) {
      sc.memcgLowSkipped = true;
      return false;
    }
    countMemcgEvent(k, memcg, "low");
  }
  return true;
}

/** What the folios seen on this node say about its disks; and the waits that follow from it. */
function* noteState(k: Kernel, sc: ScanControl, nid: number): Task {
  const pgdat = k.pgdats[nid];
  const kswapd = currentIsKswapd();
  if (kswapd) {
    if (sc.writeback > 0 && sc.writeback === sc.taken) pgdat.flags |= PGDAT_WRITEBACK;
    if (sc.unqueuedDirty === sc.fileTaken) pgdat.flags |= PGDAT_DIRTY;
    if (sc.immediate > 0) yield* reclaimThrottle(k, nid, VMSCAN_THROTTLE_WRITEBACK);
  }
  const target = lruvecAt(k, Math.max(0, sc.targetMemcg), nid);
  const { congested } = k.lru.vecs;
  if ((kswapd || cgroupReclaim(sc)) && sc.dirty > 0 && sc.dirty === sc.congested) congested[target] = 1;
  if (!kswapd && k.lru.vecs.congested[target] !== 0) yield* reclaimThrottle(k, nid, VMSCAN_THROTTLE_CONGESTED);
}

/** try_to_free_pages: direct reclaim by an allocation. How many pages; 1 when a dying task need not. */
export function* tryToFreePages(k: Kernel, gfp: number, nid: number): Task<number> {
  if (yield* throttleDirectReclaim(k, gfp, nid)) return 1;
  const sc = newScanControl(k, gfp);
  sc.reclaimIdx = gfpZone(gfp);
  traceReclaimBegin("mm_vmscan_direct_reclaim_begin", sc);
  const reclaimed = yield* doTryToFreePages(k, sc);
  traceReclaimEnd("mm_vmscan_direct_reclaim_end", reclaimed);
  freeScanControl(k, sc);
  return reclaimed;
}

/** __perform_reclaim: from here on allocations of this task may use the reserves, and do not reclaim again. */
export function* performReclaim(k: Kernel, gfp: number, nid: number): Task<number> {
  fsReclaimAcquire(gfp);
  const before = memallocSave(PF_MEMALLOC);
  const progress = yield* tryToFreePages(k, gfp, nid);
  memallocRestore(PF_MEMALLOC, before);
  fsReclaimRelease(gfp);
  return progress;
}

/** allow_direct_reclaim: are more than half of the reserves of the low zones left, or is kswapd of no help? */
export function allowDirectReclaim(k: Kernel, nid: number): boolean {
  if (k.pgdats[nid].kswapdFailures >= k.lru.maxRetries) return true;
  let reserve = 0;
  let free = 0;
  for (const zone of k.zones) {
    if (zone.nid !== nid || zone.type > ZONE_NORMAL) continue;
    reserve += zone.marks.min;
    free += k.zoneState.free[zone.index];
  }
  return reserve === 0 || free > reserve >> 1;
}

/**
 * throttle_direct_reclaim: the reserves are for those who clean pages, so wait for kswapd. True = the task is dying and need not
 * reclaim at all. Threads of the kernel do not wait: others may wait for what they do.
 */
function* throttleDirectReclaim(k: Kernel, gfp: number, nid: number): Task<boolean> {
  if (currentProcess() === null || fatalSignalPending() || allowDirectReclaim(k, nid)) return false;
  countVm(k, EV.pgscan_direct_throttle);
  yield* wakeAllKswapds(k, gfp, nid);
  yield* scheduleTimeout("wait for kswapd to refill the reserves");
  return fatalSignalPending();
}

/** reclaim_pages: isolated folios, whatever node, for MADV_PAGEOUT. How many were freed; the others are on their lists again. */
export function* reclaimPages(k: Kernel, list: PageList): Task<number> {
  const before = memallocSave(PF_MEMALLOC);
  let reclaimed = 0;
  const sameNode = newPageList(k);
  while (list.first !== 0) {
    const nid = pageToNid(k, list.first - 1);
    while (list.first !== 0 && pageToNid(k, list.first - 1) === nid) {
      const pfn = listShift(k, list);
      clearFlag(k, pfn, PG_active);
      listAddTail(k, sameNode, pfn);
    }
    reclaimed += yield* reclaimFolioList(k, sameNode, nid);
  }
  freePageListHead(k, sameNode);
  memallocRestore(PF_MEMALLOC, before);
  return reclaimed;
}

function* reclaimFolioList(k: Kernel, list: PageList, nid: number): Task<number> {
  const sc = newScanControl(k, GFP_KERNEL);
  // Being used counts, with the accessed bits that madvise has cleared.
  const reclaimed = yield* shrinkFolioList(k, list, nid, sc, false);
  freeScanControl(k, sc);
  for (let pfn = listShift(k, list); pfn >= 0; pfn = listShift(k, list)) yield* folioPutbackLru(k, pfn);
  return reclaimed;
}
