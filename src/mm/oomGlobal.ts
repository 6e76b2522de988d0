/** out_of_memory, as the allocator calls it. Nobody is killed yet, so it is no help. */
import { immediately, type Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";

/** True = somebody was killed or is dying, or the mask forbids killing: trying again makes sense. oom_lock held. */
export function outOfMemory(_k: Kernel, _gfp: number): Task<boolean> {
  return immediately(false) as never;
}

/** tsk_is_oom_victim of the running task. */
export function taskIsOomVictim(_k: Kernel): boolean {
  return false;
}
