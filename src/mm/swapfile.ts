/** Swap slots (mm/swapfile.c). There is no swap device yet. */
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Kernel } from "./kernel.ts";

/** free_swap_and_cache: one page-table entry less leads to the slot. */
export function* freeSwapAndCache(_k: Kernel, slot: number): Task {
  must(false, "assertion", `a swap entry for slot ${slot} without a swap device`);
}
