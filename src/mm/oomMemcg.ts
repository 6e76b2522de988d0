/** mem_cgroup_out_of_memory: the OOM killer of a cgroup. Nobody is killed yet. */
import { immediately, type Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";

/** True = somebody was killed, or is dying already, so that trying again makes sense. */
export function memCgroupOutOfMemory(_k: Kernel, _memcg: number, _gfp: number): Task<boolean> {
  return immediately(false) as never;
}
