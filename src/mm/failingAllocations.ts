/**
 * Allocations that fail on purpose (lib/fault-inject.c, as fail_page_alloc and failslab use it): the n-th from now on, once.
 * Error paths are hardly ever taken otherwise.
 *
 *   state.failIn = n ─▶ n - 1 allocations go well ─▶ this one fails ─▶ 0: all go well again
 */
import type { Kernel } from "./kernel.ts";

/** should_fail: is it the turn of this allocation? Pages, page tables, VMAs, anon_vmas and their chains ask. */
export function shouldFail(k: Kernel): boolean {
  const { state } = k;
  if (state.failIn === 0) return false;
  state.failIn--;
  if (state.failIn > 0) return false;
  k.stat.failures++;
  return true;
}
