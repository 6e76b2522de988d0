/**
 * The mm_vmscan_* trace events, with the kernel's names and fields, for whoever observes events (machine/events.ts). All
 * are cheap while nobody does.
 */
import { emit, tracing } from "../machine/events.ts";
import { LRU_NAMES } from "./lruTypes.ts";
import type { ScanControl } from "./scanControl.ts";

type Begin = "mm_vmscan_direct_reclaim_begin" | "mm_vmscan_memcg_reclaim_begin" | "mm_vmscan_node_reclaim_begin";
type End = "mm_vmscan_direct_reclaim_end" | "mm_vmscan_memcg_reclaim_end" | "mm_vmscan_node_reclaim_end";

export function traceReclaimBegin(name: Begin, sc: ScanControl): void {
  if (tracing()) emit(name, { order: sc.order, gfp_flags: sc.gfp });
}

export function traceReclaimEnd(name: End, reclaimed: number): void {
  if (tracing()) emit(name, { nr_reclaimed: reclaimed });
}

/** One isolation of folios from a list. */
export function traceIsolate(sc: ScanControl, requested: number, skipped: number, taken: number, lru: number): void {
  if (!tracing()) return;
  emit("mm_vmscan_lru_isolate", {
    isolate_mode: sc.mayUnmap ? 0 : 2,
    highest_zoneidx: sc.reclaimIdx,
    order: sc.order,
    nr_requested: requested,
    nr_scanned: sc.isolateScanned,
    nr_skipped: skipped,
    nr_taken: taken,
    lru: LRU_NAMES[lru],
  });
}

/** RECLAIM_WB_*: what the batch was about. */
function reclaimFlags(file: boolean): string {
  return file ? "RECLAIM_WB_FILE|RECLAIM_WB_ASYNC" : "RECLAIM_WB_ANON|RECLAIM_WB_ASYNC";
}

export function traceShrinkInactive(
  nid: number,
  scanned: number,
  reclaimed: number,
  sc: ScanControl,
  file: boolean,
): void {
  if (!tracing()) return;
  emit("mm_vmscan_lru_shrink_inactive", {
    nid,
    nr_scanned: scanned,
    nr_reclaimed: reclaimed,
    nr_dirty: sc.statDirty,
    nr_writeback: sc.statWriteback,
    nr_congested: sc.statCongested,
    nr_immediate: sc.statImmediate,
    nr_activate0: sc.statActivateAnon,
    nr_activate1: sc.statActivateFile,
    nr_ref_keep: sc.statRefKeep,
    nr_unmap_fail: sc.statUnmapFail,
    priority: sc.priority,
    reclaim_flags: reclaimFlags(file),
  });
}

export function traceShrinkActive(
  nid: number,
  taken: number,
  active: number,
  deactivated: number,
  referenced: number,
  sc: ScanControl,
  file: boolean,
): void {
  if (!tracing()) return;
  emit("mm_vmscan_lru_shrink_active", {
    nid,
    nr_taken: taken,
    nr_active: active,
    nr_deactivated: deactivated,
    nr_referenced: referenced,
    priority: sc.priority,
    reclaim_flags: reclaimFlags(file),
  });
}

/** pageout has begun to write a folio. */
export function traceWriteFolio(pfn: number, file: boolean): void {
  if (tracing()) emit("mm_vmscan_write_folio", { pfn, reclaim_flags: reclaimFlags(file) });
}

export function traceThrottled(nid: number, timeout: number, reason: number): void {
  if (tracing()) emit("mm_vmscan_throttled", { nid, usec_timeout: timeout, usec_delayed: timeout, reason });
}

export function traceWakeupKswapd(nid: number, zid: number, order: number, gfp: number): void {
  if (tracing()) emit("mm_vmscan_wakeup_kswapd", { nid, zid, order, gfp_flags: gfp });
}

export function traceKswapdWake(nid: number, zid: number, order: number): void {
  if (tracing()) emit("mm_vmscan_kswapd_wake", { nid, zid, order });
}

export function traceKswapdSleep(nid: number): void {
  if (tracing()) emit("mm_vmscan_kswapd_sleep", { nid });
}
