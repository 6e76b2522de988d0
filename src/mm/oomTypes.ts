/** What the OOM killer and its reaper keep (mm/oom_kill.c). */
import { type Cell, cellField } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import { type Mutex, mutexField } from "../machine/mutex.ts";
import { ref, struct } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";

/** A subsystem that can give pages back when all else has failed (register_oom_notifier): how many it freed. */
export type OomNotifier = (k: Kernel) => Task<number>;

export interface Oom extends Handle {
  /** oom_lock: one kill at a time. The allocator only tries it; cgroups wait. */
  readonly lock: Mutex;
  /** Victims that the reaper has not dealt with. */
  readonly reapQueued: Cell;
  reapFirst: Mm | null;
  reapLast: Mm | null;
}
const oomStruct = struct("oom", {
  lock: mutexField(),
  reapQueued: cellField(),
  reapFirst: ref<Mm>({ ordered: "oom_reaper_lock" }),
  reapLast: ref<Mm>({ ordered: "oom_reaper_lock" }),
});

/** Set-up. */
export function createOom(): Oom {
  return oomStruct.create("oom");
}
