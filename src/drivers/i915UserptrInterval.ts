/**
 * i915 userptr since v5.13: one interval notifier for each object, no worker, no mm.lock. The pages are pinned by the
 * submitting task, outside of all locks, and kept after an invalidation until the next submission finds them outdated.
 *
 *   submitInit   q = read_begin ─▶ old pages go ─▶ pin pages ─▶ object lock: read_retry(q)? ─▶ -EAGAIN, unpin
 *                                                                     └─▶ sg table, pages and q are the object's
 *   submitDone   notifier_lock for reading: read_retry? ─▶ -EAGAIN, userspace starts again
 *
 *   callback     notifier_lock for writing: set_seq. v5.13 … v6.8: then waits for all requests that use the object.
 *                Since v6.9 (86ceaaaec597) nothing else: the pages are pinned, so there is nothing to wait for.
 *
 * The price: a page stays pinned, unaccounted, for as long as nobody submits (case unaccounted-notifier-immune-pin).
 */
import type { Handle, Task } from "../machine/core.ts";
import { EAGAIN, ENOMEM } from "../machine/errno.ts";
import { type Fence, fenceField, fenceWait } from "../machine/fence.ts";
import { __GFP_NORETRY, GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { downRead, downWrite, type RwSem, rwlock, upRead, upWrite } from "../machine/rwsem.ts";
import { bool, int, struct } from "../machine/struct.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import {
  createIntervalNotifier,
  mmuIntervalNotifierInsert,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "../mm/mmuIntervalNotifier.ts";
import { type IntervalNotifier, rangeBlockable } from "../mm/mmuNotifierTypes.ts";
import type { Pfn, Vpn } from "../mm/page.ts";
import { kfree, kmalloc } from "../mm/slab.ts";
import { claimReferences } from "../mm/world/claims.ts";
import { driverHistory } from "./history.ts";

export interface I915IntervalOptions {
  /** v5.13 … v6.8: the callback waits for the object's requests. */
  readonly waitInCallback: boolean;
  /** The object is so large that its page array comes from the page allocator instead of a slab with room. */
  readonly largeArrays?: boolean;
  /** Not in any kernel: pages are charged while they are pinned, up to so many (RLIMIT_MEMLOCK), as RDMA does it. */
  readonly memlock?: number;
}

type Protocol = Pick<I915IntervalOptions, "waitInCallback">;
const versions: Readonly<Record<"v5.13" | "v6.9", Protocol>> = {
  "v5.13": { waitInCallback: true },
  "v6.9": { waitInCallback: false },
};
export const I915_INTERVAL = driverHistory("i915-userptr-interval", versions);

export interface IntervalObject extends Handle {
  /** The object's dma_resv lock: guards pages, sg table and their sequence. Never taken by the callback. */
  readonly lock: Mutex;
  hasPages: boolean;
  /** Its memory; 0 = none. */
  sgTable: Pfn;
  /** Pages that its owner is charged for. */
  charged: number;
  /** read_begin of the pages that it has. */
  seq: number;
  readonly requests: Fence;
  /** mm.notifier_lock of the device: a job passes submitDone under it for reading, the callback moves the sequence. */
  readonly notifierLock: RwSem;
  readonly mm: Mm;
  readonly start: Vpn;
  readonly pageCount: number;
  readonly pages: Pages;
  readonly pvec: Pages;
  readonly options: I915IntervalOptions;
}

const objectStruct = struct("userptr", {
  lock: mutexField(),
  hasPages: bool({ guardedBy: "lock" }),
  sgTable: int({ guardedBy: "lock" }),
  charged: int({ guardedBy: "lock" }),
  seq: int({ guardedBy: "lock" }),
  requests: fenceField({ signaled: true }),
});

const i915IntervalOps = { invalidate: userptrInvalidate };

const PIN = FOLL_PIN | FOLL_WRITE;

/** kvmalloc of more than a page begins like that. What it does next, vmalloc, would ask the OOM killer; here it fails. */
const GFP_ARRAY = GFP_KERNEL | __GFP_NORETRY;

/**
 * Set-up: an object of the pages [start, start + pageCount), without pages, and its subscription, inserted when boots run.
 * What it holds at the end is its own.
 */
export function createIntervalUserptr(
  m: Machine,
  k: Kernel,
  mm: Mm,
  start: Vpn,
  pageCount: number,
  options: I915IntervalOptions,
): { object: IntervalObject; notifier: IntervalNotifier<IntervalObject> } {
  const constants = {
    notifierLock: rwlock("i915.notifierLock"),
    pages: createPages("obj.sg", pageCount),
    pvec: createPages("obj.pvec", pageCount),
    ...{ mm, start, pageCount, options: { ...options, ...I915_INTERVAL.inForce(options) } },
  };
  m.keep(constants);
  const object: IntervalObject = Object.assign(objectStruct.create("obj"), constants);
  const notifier = createIntervalNotifier(m, k, "obj.notifier", i915IntervalOps, object);
  m.boot(mmuIntervalNotifierInsert, [k, notifier, mm, start, pageCount]);
  claimReferences(k, { pinned: [object.pages], memory: () => [object.sgTable] });
  return { object, notifier };
}

/** i915_gem_userptr_invalidate. */
function* userptrInvalidate(
  _k: Kernel,
  sub: IntervalNotifier,
  _start: Vpn,
  _end: Vpn,
  flags: number,
  seq: number,
): Task<boolean> {
  const object = sub.driver as IntervalObject;
  if (!rangeBlockable(flags)) return false;
  yield* downWrite(object.notifierLock);
  yield* mmuIntervalSetSeq(sub, seq);
  yield* upWrite(object.notifierLock);
  if (object.options.waitInCallback) yield* fenceWait(object.requests);
  return true;
}

/** i915_gem_object_userptr_submit_init: the object has pages that were right when it looked. 0, -EAGAIN, -ENOMEM. */
export function* submitInit(k: Kernel, object: IntervalObject, notifier: IntervalNotifier): Task<number> {
  const seq = yield* mmuIntervalReadBegin(notifier);
  yield* lock(object.lock);
  const upToDate = object.hasPages && object.seq === seq;
  if (!upToDate) yield* putOldPages(k, object);
  yield* unlock(object.lock);
  if (upToDate) return 0;
  if ((object.options.memlock ?? object.pageCount) < object.pageCount) return -ENOMEM;
  // The loop of June 2020: page n is brought in with pages 0 … n-1 pinned. No lock is held.
  const { mm, start, pageCount, pvec, options } = object;
  const array = options.largeArrays ? yield* kmalloc(k, GFP_ARRAY) : 0;
  const failed = options.largeArrays && array === 0;
  const result = failed ? -ENOMEM : yield* getUserPagesFast(k, mm, start, pageCount, PIN, pvec);
  let error = result === pageCount ? 0 : -ENOMEM;
  if (error === 0) {
    yield* lock(object.lock);
    if (yield* mmuIntervalReadRetry(notifier, seq)) error = -EAGAIN;
    else error = yield* install(k, object, seq);
    yield* unlock(object.lock);
  }
  yield* unpinAll(k, pvec);
  yield* kfree(k, array);
  return error;
}

/** ____i915_gem_object_get_pages: allocates under the object's lock, which is allowed: no callback takes it. */
function* install(k: Kernel, object: IntervalObject, seq: number): Task<number> {
  const table = yield* kmalloc(k, GFP_KERNEL);
  if (table === 0) return -ENOMEM;
  object.sgTable = table;
  if (object.options.memlock !== undefined) object.charged = object.pageCount;
  object.hasPages = true;
  object.seq = seq;
  object.pages.pfn.set(object.pvec.pfn);
  object.pvec.pfn.fill(0);
  return 0;
}

/** i915_gem_object_userptr_unbind: waits for the GPU, then lets the old pages go. Object lock held. */
function* putOldPages(k: Kernel, object: IntervalObject): Task {
  if (!object.hasPages) return;
  yield* fenceWait(object.requests);
  object.hasPages = false;
  object.charged = 0;
  yield* unpinAll(k, object.pages);
  const { sgTable } = object;
  object.sgTable = 0;
  yield* kfree(k, sgTable);
}

/** Gives up what is pinned in an array, which is empty afterwards. */
function* unpinAll(k: Kernel, pages: Pages): Task {
  yield* unpinUserPages(k, pages, pages.count, PIN, false);
  pages.pfn.fill(0);
}

/** The object is destroyed: the pages go once the GPU is done with them. */
export function* releaseObject(k: Kernel, object: IntervalObject): Task {
  yield* lock(object.lock);
  yield* putOldPages(k, object);
  yield* unlock(object.lock);
}

/** i915_gem_object_userptr_submit_done: 0 = the job may run on these pages; -EAGAIN = they are outdated. */
export function* submitDone(object: IntervalObject, notifier: IntervalNotifier): Task<number> {
  yield* lock(object.lock);
  const { seq } = object;
  yield* unlock(object.lock);
  yield* downRead(object.notifierLock);
  const outdated = yield* mmuIntervalReadRetry(notifier, seq);
  yield* upRead(object.notifierLock);
  return outdated ? -EAGAIN : 0;
}
