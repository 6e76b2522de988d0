/**
 * What reclaim costs a subscriber: how often it is called, and for how many pages that were freed. A process has pages of one
 * kind, a device has pinned some of them, and others are free to go.
 *
 *   reclaim, round by round ─▶ unmap: the subscriber is called ─▶ freed, or pinned: back on a list ─▶ the process uses it again
 *
 * A call is worth its price when a page is freed by it. So the bound is: not more calls than freed pages.
 */
import type { Handle, Task } from "../machine/core.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { int, struct } from "../machine/struct.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { createPages } from "../mm/gup.ts";
import type { Kernel, KernelOptions } from "../mm/kernel.ts";
import { userRead } from "../mm/memory.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { createNotifier, type MmuNotifier, type MmuNotifierOps, mmuNotifierRegister } from "../mm/mmuNotifier.ts";
import type { Rules } from "../mm/rules.ts";
import { performReclaim } from "../mm/vmscan.ts";
import { claimReferences } from "../mm/world/claims.ts";
import { forget, mapPages, type PageKind, pinPages } from "../mm/world/pages.ts";
import { swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

/** The subscriber's bill. */
export interface Toll extends Handle {
  readonly lock: Mutex;
  /** Starts that it was told of. */
  calls: number;
  /** Pages that reclaim brought meanwhile. */
  freed: number;
}
const tollStruct = struct("toll", {
  lock: mutexField(),
  calls: int({ guardedBy: "lock" }),
  freed: int({ ordered: "of the task that reclaims" }),
});

/** Stops its device: a driver cannot know that the page will stay. */
const tollOps: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub): Task<number> {
    const toll = sub.driver as Toll;
    yield* lock(toll.lock);
    toll.calls++;
    yield* unlock(toll.lock);
    return 0;
  },
};

export interface TollOptions {
  readonly inForce: Rules;
  readonly kind: PageKind;
  /** Pages of the process; the first `pinned` of them belong to the device. */
  readonly pages: number;
  readonly pinned: number;
  /** Reclaim comes so often, and in between the pinned pages are used and then not for long. */
  readonly rounds: number;
  /** The process uses the pinned pages whenever it likes, too. */
  readonly user: boolean;
}

/** Set-up. `judge` is called in the task that reclaims when all rounds are over. */
export function tollWorld(m: Machine, o: TollOptions, sizes: KernelOptions, judge: (toll: Toll) => void): void {
  const k = swapKernel(m, { rules: o.inForce, ...sizes });
  const p = createProcess(k);
  const pinned = createPages("pinned", Math.max(1, o.pinned));
  claimReferences(k, { pinned: [pinned] });
  const toll: Toll = tollStruct.create("toll");
  const sub = createNotifier(m, "subscriber", tollOps, toll);
  m.boot(mapPages, [k, p, A, o.pages, o.kind]);
  if (o.pinned > 0) m.boot(pinPages, [k, p, A, o.pinned, pinned]);
  m.boot(forget, [k, p, A, o.pages]);
  m.spawn("kswapd", reclaimer, [k, p, sub, m.keep({ ...o }), m.keep({ judge })], { children: 1 });
}

function* reclaimer(
  k: Kernel,
  p: Process,
  sub: MmuNotifier,
  o: TollOptions,
  { judge }: { readonly judge: (toll: Toll) => void },
): Task {
  const toll = sub.driver as Toll;
  yield* choose(1); // the boots are over
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  const other = o.user ? spawn(user, k, p, o.pinned) : null;
  for (let round = 0; round < o.rounds; round++) {
    if (round > 0) yield* useAgain(k, p, o.pinned);
    toll.freed += yield* performReclaim(k, GFP_KERNEL, 0);
  }
  if (other) yield* join(other);
  yield* lock(toll.lock);
  judge(toll);
  yield* unlock(toll.lock);
}

/** The pages are used, so that they are mapped again, and then not for long: the next round finds them as the first did. */
function* useAgain(k: Kernel, p: Process, n: number): Task {
  for (let i = 0; i < n; i++) yield* userRead(k, p, A + i);
  yield* forget(k, p, A, n);
}

function* user(k: Kernel, p: Process, n: number): Task {
  yield* choose(1); // anybody may begin
  for (let i = 0; i < n; i++) yield* userRead(k, p, A + i);
}
