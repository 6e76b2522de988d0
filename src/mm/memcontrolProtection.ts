/**
 * memory.min and memory.low (mem_cgroup_calculate_protection): how much of a cgroup reclaim of one above it must leave alone, or
 * leaves alone at first. What a cgroup claims is bounded by what those between it and the target claim.
 */
import type { Kernel } from "./kernel.ts";

/** emin of `memcg` for reclaim of `target`, in pages: never reclaimed. */
export function memcgMin(k: Kernel, memcg: number, target: number): number {
  return effective(k, k.memcgs.min, memcg, target);
}

/** elow: reclaimed only when nothing else is left. */
export function memcgLow(k: Kernel, memcg: number, target: number): number {
  return effective(k, k.memcgs.low, memcg, target);
}

function effective(k: Kernel, claims: Int32Array, memcg: number, target: number): number {
  let claim = memcg === target ? 0 : claims[memcg];
  for (let at = k.memcgParents[memcg]; at > 0 && at !== target; at = k.memcgParents[at])
    claim = Math.min(claim, claims[at]);
  return Math.min(claim, k.memcgs.usage[memcg]);
}

/** mem_cgroup_below_min: all of it is protected. */
export function belowMin(k: Kernel, memcg: number, target: number): boolean {
  const min = memcgMin(k, memcg, target);
  return min > 0 && min >= k.memcgs.usage[memcg];
}

/** mem_cgroup_below_low. */
export function belowLow(k: Kernel, memcg: number, target: number): boolean {
  const low = memcgLow(k, memcg, target);
  return low > 0 && low >= k.memcgs.usage[memcg];
}
