/**
 * How much of which list of a lruvec (mm/vmscan.c): the classic policy.
 *
 *   prepareScanCount (for a node) ─▶ shrinkLruvec: getScanCount ─▶ ≤ 32 folios of each list in turn, until enough is reclaimed;
 *   then the smaller type stops, and the larger one scans the same share of itself
 */
import type { Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import {
  isActiveLru,
  isFileLru,
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
} from "./lruTypes.ts";
import { lruvecAt, lruvecLruSize, lruvecMemcg, lruvecNid, nodePageState } from "./lruvec.ts";
import {
  lruvecPageState,
  memCgroupFlushStats,
  WORKINGSET_ACTIVATE_ANON,
  WORKINGSET_ACTIVATE_FILE,
} from "./memcgStat.ts";
import { memcgNrSwapPages } from "./memcontrol.ts";
import { memcgLow, memcgMin } from "./memcontrolProtection.ts";
import { cgroupReclaim, DEF_PRIORITY, type ScanControl, SWAP_CLUSTER_MAX } from "./scanControl.ts";
import { totalSwapPages } from "./swapfile.ts";
import { condResched, currentIsKswapd } from "./throttle.ts";
import {
  cacheTrimMode,
  costWeight,
  DEACTIVATE_ANON,
  DEACTIVATE_FILE,
  fileIsTiny,
  inactiveIsLow,
  mayDeactivate,
  remainderOf,
  scanBalance,
  scanOf,
  unprotected,
} from "./vmscanCount.ts";
import { shrinkActiveList, shrinkInactiveList } from "./vmscanLists.ts";

/** prepare_scan_count: what the target as a whole looks like on this node. */
export function* prepareScanCount(k: Kernel, sc: ScanControl, nid: number): Task {
  memCgroupFlushStats(k);
  const target = Math.max(0, sc.targetMemcg);
  const { vecs } = k.lru;
  const at = lruvecAt(k, target, nid);
  const inactiveAnon = lruvecPageState(k, target, nid, LRU_INACTIVE_ANON);
  const activeAnon = lruvecPageState(k, target, nid, LRU_ACTIVE_ANON);
  const inactiveFile = lruvecPageState(k, target, nid, LRU_INACTIVE_FILE);
  const activeFile = lruvecPageState(k, target, nid, LRU_ACTIVE_FILE);
  sc.anonCost = vecs.anonCost[at];
  sc.fileCost = vecs.fileCost[at];
  sc.mayDeactivate = mayDeactivate(
    sc.forceDeactivate,
    lruvecPageState(k, target, nid, WORKINGSET_ACTIVATE_ANON) !== vecs.refaultsAnon[at],
    lruvecPageState(k, target, nid, WORKINGSET_ACTIVATE_FILE) !== vecs.refaultsFile[at],
    inactiveAnon,
    activeAnon,
    inactiveFile,
    activeFile,
  );
  sc.cacheTrimMode = cacheTrimMode(inactiveFile, sc.priority, sc.mayDeactivate);
  sc.fileIsTiny = false;
  if (cgroupReclaim(sc)) return;
  let free = 0;
  let high = 0;
  for (const zone of k.zones) {
    if (zone.nid !== nid) continue;
    free += k.zoneState.free[zone.index];
    high += zone.marks.high + k.zoneState.boost[zone.index];
  }
  const file = nodePageState(k, nid, LRU_INACTIVE_FILE) + nodePageState(k, nid, LRU_ACTIVE_FILE);
  const anon = nodePageState(k, nid, LRU_INACTIVE_ANON);
  sc.fileIsTiny = fileIsTiny(file, free, high, sc.mayDeactivate, anon, sc.priority);
}

/** snapshot_refaults: from now on activations count as new. */
export function snapshotRefaults(k: Kernel, target: number, nid: number): void {
  const { vecs } = k.lru;
  const memcg = Math.max(0, target);
  const at = lruvecAt(k, memcg, nid);
  vecs.refaultsAnon[at] = lruvecPageState(k, memcg, nid, WORKINGSET_ACTIVATE_ANON);
  vecs.refaultsFile[at] = lruvecPageState(k, memcg, nid, WORKINGSET_ACTIVATE_FILE);
}

/** get_scan_count: into sc.nr0 … nr3, and target0 … target3. */
function getScanCount(k: Kernel, sc: ScanControl, lruvec: number): void {
  const memcg = lruvecMemcg(k, lruvec);
  const swappiness = k.memcgSwappiness[memcg];
  const anonPossible = sc.maySwap && memcgNrSwapPages(k, memcg) > 0;
  const { cacheTrimMode: trim, fileIsTiny: tiny, priority } = sc;
  const balance = scanBalance(anonPossible, cgroupReclaim(sc), swappiness, priority, tiny, trim);
  const anon = costWeight(swappiness, sc.anonCost, sc.fileCost);
  const file = costWeight(200 - swappiness, sc.fileCost, sc.anonCost);
  const protection = protectionOf(k, sc, memcg);
  for (let lru = LRU_INACTIVE_ANON; lru <= LRU_ACTIVE_FILE; lru++) {
    const all = lruvecLruSize(k, lruvec, lru, sc.reclaimIdx);
    const size = unprotected(all, protection, k.memcgs.usage[memcg]);
    const isFile = isFileLru(lru);
    setNr(sc, lru, scanOf(size, priority, balance, isFile, isFile ? file : anon, anon + file));
  }
  sc.target0 = sc.nr0;
  sc.target1 = sc.nr1;
  sc.target2 = sc.nr2;
  sc.target3 = sc.nr3;
}

function protectionOf(k: Kernel, sc: ScanControl, memcg: number): number {
  const target = Math.max(0, sc.targetMemcg);
  const min = memcgMin(k, memcg, target);
  const low = memcgLow(k, memcg, target);
  if (sc.memcgLowReclaim || low <= min) return min;
  sc.memcgLowSkipped = true;
  return low;
}

function nr(sc: ScanControl, lru: number): number {
  return lru === 0 ? sc.nr0 : lru === 1 ? sc.nr1 : lru === 2 ? sc.nr2 : sc.nr3;
}
function setNr(sc: ScanControl, lru: number, n: number): void {
  if (lru === 0) sc.nr0 = n;
  else if (lru === 1) sc.nr1 = n;
  else if (lru === 2) sc.nr2 = n;
  else sc.nr3 = n;
}
function target(sc: ScanControl, lru: number): number {
  return lru === 0 ? sc.target0 : lru === 1 ? sc.target1 : lru === 2 ? sc.target2 : sc.target3;
}

/** shrink_lruvec. */
export function* shrinkLruvec(k: Kernel, sc: ScanControl, lruvec: number): Task {
  getScanCount(k, sc, lruvec);
  // Direct reclaim that has just begun takes both types in proportion, however much it gets.
  const proportional = !cgroupReclaim(sc) && !currentIsKswapd() && sc.priority === DEF_PRIORITY;
  let reclaimed = 0;
  while (sc.nr0 > 0 || sc.nr2 > 0 || sc.nr3 > 0) {
    for (let lru = LRU_INACTIVE_ANON; lru <= LRU_ACTIVE_FILE; lru++) {
      const n = Math.min(nr(sc, lru), SWAP_CLUSTER_MAX);
      if (n === 0) continue;
      setNr(sc, lru, nr(sc, lru) - n);
      reclaimed += yield* shrinkList(k, n, lruvec, sc, lru);
    }
    yield* condResched();
    if (reclaimed < sc.nrToReclaim || proportional) continue;
    if (!stopSmallerType(sc)) break;
  }
  sc.nrReclaimed += reclaimed;
  const nid = lruvecNid(k, lruvec);
  const memcg = lruvecMemcg(k, lruvec);
  if (canAgeAnon(k) && anonIsLow(k, memcg, nid)) {
    yield* shrinkActiveList(k, SWAP_CLUSTER_MAX, lruvec, sc, LRU_ACTIVE_ANON);
  }
}

/** shrink_list. */
function* shrinkList(k: Kernel, n: number, lruvec: number, sc: ScanControl, lru: number): Task<number> {
  if (!isActiveLru(lru)) return yield* shrinkInactiveList(k, n, lruvec, sc, lru);
  if ((sc.mayDeactivate & (isFileLru(lru) ? DEACTIVATE_FILE : DEACTIVATE_ANON)) !== 0) {
    yield* shrinkActiveList(k, n, lruvec, sc, lru);
  } else {
    sc.skippedDeactivate = true;
  }
  return 0;
}

/** Enough is reclaimed: false = stop altogether. Else only the type with more left goes on, up to the share that the other has seen. */
function stopSmallerType(sc: ScanControl): boolean {
  const anonLeft = sc.nr0 + sc.nr1;
  const fileLeft = sc.nr2 + sc.nr3;
  if (anonLeft === 0 || fileLeft === 0) return false;
  const stops = fileLeft > anonLeft ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
  const goesOn = stops === LRU_INACTIVE_ANON ? LRU_INACTIVE_FILE : LRU_INACTIVE_ANON;
  const all = target(sc, stops) + target(sc, stops + 1) + 1;
  const percentage = Math.floor((Math.min(anonLeft, fileLeft) * 100) / all);
  setNr(sc, stops, 0);
  setNr(sc, stops + 1, 0);
  setNr(sc, goesOn, remainderOf(target(sc, goesOn), nr(sc, goesOn), percentage));
  setNr(sc, goesOn + 1, remainderOf(target(sc, goesOn + 1), nr(sc, goesOn + 1), percentage));
  return true;
}

/** can_age_anon_pages. */
const canAgeAnon = (k: Kernel): boolean => totalSwapPages(k) > 0;

function anonIsLow(k: Kernel, memcg: number, nid: number): boolean {
  return inactiveIsLow(
    lruvecPageState(k, memcg, nid, LRU_INACTIVE_ANON),
    lruvecPageState(k, memcg, nid, LRU_ACTIVE_ANON),
  );
}

/** kswapd_age_node: a batch of every cgroup's active pages, where the node as a whole has too few inactive ones. */
export function* ageActiveAnon(k: Kernel, sc: ScanControl, nid: number): Task {
  if (!canAgeAnon(k) || !anonIsLow(k, 0, nid)) return;
  for (let i = 0; i < k.memcgWalk.length; i++) {
    yield* shrinkActiveList(k, SWAP_CLUSTER_MAX, lruvecAt(k, k.memcgWalk[i], nid), sc, LRU_ACTIVE_ANON);
  }
}
