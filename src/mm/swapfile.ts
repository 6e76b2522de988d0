/** Swap slots (mm/swapfile.c). There is no swap device yet. */
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Kernel } from "./kernel.ts";

/** get_nr_swap_pages: free slots. */
export function getNrSwapPages(_k: Kernel): number {
  return 0;
}

/** total_swap_pages. */
export function totalSwapPages(_k: Kernel): number {
  return 0;
}

/** free_swap_and_cache: one page-table entry less leads to the slot. */
export function* freeSwapAndCache(_k: Kernel, slot: number): Task {
  must(false, "assertion", `a swap entry for slot ${slot} without a swap device`);
}
