/** mem_cgroup_out_of_memory: the OOM killer of a cgroup whose limit nothing else keeps. */
import type { Task } from "../machine/core.ts";
import { fatalSignalPending } from "../machine/killable.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { NO_LIMIT } from "./memcontrolTypes.ts";
import { outOfMemory } from "./oomKill.ts";

/** True = somebody was killed, is dying already, or memory has come meanwhile, so that trying again makes sense. */
export function* memCgroupOutOfMemory(k: Kernel, memcg: number, gfp: number): Task<boolean> {
  yield* lock(k.oom.lock);
  const max = k.memcgs.max[memcg];
  const hasRoom = max === NO_LIMIT || k.memcgs.usage[memcg] < max;
  const again = hasRoom || fatalSignalPending() || (yield* outOfMemory(k, gfp, memcg, Math.max(1, max)));
  yield* unlock(k.oom.lock);
  return again;
}
