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

/** Events, under the kernel's names. */
export const EVENTS = [
  "allocstall_dma",
  "allocstall_dma32",
  "allocstall_normal",
  "allocstall_movable",
  "pgskip_dma",
  "pgskip_dma32",
  "pgskip_normal",
  "pgskip_movable",
  "pgalloc_dma",
  "pgalloc_dma32",
  "pgalloc_normal",
  "pgalloc_movable",
  "pgfree",
  "pgfault",
  "pgmajfault",
  "pgreuse",
  "pgscan_kswapd",
  "pgscan_direct",
  "pgscan_direct_throttle",
  "pgscan_anon",
  "pgscan_file",
  "pgsteal_kswapd",
  "pgsteal_direct",
  "pgsteal_anon",
  "pgsteal_file",
  "pgrefill",
  "pgactivate",
  "pgdeactivate",
  "pglazyfree",
  "pglazyfreed",
  "pgrotated",
  "pageoutrun",
  "kswapd_low_wmark_hit_quickly",
  "kswapd_high_wmark_hit_quickly",
  "slabs_scanned",
  "pginodesteal",
  "kswapd_inodesteal",
  "nr_vmscan_write",
  "nr_vmscan_immediate_reclaim",
  "nr_dirtied",
  "nr_written",
  "workingset_nodes",
  "workingset_refault_anon",
  "workingset_refault_file",
  "workingset_activate_anon",
  "workingset_activate_file",
  "workingset_restore_anon",
  "workingset_restore_file",
  "workingset_nodereclaim",
  "unevictable_pgs_culled",
  "unevictable_pgs_scanned",
  "unevictable_pgs_rescued",
  "unevictable_pgs_mlocked",
  "unevictable_pgs_munlocked",
  "unevictable_pgs_cleared",
  "unevictable_pgs_stranded",
  "pswpin",
  "pswpout",
  "swap_ra",
  "swap_ra_hit",
  "pgpgin",
  "pgpgout",
  "pgmigrate_success",
  "pgmigrate_fail",
  "compact_migrate_scanned",
  "compact_free_scanned",
  "compact_isolated",
  "compact_stall",
  "compact_fail",
  "compact_success",
  "nr_foll_pin_acquired",
  "nr_foll_pin_released",
  "drop_pagecache",
  "drop_slab",
  "oom_kill",
] as const;
export type EventName = (typeof EVENTS)[number];

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
  /** memory.events, descendants included. */
  readonly events: readonly MemcgEvents[];
  /** Folios that each row of the decision table of shrink_folio_list decided about; see vmscanFolio.ts. */
  readonly rows: number[];
  /** Allocations, charges and requests of the swap device that failed. */
  failures: number;
}

function zeros<N extends string>(names: readonly N[]): Record<N, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<N, number>;
}

export function createStat(memcgs: number): Stat {
  return {
    global: zeros(EVENTS),
    memcg: Array.from({ length: memcgs }, () => zeros(EVENTS)),
    events: Array.from({ length: memcgs }, () => zeros(MEMCG_EVENTS)),
    rows: [],
    failures: 0,
  };
}

/** count_vm_events. */
export function countVm(k: Kernel, event: EventName, n = 1): void {
  k.stat.global[event] += n;
}

/** count_memcg_events: for the cgroup and everything above it, the root included. */
export function countMemcg(k: Kernel, memcg: number, event: EventName, n = 1): void {
  for (let at = memcg; at >= 0; at = k.memcgParents[at]) k.stat.memcg[at][event] += n;
  memcgRstatUpdated(k, n);
}

/** Both at once: mod_lruvec_state, count_memcg_folio_events beside count_vm_events. */
export function countBoth(k: Kernel, memcg: number, event: EventName, n = 1): void {
  k.stat.global[event] += n;
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
