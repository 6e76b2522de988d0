import { createGem, type GemDevice, type GemPolicy, gemGetPages, gemPutPages } from "../drivers/gem.ts";
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { __GFP_RETRY_MAYFAIL, GFP_KERNEL } from "../machine/gfp.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { type AcquireCtx, acquireCtx, wwAcquireFini, wwAcquireInit, wwLock, wwUnlock } from "../machine/wwMutex.ts";
import { createKernel, type Kernel } from "../mm/kernel.ts";
import { allocPage } from "../mm/pageAlloc.ts";
import { registerShrinker, unregisterShrinker } from "../mm/shrinker.ts";
import { folioPut } from "../mm/swap.ts";

/** All memory is in objects, with a rival in the first one; then `locked` of them are reserved, and a page more is needed. */
function* main(k: Kernel, gpu: GemDevice, locked: number, two: boolean, other: AcquireCtx): Task {
  yield* registerShrinker(k, gpu.shrinker);
  const full = two ? 1 : gpu.objects.length;
  for (let i = 0; i < full; i++) yield* gemGetPages(k, gpu, gpu.objects[i]);
  const rival = two ? spawn(reservesBoth, gpu, other) : null;
  yield* allocatesReserved(k, gpu, locked, two);
  if (rival) yield* join(rival);
  yield* unregisterShrinker(k, gpu.shrinker);
  for (let i = 0; i < gpu.objects.length; i++) if (gpu.objects[i].hasPages) yield* gemPutPages(k, gpu, gpu.objects[i]);
}

/** T: reserves its objects under a ticket and allocates. With a rival it is the second object, which is to get its pages. */
function* allocatesReserved(k: Kernel, gpu: GemDevice, locked: number, two: boolean): Task {
  if (two) yield* choose(1); // anybody may begin
  yield* wwAcquireInit(gpu.context);
  const first = two ? 1 : 0;
  for (let i = first; i < first + locked; i++) yield* wwLock(gpu.objects[i].lock, gpu.context);
  const pfn = yield* allocPage(k, GFP_KERNEL | __GFP_RETRY_MAYFAIL);
  must(pfn >= 0 || two, "policy", "nothing was freed although there are idle objects: all are reserved");
  if (pfn >= 0) yield* folioPut(k, pfn);
  for (let i = first; i < first + locked; i++) yield* wwUnlock(gpu.objects[i].lock);
  yield* wwAcquireFini(gpu.context);
}

/** Another submission, which wants both objects: where it meets T, the older ticket wins and the younger one backs off. */
function* reservesBoth(gpu: GemDevice, ctx: AcquireCtx): Task {
  yield* choose(1);
  yield* wwAcquireInit(ctx);
  yield* wwLock(gpu.objects[0].lock, ctx);
  if ((yield* wwLock(gpu.objects[1].lock, ctx)) === 0) yield* wwUnlock(gpu.objects[1].lock);
  yield* wwUnlock(gpu.objects[0].lock);
  yield* wwAcquireFini(ctx);
}

function row(policy: GemPolicy, locked: number, two: boolean, expect: "ok" | "deadlock" | "policy", about: string) {
  return { policy, locked, two, expect, about };
}

export default defineCase({
  id: "shrinker-takes-ww-acquire",
  title: "a shrinker that reserves objects in an acquire context of its own",
  class: "deadlock",
  text: `Who allocates while it holds reservations may find itself in the shrinker of the same driver. There it may not wait for any
reservation. An acquire context does not help: the ticket by which wound/wait tells who has to back off is another one than
that under which the task holds its objects.

*Buggy runs:* alone: the task waits for the object that it has reserved itself, and is never told to back off, since the
shrinker's ticket holds nothing. With a second submission (two threads): T holds object 1 and waits in the shrinker for object
0, whose holder waits for object 1; the holder, if it is the older, wounds T's ticket, but T waits under the shrinker's.

*Fix:* trylock, no context. The price: objects that somebody has reserved are skipped, and if all are, an allocation fails
that could have succeeded (the row that breaks the policy "idle objects are enough for a page").`,
  sources: [{ ref: "3392291fc509", what: "drm/msm: the fix, v7.1; CVE-2026-64100" }],
  variants: {
    buggy: row("ww-acquire", 1, false, "deadlock", "waits in a context of its own, one thread"),
    "buggy-two-threads": row("ww-acquire", 1, true, "deadlock", "the same, waiting for another submission"),
    "plain-lock": row("lock", 1, false, "deadlock", "waits without a context"),
    fixed: row("trylock", 1, false, "ok", "trylock: the other object gives its page"),
    "fixed-two-threads": row("trylock", 1, true, "ok", "trylock, against another submission"),
    "fixed-all-reserved": row("trylock", 2, false, "policy", "trylock: all are reserved, nothing is freed"),
  },
  setup(m, v) {
    const sizes = { frames: 3, nodes: 1, tableShift: 1, windowShift: 3, tables: 2, mms: 1, processes: 1, vmas: 1 };
    const more = { inodes: 1, files: 1, filePages: 1, gathers: 1, gatherPages: 2, shrinkers: 1, reclaimers: 2 };
    const k = createKernel(m, { ...sizes, ...more, shrinking: 2, reclaims: true });
    const gpu = createGem(m, k, "gpu", v.two ? [2, 1] : [1, 1], v.policy);
    const other = acquireCtx("other.context", gpu.context.wwClass);
    m.spawn("T", main, [k, gpu, v.locked, v.two, other], { children: 1 });
  },
});
