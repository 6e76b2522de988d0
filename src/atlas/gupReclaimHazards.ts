/**
 * The hazards of the cases gup-reclaim-recursive-wait (a, b, c) and gup-reclaim-before-first-pin (d) as set-ups. All reclaim
 * runs inside the tasks named here.
 *
 *   a, c   no frame is free; reclaim finds the object's two pages, and a page of another process that it may have
 *   b      the process is in a cgroup of one page and may not be killed: what it cannot have is -ENOMEM
 *   d      the object reaches beyond what is mapped: what it cannot have is an error
 */
import { runRequest, submitRequest } from "../drivers/i915Request.ts";
import {
  bind,
  createUserptr,
  getPages,
  getPagesWorker,
  I915_2020,
  type I915Options,
  i915MmuNotifier,
  setWorkPending,
  type UserptrObject,
} from "../drivers/i915Userptr.ts";
import { createIntervalUserptr, type IntervalObject, submitDone, submitInit } from "../drivers/i915UserptrInterval.ts";
import { cell } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { EAGAIN } from "../machine/errno.ts";
import { signaledBy } from "../machine/fence.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { flushWork, type Work, work, workqueue } from "../machine/workqueue.ts";
import type { Kernel, KernelOptions } from "../mm/kernel.ts";
import { userWrite } from "../mm/memory.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import type { IntervalNotifier } from "../mm/mmuNotifierTypes.ts";
import { OOM_SCORE_ADJ_MIN } from "../mm/oomKill.ts";
import type { Rules } from "../mm/rules.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { ANON, createHog, fillMemory, mapPages, type PageKind } from "../mm/world/pages.ts";
import { swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

/** One answer to the problem: rules of the mm, protocol of the driver, kind of the object's memory. */
export interface Answer {
  readonly mm: Rules;
  /** Classic protocol with these changes, or the interval protocol. */
  readonly driver: Partial<I915Options> | { readonly interval: true; readonly waitInCallback: boolean };
  readonly pages: PageKind;
}

interface World {
  readonly k: Kernel;
  readonly p: Process;
  readonly mm: Mm;
}

/** A process with `n` pages for an object, the first `resident` of them in memory, oldest first on the LRU. */
function world(m: Machine, answer: Answer, n: number, resident: number, options: KernelOptions = {}): World {
  const k = swapKernel(m, { rules: answer.mm, swapPages: 6, watchPtes: false, ...options });
  const p = createProcess(k);
  m.boot(mapPages, [k, p, A, n, answer.pages, resident]);
  return { k, p, mm: p.mm as Mm };
}

/** A page of another process, younger than all others: what reclaim finds in the end. No frame is free any more. */
function addColdPage(m: Machine, { k }: World): void {
  m.boot(mapPages, [k, createProcess(k), A, 1, ANON, 1]);
  m.boot(fillMemory, [k, createHog(k), 0]);
}

/** a: no page is free when the worker (or the submitter) allocates the sg table, with the object's pages pinned. */
export function hazardA(m: Machine, answer: Answer): void {
  const w = world(m, answer, 2, 2);
  const { driver } = answer;
  if ("interval" in driver) {
    const { object, notifier } = createIntervalUserptr(m, w.k, w.mm, A, 2, driver);
    addColdPage(m, w);
    m.spawn("submitter", submit, [w.k, object, notifier, null]);
  } else {
    const object = createUserptr(m, w.k, i915MmuNotifier(m, w.k, w.mm, { ...I915_2020, ...driver }), A, 2);
    addColdPage(m, w);
    setWorkPending(object);
    m.spawn("worker", getPagesWorker, [w.k, object]);
  }
}

/** b: page 0 is there, and the cgroup has no room for page 1. The honest answer to userspace is -ENOMEM. */
export function hazardB(m: Machine, answer: Answer): void {
  acquire(m, limited(m, answer), answer, null);
}

/**
 * d: an object so large that its page arrays come from the page allocator as well, and that reaches beyond what is mapped:
 * the honest answer is an error. There is one frame for arrays, and one that another process uses while this one waits. If
 * the ioctl still has its array when the worker wants one, reclaim meets the object before anything is pinned.
 */
export function hazardD(m: Machine, answer: Answer): void {
  const w = world(m, answer, 1, 1, { ageMask: 0, swapPages: 3 });
  const other = createProcess(w.k);
  m.boot(mapPages, [w.k, other, A, 1, ANON]);
  m.boot(fillMemory, [w.k, createHog(w.k), 1]);
  acquire(m, w, answer, other);
}

function limited(m: Machine, answer: Answer): World {
  const w = world(m, answer, 2, 1, { memcgs: [{ max: 1 }], ageMask: 0, swapPages: 3 });
  w.p.oomScoreAdj = OOM_SCORE_ADJ_MIN;
  w.mm.memcg = 1;
  return w;
}

/** Userspace repeats the ioctl until it has the object or is told why not. `other`: runs when it has heard -EAGAIN. */
function acquire(m: Machine, { k, mm }: World, { driver }: Answer, other: Process | null): void {
  const largeArrays = other !== null;
  if ("interval" in driver) {
    const { object, notifier } = createIntervalUserptr(m, k, mm, A, 2, { ...driver, largeArrays });
    m.spawn("userspace", submit, [k, object, notifier, other]);
  } else {
    const object = createUserptr(m, k, i915MmuNotifier(m, k, mm, { ...I915_2020, ...driver, largeArrays }), A, 2);
    const worker = work("getPages", workqueue("userptr"), getPagesWorker, k, object);
    m.spawn("userspace", getPagesUntilDone, [k, object, worker, other]);
  }
}

/** c: a job uses the object, whose pages are pinned; on its way to the GPU it needs memory and no page is free. */
export function hazardC(m: Machine, answer: Answer): void {
  const w = world(m, answer, 2, 2);
  const object = objectInUse(m, answer, w);
  addColdPage(m, w);
  const submitted = cell("job.submitted");
  const gpu = m.spawn("gpu", runRequest, [object.requests, submitted], { daemon: true });
  const task = m.spawn("requester", submitRequest, [w.k, object.requests, submitted, gpu]);
  signaledBy(object.requests, task);
}

function objectInUse(m: Machine, { driver }: Answer, { k, mm }: World): UserptrObject | IntervalObject {
  if ("interval" in driver) {
    const { object, notifier } = createIntervalUserptr(m, k, mm, A, 2, driver);
    m.boot(submitInit, [k, object, notifier]);
    return object;
  }
  const object = createUserptr(m, k, i915MmuNotifier(m, k, mm, { ...I915_2020, ...driver }), A, 2);
  const worker = work("getPages", workqueue("userptr"), getPagesWorker, k, object);
  m.boot(getsAndBinds, [k, object, worker]);
  return object;
}

function* getsAndBinds(k: Kernel, object: UserptrObject, worker: Work): Task {
  const error = yield* getPages(k, object, worker);
  must(error === 0, "assertion", `the pages are there, and cannot be had: ${error}`);
  yield* bind(object);
}

/** Userspace with the classic driver: drmIoctl repeats the call on -EAGAIN; here once the worker has had its turn. */
function* getPagesUntilDone(k: Kernel, object: UserptrObject, worker: Work, other: Process | null): Task {
  while ((yield* getPages(k, object, worker)) === -EAGAIN) {
    yield* flushWork(worker);
    yield* runs(k, other);
  }
}

/** Userspace with the interval driver. */
function* submit(k: Kernel, object: IntervalObject, notifier: IntervalNotifier, other: Process | null): Task {
  for (;;) {
    let error = yield* submitInit(k, object, notifier);
    if (error === 0) error = yield* submitDone(object, notifier);
    if (error !== -EAGAIN) return;
    yield* runs(k, other);
  }
}

/** Another process has its turn: it uses its page. */
function* runs(k: Kernel, other: Process | null): Task {
  if (!other) return;
  yield* userWrite(k, other, A, 1);
  yield* lruAddDrain(k);
}
