/**
 * kswapd (mm/vmscan.c): one task a node that reclaims ahead of need, from the low watermark up to the high one.
 *
 *   asleep ──wakeupKswapd──▶ balance ─ enough free ─▶ nap ─ still enough ─▶ asleep
 *                              └─ nothing reclaimed in 12 priorities ─▶ kswapdFailures++; at 16 it is given up, until others reclaim
 */
import { point, readOnce, writeOnce } from "../machine/cell.ts";
import { memallocSave, PF_KSWAPD, PF_MEMALLOC } from "../machine/context.ts";
import { answer, sequential, type Task } from "../machine/core.ts";
import { __GFP_KSWAPD_RECLAIM, fsReclaimAcquire, fsReclaimRelease, GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { until } from "../machine/wait.ts";
import type { Kernel } from "./kernel.ts";
import { lruvecAt } from "./lruvec.ts";
import { PGDAT_DIRTY, PGDAT_WRITEBACK, type Pgdat } from "./pgdat.ts";
import { guards } from "./rules.ts";
import { DEF_PRIORITY, freeScanControl, newScanControl, type ScanControl, SWAP_CLUSTER_MAX } from "./scanControl.ts";
import { condResched } from "./throttle.ts";
import { scheduleTimeoutOn } from "./timer.ts";
import { shrinkNode } from "./vmscan.ts";
import { snapshotRefaults } from "./vmscanLruvec.ts";
import { traceKswapdSleep, traceKswapdWake, traceWakeupKswapd } from "./vmscanTrace.ts";
import { countVm, EV } from "./vmstat.ts";
import { watermarkOk } from "./watermark.ts";
import { gfpZone, MAX_NR_ZONES } from "./zone.ts";

/** HZ/10. */
const NAP_MS = 100;

/** Set-up: kswapd of every node. Daemons that rest until somebody wakes them; `boots`: each looks around before it does. */
export function startKswapd(m: Machine, k: Kernel, boots = false): void {
  for (const pgdat of k.pgdats) {
    pgdat.hasKswapd = true;
    pgdat.kswapdSleeps = !boots;
    m.spawn(`kswapd${pgdat.nid}`, kswapd, [k, pgdat, boots], { daemon: true });
  }
}

/** wake_all_kswapds: one wake-up for each node of the zonelist. */
export function wakeAllKswapds(k: Kernel, gfp: number, nid: number): Task {
  const any = (gfp & __GFP_KSWAPD_RECLAIM) !== 0 && k.pgdats.some(({ hasKswapd }) => hasKswapd);
  return any ? wakeAll(k, gfp, nid) : (answer(undefined) as never);
}

function* wakeAll(k: Kernel, gfp: number, nid: number): Task {
  const highest = gfpZone(gfp);
  for (let i = 0; i < k.nodes; i++) yield* wakeupKswapd(k, (nid + i) % k.nodes, highest, gfp);
}

/** wakeup_kswapd. */
function* wakeupKswapd(k: Kernel, nid: number, highest: number, gfp: number): Task {
  const pgdat = k.pgdats[nid];
  if (!pgdat.hasKswapd) return;
  if (pgdat.kswapdHighestZoneidx === MAX_NR_ZONES || pgdat.kswapdHighestZoneidx < highest) {
    pgdat.kswapdHighestZoneidx = highest;
  }
  if (!pgdat.kswapdSleeps) return;
  if (pgdat.kswapdFailures >= k.lru.maxRetries) return;
  if (pgdatBalanced(k, nid, highest) && boostOf(k, nid, highest) === 0) return;
  traceWakeupKswapd(nid, highest, 0, gfp);
  pgdat.kswapdSleeps = false;
  yield* writeOnce(pgdat.kswapdWork, 1);
}

/** pgdat_balanced: some zone up to `highest` has enough. A node without such zones needs nothing. */
export function pgdatBalanced(k: Kernel, nid: number, highest: number): boolean {
  let any = false;
  for (const zone of k.zones) {
    if (zone.nid !== nid || zone.type > highest || zone.managed === 0) continue;
    any = true;
    const mark = zone.marks.high + k.zoneState.boost[zone.index];
    if (watermarkOk(k.zoneState.free[zone.index], mark, zone.reserve[highest], 0)) return true;
  }
  return !any;
}

function boostOf(k: Kernel, nid: number, highest: number): number {
  let sum = 0;
  for (const zone of k.zones) if (zone.nid === nid && zone.type <= highest) sum += k.zoneState.boost[zone.index];
  return sum;
}

/** kswapd(). */
function* kswapd(k: Kernel, pgdat: Pgdat, boots: boolean): Task {
  memallocSave(PF_MEMALLOC | PF_KSWAPD);
  const all = MAX_NR_ZONES - 1;
  if (boots) yield* tryToSleep(k, pgdat, all);
  else yield* sleep(k, pgdat);
  for (;;) {
    const highest = Math.min(pgdat.kswapdHighestZoneidx, all);
    pgdat.kswapdHighestZoneidx = MAX_NR_ZONES;
    traceKswapdWake(pgdat.nid, highest, 0);
    yield* balancePgdat(k, pgdat, highest);
    yield* tryToSleep(k, pgdat, highest);
  }
}

/**
 * kswapd_try_to_sleep: a nap first, and then, if nobody has woken it and all is still well, a long sleep. That there was no time
 * for the one or the other is counted: low = woken during the nap, high = not balanced when it wanted to sleep.
 */
function* tryToSleep(k: Kernel, pgdat: Pgdat, highest: number): Task {
  let woken = false;
  if (prepareToSleep(k, pgdat, highest)) {
    pgdat.kswapdSleeps = true;
    yield* scheduleTimeoutOn(k, pgdat.kswapdWork, NAP_MS);
    woken = (yield* readOnce(pgdat.kswapdWork)) !== 0;
    if (woken) yield* writeOnce(pgdat.kswapdWork, 0);
    else pgdat.kswapdSleeps = false;
  }
  if (!woken && (yield* mayRest(k, pgdat, highest))) {
    traceKswapdSleep(pgdat.nid);
    yield* sleep(k, pgdat);
    return;
  }
  countVm(k, woken ? EV.kswapd_low_wmark_hit_quickly : EV.kswapd_high_wmark_hit_quickly);
  if (pgdat.kswapdHighestZoneidx === MAX_NR_ZONES) pgdat.kswapdHighestZoneidx = highest;
  if (!woken) yield* condResched();
}

/**
 * Between nap and sleep it is off the queue for a moment, where nobody can wake it. So it first says that it sleeps, and then
 * looks: who has taken a page before is seen, and who takes one afterwards wakes it.
 */
function* mayRest(k: Kernel, pgdat: Pgdat, highest: number): Task<boolean> {
  const first = guards(k.rules, "kswapdQueuesFirst");
  yield* preemptible();
  pgdat.kswapdSleeps = first;
  yield* preemptible();
  const enough = prepareToSleep(k, pgdat, highest) || !guards(k.rules, "kswapdLooksAgain");
  if (!enough) pgdat.kswapdSleeps = false;
  else if (!first) yield* preemptible();
  return enough;
}

/** Others may come in between, where tasks interleave at all. */
const preemptible = (): Task => (sequential ? (answer(undefined) as never) : point());

/** schedule(), on the queue. */
function* sleep(k: Kernel, pgdat: Pgdat): Task {
  pgdat.kswapdSleeps = true;
  yield* until(() => k.pgdats[pgdat.nid].kswapdWork.value !== 0);
  yield* writeOnce(pgdat.kswapdWork, 0);
}

/** prepare_kswapd_sleep: nothing to do, or nothing that could be done. Throttled tasks need not wait for it any more. */
function prepareToSleep(k: Kernel, pgdat: Pgdat, highest: number): boolean {
  if (pgdat.kswapdFailures >= k.lru.maxRetries) return true;
  if (!pgdatBalanced(k, pgdat.nid, highest)) return false;
  k.lru.vecs.congested[lruvecAt(k, 0, pgdat.nid)] = 0;
  pgdat.flags &= ~(PGDAT_DIRTY | PGDAT_WRITEBACK);
  return true;
}

/** balance_pgdat. */
export function* balancePgdat(k: Kernel, pgdat: Pgdat, highest: number): Task {
  const { nid } = pgdat;
  countVm(k, EV.pageoutrun);
  fsReclaimAcquire(GFP_KERNEL);
  const sc = newScanControl(k, GFP_KERNEL);
  sc.reclaimIdx = highest;
  const boosted = boostOf(k, nid, highest);
  let boost = boosted;
  sc.priority = DEF_PRIORITY;
  while (sc.priority >= 1) {
    const balanced = pgdatBalanced(k, nid, highest);
    if (!balanced && boost > 0) {
      // Not only fragmentation: real work, from the beginning.
      boost = 0;
      sc.priority = DEF_PRIORITY;
      continue;
    }
    if (balanced && boost === 0) break;
    sc.mayWritepage = boost === 0;
    sc.maySwap = boost === 0;
    yield* k.policy.age(k, sc, nid);
    if (sc.priority < DEF_PRIORITY - 2) sc.mayWritepage = true;
    const before = sc.nrReclaimed;
    sc.nrScanned = 0;
    const enough = yield* kswapdShrinkNode(k, sc, nid, highest);
    yield* condResched();
    const reclaimed = sc.nrReclaimed - before;
    boost -= Math.min(boost, reclaimed);
    if (boost > 0 && reclaimed === 0) break;
    const raise = !enough && !(boost > 0 && sc.priority === DEF_PRIORITY - 2);
    if (raise || reclaimed === 0) sc.priority--;
  }
  if (sc.priority < 1 && sc.nrReclaimed === 0) pgdat.kswapdFailures++;
  if (boosted > 0) takeBoost(k, nid, highest);
  snapshotRefaults(k, 0, nid);
  freeScanControl(k, sc);
  fsReclaimRelease(GFP_KERNEL);
}

/** kswapd_shrink_node: true = it has looked at as much as it wanted to reclaim. */
function* kswapdShrinkNode(k: Kernel, sc: ScanControl, nid: number, highest: number): Task<boolean> {
  sc.nrToReclaim = 0;
  for (const zone of k.zones) {
    if (zone.nid !== nid || zone.type > highest || zone.managed === 0) continue;
    sc.nrToReclaim += Math.max(zone.marks.high + k.zoneState.boost[zone.index], SWAP_CLUSTER_MAX);
  }
  yield* shrinkNode(k, sc, nid);
  return sc.nrScanned >= sc.nrToReclaim;
}

/** The boost that this round was for. */
function takeBoost(k: Kernel, nid: number, highest: number): void {
  for (const zone of k.zones) {
    if (zone.nid === nid && zone.type <= highest) k.zoneState.boost[zone.index] = 0;
  }
}
