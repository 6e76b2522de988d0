/**
 * How much reclaim scans of which list (prepare_scan_count, get_scan_count in mm/vmscan.c): pure arithmetic over numbers of
 * pages.
 *
 *   each list: size >> priority, times its type's share      share from swappiness and from what reclaiming it cost so far
 */
import { SWAP_CLUSTER_MAX } from "./scanControl.ts";
import { intSqrt } from "./watermark.ts";

export const DEACTIVATE_ANON = 1;
export const DEACTIVATE_FILE = 2;

// enum scan_balance.
export const SCAN_EQUAL = 0;
export const SCAN_FRACT = 1;
export const SCAN_ANON = 2;
export const SCAN_FILE = 3;

/** inactive_is_low: the larger the lists, the smaller the share that has to be inactive. */
export function inactiveIsLow(inactive: number, active: number): boolean {
  const gb = Math.floor((inactive + active) / 2 ** 18);
  const ratio = gb > 0 ? intSqrt(10 * gb) : 1;
  return inactive * ratio < active;
}

/** may_deactivate: of which types active lists may be shrunk. `refaultedX`: active folios were evicted and came back. */
export function mayDeactivate(
  force: boolean,
  refaultedAnon: boolean,
  refaultedFile: boolean,
  inactiveAnon: number,
  activeAnon: number,
  inactiveFile: number,
  activeFile: number,
): number {
  if (force) return DEACTIVATE_ANON | DEACTIVATE_FILE;
  const anon = refaultedAnon || inactiveIsLow(inactiveAnon, activeAnon);
  const file = refaultedFile || inactiveIsLow(inactiveFile, activeFile);
  return (anon ? DEACTIVATE_ANON : 0) | (file ? DEACTIVATE_FILE : 0);
}

/** cache_trim_mode: enough inactive file pages, and the active ones are not challenged. */
export function cacheTrimMode(inactiveFile: number, priority: number, deactivate: number): boolean {
  return inactiveFile >> priority > 0 && (deactivate & DEACTIVATE_FILE) === 0;
}

/** file_is_tiny, of a node: without anonymous pages nothing could be reclaimed for long. */
export function fileIsTiny(
  file: number,
  free: number,
  highMarks: number,
  deactivate: number,
  inactiveAnon: number,
  priority: number,
): boolean {
  return file + free <= highMarks && (deactivate & DEACTIVATE_ANON) === 0 && inactiveAnon >> priority > 0;
}

/** Which lists, and how they share. First match wins. `anonPossible`: may swap, and there is room in swap. */
export function scanBalance(
  anonPossible: boolean,
  memcgReclaim: boolean,
  swappiness: number,
  priority: number,
  tiny: boolean,
  trim: boolean,
): number {
  if (!anonPossible) return SCAN_FILE;
  if (memcgReclaim && swappiness === 0) return SCAN_FILE;
  if (priority === 0 && swappiness > 0) return SCAN_EQUAL;
  if (tiny) return SCAN_ANON;
  if (trim) return SCAN_FILE;
  return SCAN_FRACT;
}

/** ap and fp of get_scan_count: the weight of a type (`cost` is its own, `other` that of the other type). */
export function costWeight(swappiness: number, cost: number, other: number): number {
  const total = cost + other;
  const own = total + cost;
  const both = own + total + other;
  return Math.floor((swappiness * (both + 1)) / (own + 1));
}

/** lruvec size, less what memory.min or memory.low protects: never below one batch, whatever there is. */
export function unprotected(size: number, protection: number, cgroupSize: number): number {
  if (protection === 0) return size;
  const total = Math.max(cgroupSize, protection);
  return Math.max(size - Math.floor((size * protection) / (total + 1)), SWAP_CLUSTER_MAX);
}

/**
 * Pages of one list to scan. `size`: of the list, in zones that count; `weight` of `weights`: the share of its type. An
 * offline cgroup is to be emptied: rounding is in its disfavour.
 */
export function scanOf(
  size: number,
  priority: number,
  balance: number,
  file: boolean,
  weight: number,
  weights: number,
  online = true,
): number {
  let scan = size >> priority;
  if (scan === 0 && !online) scan = Math.min(size, SWAP_CLUSTER_MAX);
  if (balance === SCAN_EQUAL) return scan;
  if (balance === SCAN_FRACT) {
    const share = (scan * weight) / weights;
    return online ? Math.floor(share) : Math.ceil(share);
  }
  return file === (balance === SCAN_FILE) ? scan : 0;
}

/** In what is left of the lists once enough is reclaimed: the smaller type stops, the larger scans as large a share of it. */
export function remainderOf(target: number, left: number, percentage: number): number {
  const scanned = target - left;
  const wanted = Math.floor((target * (100 - percentage)) / 100);
  return wanted - Math.min(wanted, scanned);
}

/** too_many_isolated: has everybody else taken so much off the inactive list that more makes no sense? */
export function tooManyIsolated(isolated: number, inactive: number, mayDoIoAndFs: boolean): boolean {
  return isolated > (mayDoIoAndFs ? inactive >> 3 : inactive);
}
