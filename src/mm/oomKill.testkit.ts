/** For tests: one run of the OOM killer. */
import type { Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { outOfMemory } from "./oomKill.ts";

export function* killOnce(k: Kernel, gfp: number): Task {
  yield* lock(k.oom.lock);
  yield* outOfMemory(k, gfp, 0, 1000);
  yield* unlock(k.oom.lock);
}

/** An OOM notifier that has something. */
export function* freesOne(_k: Kernel): Task<number> {
  return 1;
}
