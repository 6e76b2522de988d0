/**
 * Slowing reclaim down (reclaim_throttle in mm/vmscan.c), where going on at once makes no sense. All waits are short and end by
 * a timeout; in a search that means: others may run, or not.
 */
import { contextWord, mightSleep, PF_KSWAPD } from "../machine/context.ts";
import type { Task } from "../machine/core.ts";
import { choose, giveWay } from "../machine/wait.ts";
import type { Kernel } from "./kernel.ts";
import { LRU_ACTIVE_ANON, LRU_ACTIVE_FILE, LRU_INACTIVE_ANON, LRU_INACTIVE_FILE } from "./lruTypes.ts";
import { nodePageState } from "./lruvec.ts";
import { getNrSwapPages } from "./swapfile.ts";
import { traceThrottled } from "./vmscanTrace.ts";

// enum vmscan_throttle_state; trace events show 1 << reason.
export const VMSCAN_THROTTLE_WRITEBACK = 0;
export const VMSCAN_THROTTLE_ISOLATED = 1;
export const VMSCAN_THROTTLE_NOPROGRESS = 2;
export const VMSCAN_THROTTLE_CONGESTED = 3;

/** Timeouts in microseconds, at HZ = 250. */
const TIMEOUT_US = [100_000, 20_000, 4_000, 4_000];

/** schedule_timeout: the task sleeps, and others run; for how long is not said. */
export function scheduleTimeout(what: string): Task {
  mightSleep(what);
  return choose(1) as never;
}

/** cond_resched. Where tasks interleave anyway it says nothing new. */
export function condResched(): Task {
  return giveWay();
}

/** reclaim_throttle. */
export function* reclaimThrottle(k: Kernel, nid: number, reason: number): Task {
  const noProgress = reason === VMSCAN_THROTTLE_NOPROGRESS || reason === VMSCAN_THROTTLE_CONGESTED;
  if (noProgress && skipThrottleNoprogress(k, nid)) return;
  const pgdat = k.pgdats[nid];
  if (reason === VMSCAN_THROTTLE_WRITEBACK) pgdat.nrWritebackThrottled++;
  yield* scheduleTimeout("be throttled in reclaim");
  if (reason === VMSCAN_THROTTLE_WRITEBACK) pgdat.nrWritebackThrottled--;
  traceThrottled(nid, TIMEOUT_US[reason], 1 << reason);
}

/** skip_throttle_noprogress: OOM is near, or the lists are not waiting for writes. */
function skipThrottleNoprogress(k: Kernel, nid: number): boolean {
  if (k.pgdats[nid].kswapdFailures >= k.lru.maxRetries) return true;
  return 2 * k.pgdats[nid].writePending <= nodeReclaimable(k, nid);
}

/** zone_reclaimable_pages of all zones of a node. */
export function nodeReclaimable(k: Kernel, nid: number): number {
  const file = nodePageState(k, nid, LRU_INACTIVE_FILE) + nodePageState(k, nid, LRU_ACTIVE_FILE);
  if (getNrSwapPages(k) <= 0) return file;
  return file + nodePageState(k, nid, LRU_INACTIVE_ANON) + nodePageState(k, nid, LRU_ACTIVE_ANON);
}

export const currentIsKswapd = (): boolean => (contextWord() & PF_KSWAPD) !== 0;
