/** The OOM reaper (mm/oom_kill.c): takes the memory of a dying task away without waiting for anybody. */
import type { Task } from "../../machine/core.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import type { Kernel } from "./kernel.ts";
import { zapRange } from "./memory.ts";
import type { Mm } from "./mm.ts";
import { MMU_NOTIFY_UNMAP } from "./mmuNotifier.ts";
import type { Vpn } from "./page.ts";

/**
 * __oom_reap_task_mm for one area: a non-blockable section. False when a subscriber refused and nothing was reaped; the
 * reaper then goes on with the next area and comes back later.
 */
export function* oomReapArea(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task<boolean> {
  yield* downRead(mm.mmapLock);
  const error = yield* zapRange(k, mm, start, end, MMU_NOTIFY_UNMAP);
  yield* upRead(mm.mmapLock);
  return error === 0;
}
