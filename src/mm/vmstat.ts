/**
 * Counters as /proc/vmstat and memory.stat have them: observations, which no decision depends on. They live beside the
 * words of the machine, so a search does not tell states apart by them. Levels (nr_free_pages, nr_inactive_anon …) are
 * not counted: `levels(k)` looks.
 */
import { unchecked } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import { LRU_ACTIVE_ANON, LRU_ACTIVE_FILE, LRU_INACTIVE_ANON, LRU_INACTIVE_FILE, LRU_UNEVICTABLE } from "./lruTypes.ts";
import { nodePageState } from "./lruvec.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";

/** Events, under the kernel's names, with their numbers. */
export const EV = {
  allocstall_dma: 0,
  allocstall_dma32: 1,
  allocstall_normal: 2,
  allocstall_movable: 3,
  pgskip_dma: 4,
  pgskip_dma32: 5,
  pgskip_normal: 6,
  pgskip_movable: 7,
  pgalloc_dma: 8,
  pgalloc_dma32: 9,
  pgalloc_normal: 10,
  pgalloc_movable: 11,
  pgfree: 12,
  pgfault: 13,
  pgmajfault: 14,
  pgreuse: 15,
  pgscan_kswapd: 16,
  pgscan_direct: 17,
  pgscan_direct_throttle: 18,
  pgscan_anon: 19,
  pgscan_file: 20,
  pgsteal_kswapd: 21,
  pgsteal_direct: 22,
  pgsteal_anon: 23,
  pgsteal_file: 24,
  pgrefill: 25,
  pgactivate: 26,
  pgdeactivate: 27,
  pglazyfree: 28,
  pglazyfreed: 29,
  pgrotated: 30,
  pageoutrun: 31,
  kswapd_low_wmark_hit_quickly: 32,
  kswapd_high_wmark_hit_quickly: 33,
  slabs_scanned: 34,
  pginodesteal: 35,
  kswapd_inodesteal: 36,
  nr_vmscan_write: 37,
  nr_vmscan_immediate_reclaim: 38,
  nr_dirtied: 39,
  nr_written: 40,
  workingset_nodes: 41,
  workingset_refault_anon: 42,
  workingset_refault_file: 43,
  workingset_activate_anon: 44,
  workingset_activate_file: 45,
  workingset_restore_anon: 46,
  workingset_restore_file: 47,
  workingset_nodereclaim: 48,
  unevictable_pgs_culled: 49,
  unevictable_pgs_scanned: 50,
  unevictable_pgs_rescued: 51,
  unevictable_pgs_mlocked: 52,
  unevictable_pgs_munlocked: 53,
  unevictable_pgs_cleared: 54,
  unevictable_pgs_stranded: 55,
  pswpin: 56,
  pswpout: 57,
  swap_ra: 58,
  swap_ra_hit: 59,
  pgpgin: 60,
  pgpgout: 61,
  pgmigrate_success: 62,
  pgmigrate_fail: 63,
  compact_migrate_scanned: 64,
  compact_free_scanned: 65,
  compact_isolated: 66,
  compact_stall: 67,
  compact_fail: 68,
  compact_success: 69,
  nr_foll_pin_acquired: 70,
  nr_foll_pin_released: 71,
  drop_pagecache: 72,
  drop_slab: 73,
  oom_kill: 74,
} as const;
export type EventName = keyof typeof EV;
/** All names, in the order of their numbers. */
export const EVENTS = Object.keys(EV) as readonly EventName[];

/** memory.events of a cgroup. */
export const MEMCG_EVENTS = ["low", "high", "max", "oom", "oom_kill", "swap_max", "swap_fail"] as const;
export type MemcgEventName = (typeof MEMCG_EVENTS)[number];

export type Counters = Record<EventName, number>;
export type MemcgEvents = Record<MemcgEventName, number>;

export interface Stat {
  /** /proc/vmstat. */
  readonly global: Counters;
  /** memory.stat of each cgroup, its descendants included; 0 = root. */
  readonly memcg: readonly Counters[];
  /** The same by the numbers of the events. */
  readonly globalCounts: Float64Array;
  readonly memcgCounts: readonly Float64Array[];
  /** memory.events, descendants included. */
  readonly events: readonly MemcgEvents[];
  /** Folios that each row of the decision table of shrink_folio_list decided about; see vmscanFolio.ts. */
  readonly rows: number[];
  /** Allocations, charges and requests of the swap device that failed. */
  failures: number;
  /** Requests that the swap device has completed, well or not. */
  deviceReads: number;
  deviceWrites: number;
}

function zeros<N extends string>(names: readonly N[]): Record<N, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<N, number>;
}

/** `counts` by name. */
function named(counts: Float64Array): Counters {
  const view = {};
  EVENTS.forEach((event, i) => {
    Object.defineProperty(view, event, {
      enumerable: true,
      get: () => counts[i],
      set: (value: number) => {
        counts[i] = value;
      },
    });
  });
  return view as Counters;
}

export function createStat(memcgs: number): Stat {
  const globalCounts = new Float64Array(EVENTS.length);
  const memcgCounts = Array.from({ length: memcgs }, () => new Float64Array(EVENTS.length));
  return {
    global: named(globalCounts),
    memcg: memcgCounts.map(named),
    globalCounts,
    memcgCounts,
    events: Array.from({ length: memcgs }, () => zeros(MEMCG_EVENTS)),
    rows: [],
    failures: 0,
    deviceReads: 0,
    deviceWrites: 0,
  };
}

/** count_vm_events: `event` is one of `EV`, here as below. */
export function countVm(k: Kernel, event: number, n = 1): void {
  k.stat.globalCounts[event] += n;
}

/** count_memcg_events: for the cgroup and everything above it, the root included. */
export function countMemcg(k: Kernel, memcg: number, event: number, n = 1): void {
  for (let at = memcg; at >= 0; at = k.memcgParents[at]) k.stat.memcgCounts[at][event] += n;
  memcgRstatUpdated(k, n);
}

/** Both at once: mod_lruvec_state, count_memcg_folio_events beside count_vm_events. */
export function countBoth(k: Kernel, memcg: number, event: number, n = 1): void {
  k.stat.globalCounts[event] += n;
  countMemcg(k, memcg, event, n);
}

/** memcg_memory_event. */
export function countMemcgEvent(k: Kernel, memcg: number, event: MemcgEventName): void {
  for (let at = memcg; at >= 0; at = k.memcgParents[at]) k.stat.events[at][event]++;
}

/** The levels of /proc/vmstat that follow from lists and frames, in pages. */
export function levels(k: Kernel): Record<string, number> {
  return unchecked(() => {
    const sum = (list: number): number => {
      let n = 0;
      for (let nid = 0; nid < k.nodes; nid++) n += nodePageState(k, nid, list);
      return n;
    };
    let free = 0;
    for (const zone of k.zones) free += k.zoneState.free[zone.index];
    return {
      nr_free_pages: free,
      nr_inactive_anon: sum(LRU_INACTIVE_ANON),
      nr_active_anon: sum(LRU_ACTIVE_ANON),
      nr_inactive_file: sum(LRU_INACTIVE_FILE),
      nr_active_file: sum(LRU_ACTIVE_FILE),
      nr_unevictable: sum(LRU_UNEVICTABLE),
    };
  });
}
