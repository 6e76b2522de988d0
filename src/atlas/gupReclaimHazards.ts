/** The hazards of the cases gup-reclaim-recursive-wait (a, b, c) and gup-reclaim-before-first-pin (d) as set-ups. All reclaim runs inside the tasks named here. */

import { runRequest, submitRequest } from "../drivers/i915Request.ts";
import {
  createUserptr,
  getPages,
  getPagesWorker,
  I915_2020,
  type I915Options,
  i915MmuNotifier,
  setBound,
  setWorkPending,
  type UserptrObject,
} from "../drivers/i915Userptr.ts";
import {
  createIntervalUserptr,
  type IntervalObject,
  setInstalled,
  submitDone,
  submitInit,
} from "../drivers/i915UserptrInterval.ts";
import { cell } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { EAGAIN } from "../machine/errno.ts";
import { signaledBy } from "../machine/fence.ts";
import type { Machine } from "../machine/machine.ts";
import { flushWork, type Work, work, workqueue } from "../machine/workqueue.ts";
import type { Rules } from "../mm/rules.ts";
import { pinAtSetUp } from "../mm/slice/gup.ts";
import { createKernel, type Kernel } from "../mm/slice/kernel.ts";
import { claimReferences } from "../mm/slice/leak.ts";
import { ANON, createMapping, SHMEM } from "../mm/slice/mapping.ts";
import { populate } from "../mm/slice/memory.ts";
import { createMm, type Mm } from "../mm/slice/mm.ts";
import type { IntervalNotifier } from "../mm/slice/mmuIntervalNotifier.ts";

/** One answer to the problem: rules of the mm, protocol of the driver, kind of the object's memory. */
export interface Answer {
  readonly mm: Rules;
  /** Classic protocol with these changes, or the interval protocol. */
  readonly driver: Partial<I915Options> | { readonly interval: true; readonly waitInCallback: boolean };
  readonly pages: "anon" | "swapCache" | "shmem";
}

interface World {
  readonly k: Kernel;
  readonly mm: Mm;
}

/** A process with an object's two pages, the first `resident` of them in memory, oldest first on the LRU. */
function world(m: Machine, answer: Answer, resident: number, frames: number): World {
  const k = createKernel(m, answer.mm, frames);
  const mapping = createMapping(m, "user", answer.pages === "shmem" ? SHMEM : ANON, 2);
  const mm = createMm(m, k, "mm", [{ mapping, pages: 2 }]);
  for (let vpn = 0; vpn < resident; vpn++) populate(k, mm, vpn, { swapCache: answer.pages === "swapCache" });
  return { k, mm };
}

/** Nobody may end with a pin or an allocation that the object does not know of. */
function claimObject(m: Machine, { k }: World, object: UserptrObject | IntervalObject): void {
  claimReferences(m, k, () => ({ pinned: object.pages, memory: [object.sgTable] }));
}

/** A page of another process, younger than all others: what reclaim finds in the end. */
function addColdPage(m: Machine, { k }: World): void {
  const cold = createMm(m, k, "other", [{ mapping: createMapping(m, "cold", ANON, 1), pages: 1 }]);
  populate(k, cold, 0);
}

/** a: no page is free when the worker (or the submitter) allocates the sg table, with the object's pages pinned. */
export function hazardA(m: Machine, answer: Answer): void {
  const w = world(m, answer, 2, 3);
  addColdPage(m, w);
  const { driver } = answer;
  if ("interval" in driver) {
    const { object, notifier } = createIntervalUserptr(m, w.mm, 0, 2, driver);
    m.spawn("submitter", submit, [w.k, object, notifier]);
    claimObject(m, w, object);
  } else {
    const object = createUserptr(m, i915MmuNotifier(m, w.mm, { ...I915_2020, ...driver }), 0, 2);
    setWorkPending(object);
    m.spawn("worker", getPagesWorker, [w.k, object]);
    claimObject(m, w, object);
  }
}

/** b: page 0 is there, for page 1 there is no frame but page 0's. The honest answer to userspace is -ENOMEM. */
export function hazardB(m: Machine, answer: Answer): void {
  acquire(m, world(m, answer, 1, 1), answer, false);
}

/**
 * d: b for an object so large that its page arrays come from the page allocator as well. There is one frame for that; if
 * the ioctl still has its array in it when the worker wants one, reclaim meets the object before anything is pinned.
 */
export function hazardD(m: Machine, answer: Answer): void {
  acquire(m, world(m, answer, 1, 2), answer, true);
}

/** Userspace repeats the ioctl until it has the object or is told why not. */
function acquire(m: Machine, w: World, { driver }: Answer, largeArrays: boolean): void {
  if ("interval" in driver) {
    const { object, notifier } = createIntervalUserptr(m, w.mm, 0, 2, { ...driver, largeArrays });
    m.spawn("userspace", submit, [w.k, object, notifier]);
    claimObject(m, w, object);
  } else {
    const object = createUserptr(m, i915MmuNotifier(m, w.mm, { ...I915_2020, ...driver, largeArrays }), 0, 2);
    const worker = work("getPages", workqueue("userptr"), getPagesWorker, w.k, object);
    m.spawn("userspace", getPagesUntilDone, [w.k, object, worker]);
    claimObject(m, w, object);
  }
}

/** c: a job uses the object, whose pages are pinned; on its way to the GPU it needs memory and no page is free. */
export function hazardC(m: Machine, answer: Answer): void {
  const w = world(m, answer, 2, 3);
  const folios = w.k.folios.slice(0, 2).map(pinAtSetUp);
  addColdPage(m, w);
  const object = objectInUse(m, answer, w, folios);
  claimObject(m, w, object);
  const submitted = cell("job.submitted");
  const gpu = m.spawn("gpu", runRequest, [object.requests, submitted], { daemon: true });
  const task = m.spawn("requester", submitRequest, [w.k, object.requests, submitted, gpu]);
  signaledBy(object.requests, task);
}

function objectInUse(m: Machine, { driver }: Answer, { mm }: World, folios: Kernel["folios"]) {
  if ("interval" in driver) {
    const { object, notifier } = createIntervalUserptr(m, mm, 0, 2, driver);
    setInstalled(object, folios, notifier.invalidateSeq.value);
    return object;
  }
  const object = createUserptr(m, i915MmuNotifier(m, mm, { ...I915_2020, ...driver }), 0, 2);
  setBound(object, folios);
  return object;
}

/** Userspace with the classic driver: drmIoctl repeats the call on -EAGAIN; here once the worker has had its turn. */
function* getPagesUntilDone(k: Kernel, object: UserptrObject, worker: Work): Task {
  while ((yield* getPages(k, object, worker)) === -EAGAIN) yield* flushWork(worker);
}

/** Userspace with the interval driver. */
function* submit(k: Kernel, object: IntervalObject, notifier: IntervalNotifier): Task {
  for (;;) {
    let error = yield* submitInit(k, object, notifier);
    if (error === 0) error = yield* submitDone(object, notifier);
    if (error !== -EAGAIN) return;
  }
}
