/** The OOM killer as the allocator calls it: last resort when nothing can be reclaimed. */
import type { Task } from "../machine/core.ts";
import { currentProcess } from "./current.ts";
import type { Kernel } from "./kernel.ts";
import { outOfMemory } from "./oomKill.ts";
import { totalSwapPages } from "./swapfile.ts";

/** True = somebody was killed or is dying, or the mask forbids killing: trying again makes sense. oom_lock held. */
export function globalOutOfMemory(k: Kernel, gfp: number): Task<boolean> {
  return outOfMemory(k, gfp, 0, totalPages(k));
}

/** totalram_pages + total_swap_pages: what badness is measured against. */
function totalPages(k: Kernel): number {
  return k.zones.reduce((sum, zone) => sum + zone.managed, 0) + totalSwapPages(k);
}

/** tsk_is_oom_victim of the running task. */
export function taskIsOomVictim(): boolean {
  return (currentProcess()?.oomMm ?? null) !== null;
}
