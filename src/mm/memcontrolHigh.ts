/**
 * memory.high (mem_cgroup_handle_over_high in mm/memcontrol.c): who charges a cgroup that is above it reclaims on the way back
 * to user space, when the page of the fault is mapped already and can be reclaimed itself. If that is not enough, it sleeps.
 *
 *   charge above high ─▶ the task owes the pages charged ──more than 64, and may block──▶ at once
 *                                  └─ return to user space ─▶ reclaim as many, then 32 at a time while that helps ─▶ sleep
 *
 * The model knows of returns from page faults. What a task owes after a system call it pays after its next fault.
 */
import { contextWord, PF_MEMALLOC } from "../machine/context.ts";
import { immediately, type Task } from "../machine/core.ts";
import { GFP_KERNEL, gfpAllowsBlocking } from "../machine/gfp.ts";
import { currentProcess } from "./current.ts";
import type { Kernel } from "./kernel.ts";
import { MEMCG_CHARGE_BATCH } from "./memcgStock.ts";
import { tryToFreeMemCgroupPages } from "./memcontrol.ts";
import type { Process } from "./mmTypes.ts";
import { SWAP_CLUSTER_MAX } from "./scanControl.ts";
import { scheduleTimeoutKillable } from "./timer.ts";
import { countMemcgEvent } from "./vmstat.ts";

const HZ = 250;
/** MEMCG_MAX_HIGH_DELAY_JIFFIES. */
const MAX_DELAY = 2 * HZ;
const DELAY_PRECISION_SHIFT = 20;
const DELAY_SCALING_SHIFT = 14;

const done = (): Task => immediately(undefined) as never;

export function isAboveHigh(k: Kernel, memcg: number): boolean {
  const { usage, high } = k.memcgs;
  for (let at = memcg; at > 0; at = k.memcgParents[at]) if (usage[at] > high[at]) return true;
  return false;
}

/** The running task has charged `n` pages above a limit. Threads of the kernel owe nothing: they never go back. */
export function owe(k: Kernel, n: number, gfp: number): Task {
  const p = currentProcess();
  if (p === null) return done();
  p.overHigh += n;
  const now = p.overHigh > MEMCG_CHARGE_BATCH && (contextWord() & PF_MEMALLOC) === 0 && gfpAllowsBlocking(gfp);
  return now ? payHigh(k, p) : done();
}

/** mem_cgroup_handle_over_high, on the way back to user space. No lock is held. */
export function handleOverHigh(k: Kernel): Task {
  const p = currentProcess();
  return p === null || p.overHigh === 0 ? done() : payHigh(k, p);
}

function* payHigh(k: Kernel, p: Process): Task {
  const n = p.overHigh;
  p.overHigh = 0;
  const memcg = p.mm === null ? 0 : p.mm.memcg;
  let wanted = n;
  for (let retries = k.lru.maxRetries; ; ) {
    const reclaimed = yield* reclaimHigh(k, memcg, wanted);
    const delay = Math.min(highDelay(n, maxOverage(k, memcg)), MAX_DELAY);
    if (delay <= HZ / 100) return;
    if (reclaimed === 0 && retries-- === 0) {
      yield* scheduleTimeoutKillable(k, p, (delay * 1000) / HZ);
      return;
    }
    wanted = SWAP_CLUSTER_MAX;
  }
}

/** reclaim_high: from each cgroup that is above its limit, from below to the top. */
function* reclaimHigh(k: Kernel, memcg: number, n: number): Task<number> {
  let reclaimed = 0;
  for (let at = memcg; at > 0; at = k.memcgParents[at]) {
    if (k.memcgs.usage[at] <= k.memcgs.high[at]) continue;
    countMemcgEvent(k, at, "high");
    reclaimed += yield* tryToFreeMemCgroupPages(k, at, n, GFP_KERNEL, true, false);
  }
  return reclaimed;
}

/** mem_find_max_overage: how far the worst is above its limit, in 2^-20 of that. */
function maxOverage(k: Kernel, memcg: number): number {
  const { usage, high } = k.memcgs;
  let max = 0;
  for (let at = memcg; at > 0; at = k.memcgParents[at]) max = Math.max(max, overage(usage[at], high[at]));
  return max;
}

/** calculate_overage. */
export function overage(usage: number, high: number): number {
  if (usage <= high) return 0;
  const limit = Math.max(high, 1);
  return Math.floor(((usage - limit) * 2 ** DELAY_PRECISION_SHIFT) / limit);
}

/** calculate_high_delay: jiffies for `n` pages charged; grows with the square of the overage. */
export function highDelay(n: number, over: number): number {
  const full = Math.floor((over * over * HZ) / 2 ** (DELAY_PRECISION_SHIFT + DELAY_SCALING_SHIFT));
  return Math.floor((full * n) / MEMCG_CHARGE_BATCH);
}
