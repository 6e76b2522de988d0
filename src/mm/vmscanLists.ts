/**
 * Batches of folios from the lists of a lruvec (mm/vmscan.c): isolated, looked at, put back.
 *
 *   inactive ─▶ isolated ─▶ shrinkFolioList ─▶ freed; those that stay: to the head, active ones to the active list
 *   active   ─▶ isolated ─▶ deactivated, used or not; only code of files stays
 */
import type { Task } from "../machine/core.ts";
import { __GFP_FS, __GFP_IO } from "../machine/gfp.ts";
import { fatalSignalPending } from "../machine/killable.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { wakeupFlusherThreads } from "./flusher.ts";
import { folioReferenced, referencedExec } from "./folioReferenced.ts";
import { folioPutbackLru } from "./isolate.ts";
import type { Kernel } from "./kernel.ts";
import { changeSize, listAdd, listRotate, unlink } from "./lruList.ts";
import { isFileLru, LRU_INACTIVE_ANON, LRU_INACTIVE_FILE, NR_LRU_LISTS } from "./lruTypes.ts";
import { lruvecMemcg, lruvecNid, nodePageState } from "./lruvec.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";
import {
  clearFlag,
  folioPutTestzero,
  folioTryGet,
  hasFlag,
  PG_active,
  PG_lru,
  PG_mlocked,
  PG_swapbacked,
  PG_unevictable,
  PG_workingset,
  setFlag,
  testClearFlag,
} from "./page.ts";
import { freePageList } from "./pageAlloc.ts";
import { freePageListHead, listAddTail, listShift, newPageList, type PageList } from "./pageList.ts";
import { guards } from "./rules.ts";
import { cgroupReclaim, type ScanControl, SWAP_CLUSTER_MAX } from "./scanControl.ts";
import { lruAddDrain } from "./swap.ts";
import { condResched, currentIsKswapd, reclaimThrottle, VMSCAN_THROTTLE_ISOLATED } from "./throttle.ts";
import { tooManyIsolated } from "./vmscanCount.ts";
import { shrinkFolioList } from "./vmscanFolio.ts";
import { traceIsolate, traceShrinkActive, traceShrinkInactive } from "./vmscanTrace.ts";
import { countMemcg, countVm, EV, type EventName } from "./vmstat.ts";
import { lruNoteCost, workingsetAgeNonresident } from "./workingset.ts";
import { pageZone } from "./zone.ts";

const SKIPPED = [EV.pgskip_dma, EV.pgskip_dma32, EV.pgskip_normal, EV.pgskip_movable] as const;

/**
 * isolate_lru_folios: up to `n` folios from the tail of a list into `dst`, oldest first, each with a reference. How many; what
 * was looked at is in sc.isolateScanned. lru_lock held.
 */
export function* isolateLruFolios(
  k: Kernel,
  n: number,
  lruvec: number,
  dst: PageList,
  sc: ScanControl,
  lru: number,
): Task<number> {
  const list = lruvec * NR_LRU_LISTS + lru;
  let left = k.lru.lists.size[list];
  let scan = 0;
  let taken = 0;
  let skipped = 0;
  for (; scan < n && left > 0; left--) {
    const pfn = k.lru.lists.tail[list] - 1;
    if (k.lru.zoned && pageZone(k, pfn).type > sc.reclaimIdx) {
      listRotate(k, list, pfn);
      countVm(k, SKIPPED[pageZone(k, pfn).type]);
      skipped++;
      continue;
    }
    scan++;
    // May it be taken? Our reference is the first step, and PG_lru says whether nobody else takes it.
    const mayTake = hasFlag(k, pfn, PG_lru) && (sc.mayUnmap || k.frames.mapcount[pfn] === 0);
    const referenced = mayTake && (yield* folioTryGet(k, pfn));
    const ours = referenced && (testClearFlag(k, pfn, PG_lru) || !guards(k.rules, "isolateLruTest"));
    // Somebody else is isolating it, who has a reference too: this one is not the last.
    if (referenced && !ours) yield* folioPutTestzero(k, pfn);
    if (ours) {
      unlink(k, list, pfn);
      changeSize(k, list, pfn, -1);
      listAddTail(k, dst, pfn);
      taken++;
    } else {
      listRotate(k, list, pfn);
    }
  }
  memcgRstatUpdated(k, taken);
  sc.isolateScanned = scan + skipped;
  traceIsolate(sc, n, skipped, taken, lru);
  return taken;
}

function addIsolated(k: Kernel, nid: number, file: boolean, n: number): void {
  if (file) k.pgdats[nid].isolatedFile += n;
  else k.pgdats[nid].isolatedAnon += n;
}

/** too_many_isolated: kswapd and cgroup reclaim never wait for others. */
function tooMany(k: Kernel, nid: number, file: boolean, sc: ScanControl): boolean {
  if (currentIsKswapd() || cgroupReclaim(sc)) return false;
  const { isolatedFile, isolatedAnon } = k.pgdats[nid];
  const inactive = nodePageState(k, nid, file ? LRU_INACTIVE_FILE : LRU_INACTIVE_ANON);
  const both = __GFP_IO | __GFP_FS;
  return tooManyIsolated(file ? isolatedFile : isolatedAnon, inactive, (sc.gfp & both) === both);
}

/** Counts what the list is about, and who scans: not in cgroup reclaim, whose counters are the cgroup's own. */
function countScan(
  k: Kernel,
  sc: ScanControl,
  lruvec: number,
  what: "pgscan" | "pgsteal",
  file: boolean,
  n: number,
): void {
  const by: EventName = currentIsKswapd() ? `${what}_kswapd` : `${what}_direct`;
  const of: EventName = file ? `${what}_file` : `${what}_anon`;
  if (!cgroupReclaim(sc)) countVm(k, EV[by], n);
  countMemcg(k, lruvecMemcg(k, lruvec), EV[by], n);
  countVm(k, EV[of], n);
}

/** shrink_inactive_list: looks at up to `n` folios. How many were reclaimed. */
export function* shrinkInactiveList(k: Kernel, n: number, lruvec: number, sc: ScanControl, lru: number): Task<number> {
  const nid = lruvecNid(k, lruvec);
  const file = isFileLru(lru);
  if (tooMany(k, nid, file, sc)) {
    yield* reclaimThrottle(k, nid, VMSCAN_THROTTLE_ISOLATED);
    // A task that was killed pretends, so that it gets out.
    if (fatalSignalPending()) return SWAP_CLUSTER_MAX;
    if (tooMany(k, nid, file, sc)) return 0;
  }
  yield* lruAddDrain(k);
  const list = newPageList(k);
  yield* lock(k.lru.locks[lruvec]);
  const taken = yield* isolateLruFolios(k, n, lruvec, list, sc, lru);
  const scanned = sc.isolateScanned;
  addIsolated(k, nid, file, taken);
  countScan(k, sc, lruvec, "pgscan", file, scanned);
  yield* unlock(k.lru.locks[lruvec]);
  if (taken === 0) {
    freePageListHead(k, list);
    return 0;
  }
  const reclaimed = yield* shrinkFolioList(k, list, nid, sc, false);
  const freed = yield* moveFoliosToLru(k, sc, lruvec, list);
  addIsolated(k, nid, file, -taken);
  freePageListHead(k, list);
  countScan(k, sc, lruvec, "pgsteal", file, reclaimed);
  yield* lruNoteCost(k, lruvec, file, sc.statPageout);
  yield* freePageList(k, freed);
  // Nobody writes what is dirty here, so that it could be reclaimed.
  if (sc.statUnqueuedDirty === taken) yield* wakeupFlusherThreads(k);
  addSums(sc, taken, file);
  traceShrinkInactive(nid, scanned, reclaimed, sc, file);
  return reclaimed;
}

function addSums(sc: ScanControl, taken: number, file: boolean): void {
  sc.dirty += sc.statDirty;
  sc.congested += sc.statCongested;
  sc.unqueuedDirty += sc.statUnqueuedDirty;
  sc.writeback += sc.statWriteback;
  sc.immediate += sc.statImmediate;
  sc.taken += taken;
  if (file) sc.fileTaken += taken;
}

/**
 * move_folios_to_lru: each goes to the list that its flags say; those that nobody else has any more are freed by the caller,
 * who gets a list of them (pfn + 1, linked by `next`). sc.moved: how many are on lists now.
 */
function* moveFoliosToLru(k: Kernel, sc: ScanControl, lruvec: number, list: PageList): Task<number> {
  const l = k.lru.locks[lruvec];
  let freed = 0;
  let active = 0;
  sc.moved = 0;
  yield* lock(l);
  for (let pfn = listShift(k, list); pfn >= 0; pfn = listShift(k, list)) {
    if (hasFlag(k, pfn, PG_mlocked)) {
      yield* unlock(l);
      yield* folioPutbackLru(k, pfn);
      yield* lock(l);
      continue;
    }
    setFlag(k, pfn, PG_lru);
    if (yield* folioPutTestzero(k, pfn)) {
      clearFlag(k, pfn, PG_lru | PG_active | PG_unevictable);
      k.frames.next[pfn] = freed;
      freed = pfn + 1;
      continue;
    }
    listAdd(k, pfn);
    sc.moved++;
    if (hasFlag(k, pfn, PG_active)) active++;
  }
  if (active > 0) workingsetAgeNonresident(k, lruvec, active);
  yield* unlock(l);
  return freed;
}

/** shrink_active_list: up to `n` folios lose their place there. */
export function* shrinkActiveList(k: Kernel, n: number, lruvec: number, sc: ScanControl, lru: number): Task {
  const nid = lruvecNid(k, lruvec);
  const file = isFileLru(lru);
  const memcg = lruvecMemcg(k, lruvec);
  yield* lruAddDrain(k);
  const hold = newPageList(k);
  yield* lock(k.lru.locks[lruvec]);
  const taken = yield* isolateLruFolios(k, n, lruvec, hold, sc, lru);
  addIsolated(k, nid, file, taken);
  if (!cgroupReclaim(sc)) countVm(k, EV.pgrefill, sc.isolateScanned);
  countMemcg(k, memcg, EV.pgrefill, sc.isolateScanned);
  yield* unlock(k.lru.locks[lruvec]);
  const active = newPageList(k);
  const inactive = newPageList(k);
  let rotated = 0;
  for (let pfn = listShift(k, hold); pfn >= 0; pfn = listShift(k, hold)) {
    yield* condResched();
    if (hasFlag(k, pfn, PG_mlocked)) {
      yield* folioPutbackLru(k, pfn);
      continue;
    }
    // Being used does not help, but looking clears the accessed bits: the inactive list tells who is used.
    const used = yield* folioReferenced(k, pfn, false, sc.targetMemcg);
    if (used !== 0 && referencedExec(used) && !hasFlag(k, pfn, PG_swapbacked)) {
      rotated++;
      listAddTail(k, active, pfn);
    } else {
      clearFlag(k, pfn, PG_active);
      setFlag(k, pfn, PG_workingset);
      listAddTail(k, inactive, pfn);
    }
  }
  const dead1 = yield* moveFoliosToLru(k, sc, lruvec, active);
  const activated = sc.moved;
  const dead2 = yield* moveFoliosToLru(k, sc, lruvec, inactive);
  const deactivated = sc.moved;
  addIsolated(k, nid, file, -taken);
  countVm(k, EV.pgdeactivate, deactivated);
  countMemcg(k, memcg, EV.pgdeactivate, deactivated);
  freePageListHead(k, hold);
  freePageListHead(k, active);
  freePageListHead(k, inactive);
  yield* freePageList(k, dead1);
  yield* freePageList(k, dead2);
  traceShrinkActive(nid, taken, activated, deactivated, rotated, sc, file);
}
