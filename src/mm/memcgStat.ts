/**
 * Statistics of cgroups as of the last flush (rstat, memcg_rstat_updated in mm/memcontrol.c). Every CPU counts on its own;
 * adding that up is expensive, so it is done when enough has changed, or every two seconds, and meanwhile decisions are made
 * by old values.
 *
 *   every change of a counter by n ─▶ updates += n ──above 64──▶ threshold += updates / 64, updates = 0
 *   reclaim begins a priority ─▶ threshold above the number of CPUs? ─▶ flush: all lruvecs get their values of now
 *
 * What decides by old values: inactive_is_low, whether active folios came back, cache_trim_mode, the size of a working set, when
 * costs are halved. (A refault flushes only when the two seconds are long over, which does not happen here.) How much of a list is scanned depends on its size of now, and so does everything about whole nodes.
 * Without `batchedStats` every value is that of now.
 */
import type { Kernel } from "./kernel.ts";
import { LRU_ACTIVE_FILE, type LruStats, NR_LRU_LISTS, NR_STAT_ITEMS } from "./lruTypes.ts";
import { isDescendant, lruvecAt } from "./lruvec.ts";

/** MEMCG_CHARGE_BATCH, which is also the number of updates that a CPU keeps to itself. */
const BATCH = 64;
/** num_online_cpus. */
const CPUS = 1;
/** FLUSH_TIME. */
export const FLUSH_PERIOD_MS = 2000;

// Items of a lruvec besides its lists.
export const WORKINGSET_ACTIVATE_ANON = LRU_ACTIVE_FILE + 1;
export const WORKINGSET_ACTIVATE_FILE = WORKINGSET_ACTIVATE_ANON + 1;

/** memcg_rstat_updated: a counter of some cgroup has changed by `n`. */
export function memcgRstatUpdated(k: Kernel, n: number): void {
  const { stats } = k.lru;
  if (stats === null || n === 0) return;
  const updates = stats.counts.updates[0] + Math.abs(n);
  stats.counts.updates[0] = updates > BATCH ? 0 : updates;
  if (updates <= BATCH || stats.counts.threshold[0] > CPUS) return;
  // More than this does not make a flush more urgent; bounded, so that searches stay finite.
  stats.counts.threshold[0] = Math.min(stats.counts.threshold[0] + Math.floor(updates / BATCH), CPUS + 1);
}

/** mem_cgroup_flush_stats: brings all values up to date if enough has changed. */
export function memCgroupFlushStats(k: Kernel): void {
  const { stats } = k.lru;
  if (stats !== null && stats.counts.threshold[0] > CPUS) flushStats(k, stats);
}

/** flush_memcg_stats_dwork: the same, whatever has changed; every FLUSH_PERIOD_MS where there is a clock. */
export function flushMemcgStats(k: Kernel): void {
  if (k.lru.stats !== null) flushStats(k, k.lru.stats);
}

function flushStats(k: Kernel, stats: LruStats): void {
  const lruvecs = k.memcgParents.length * k.nodes;
  for (let lruvec = 0; lruvec < lruvecs; lruvec++) {
    const memcg = Math.floor(lruvec / k.nodes);
    for (let item = 0; item < NR_STAT_ITEMS; item++) {
      stats.items.value[lruvec * NR_STAT_ITEMS + item] = current(k, memcg, lruvec % k.nodes, item);
    }
  }
  stats.counts.threshold[0] = 0;
}

/** lruvec_page_state: a list (with all cgroups below; for the root, the whole node) or a WORKINGSET item, as of the last flush. */
export function lruvecPageState(k: Kernel, memcg: number, nid: number, item: number): number {
  const { stats } = k.lru;
  return stats === null
    ? current(k, memcg, nid, item)
    : stats.items.value[lruvecAt(k, memcg, nid) * NR_STAT_ITEMS + item];
}

function current(k: Kernel, memcg: number, nid: number, item: number): number {
  const at = lruvecAt(k, memcg, nid);
  if (item === WORKINGSET_ACTIVATE_ANON) return k.lru.vecs.activatedAnon[at];
  if (item === WORKINGSET_ACTIVATE_FILE) return k.lru.vecs.activatedFile[at];
  const { size } = k.lru.lists;
  const { memcgParents, nodes } = k;
  let n = size[at * NR_LRU_LISTS + item];
  for (let below = memcg + 1; below < memcgParents.length; below++) {
    if (isDescendant(k, below, memcg)) n += size[(below * nodes + nid) * NR_LRU_LISTS + item];
  }
  return n;
}
