/**
 * lru_add_drain_all (mm/swap.c): a work item on each CPU empties its batches, and the caller waits for all of them. Where no such
 * works were made, the caller empties the batches itself, as if all CPUs were idle.
 */

import type { Task } from "../machine/core.ts";
import type { Cpu } from "../machine/cpu.ts";
import { flushWork, queueWork, work, workqueue } from "../machine/workqueue.ts";
import type { Kernel } from "./kernel.ts";
import { lruAddDrain } from "./swap.ts";

/** Set-up: a queue with one worker on each of `cpus` (mm_percpu_wq). All of them are asked, whoever filled the batches. */
export function createDrainWorks(k: Kernel, cpus: readonly Cpu[]): void {
  for (const cpu of cpus) {
    const wq = workqueue(`mm_percpu:${cpu.name}`, { cpu });
    k.drainWorks.push(work(`lruAddDrain:${cpu.name}`, wq, lruAddDrain, k));
  }
}

export function* lruAddDrainAll(k: Kernel): Task {
  if (k.drainWorks.length === 0) {
    yield* lruAddDrain(k);
    return;
  }
  for (let i = 0; i < k.drainWorks.length; i++) yield* queueWork(k.drainWorks[i]);
  for (let i = 0; i < k.drainWorks.length; i++) yield* flushWork(k.drainWorks[i]);
}
