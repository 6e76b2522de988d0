/**
 * i915 userptr as it was in mid-2020 (v5.8 … v5.12, i915_gem_userptr.c): a GEM object made of user memory, kept in step
 * with the page tables by a classic notifier that gives the pages back.
 *
 *   userspace ──▶ getPages ── all pages present ──▶ sg table ──▶ INSTALLED, in the tree
 *                    │ not all                                       │  callback: unbind (waits for the GPU),
 *                    ▼                                               │  putPages (takes mm.lock, unpins)
 *                 PENDING: in the tree *before* there are pages      ▼
 *                    │ worker, without locks: pins page 0 … n-1   out of the tree
 *                    ▼ then, under mm.lock
 *                 still wanted? ── yes ──▶ sg table ──▶ INSTALLED
 *                    └── no, a callback came: everything pinned is thrown away, userspace gets -EAGAIN and starts again
 *
 * Not modelled: the life of the object (it outlives the run), the dirtying of pages, the shortcut for an empty tree.
 */
import { type Cell, cellField, fetchAdd, readOnce } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import { EAGAIN, EBUSY, ENOMEM } from "../machine/errno.ts";
import { type Fence, fenceField, fenceIsSignaled, fenceWait } from "../machine/fence.ts";
import { __GFP_NORETRY, GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, spinlock, trylock, unlock } from "../machine/mutex.ts";
import { bool, int, struct } from "../machine/struct.ts";
import { queueWork, type Work } from "../machine/workqueue.ts";
import {
  createPages,
  FOLL_PIN,
  FOLL_WRITE,
  getUserPagesFastOnly,
  getUserPagesUnlocked,
  type Pages,
  unpinUserPages,
} from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createNotifier, type MmuNotifier, mmuNotifierRegister } from "../mm/mmuNotifier.ts";
import { rangeBlockable, rangeMayFail } from "../mm/mmuNotifierTypes.ts";
import type { Pfn, Vpn } from "../mm/page.ts";
import { kfree, kmalloc } from "../mm/slab.ts";
import { claimReferences } from "../mm/world/claims.ts";
import { driverHistory } from "./history.ts";

/** What a callback does when the range may fail (MMU_NOTIFIER_RANGE_MAYFAIL). */
export interface I915Options {
  /**
   * `patch2`: unbind without waiting, so a busy object refuses (PATCH 2/2 as posted). `full`: refuse whenever the object
   * is being acquired, too, without waiting for mm.lock.
   */
  readonly mayFail: "none" | "patch2" | "full";
  /** The worker allocates its sg table before it takes mm.lock. */
  readonly sgTableBeforeLock: boolean;
  /** Objects are so large that their page arrays come from the page allocator instead of a slab with room. */
  readonly largeArrays: boolean;
}

export const I915_2020: I915Options = { mayFail: "none", sgTableBeforeLock: false, largeArrays: false };

type Protocol = Omit<I915Options, "largeArrays">;
const versions: Readonly<Record<"v5.9" | "patch-2-2" | "mayfail-full" | "no-alloc-under-lock", Protocol>> = {
  "v5.9": { mayFail: "none", sgTableBeforeLock: false },
  "patch-2-2": { mayFail: "patch2", sgTableBeforeLock: false },
  "mayfail-full": { mayFail: "full", sgTableBeforeLock: false },
  "no-alloc-under-lock": { mayFail: "none", sgTableBeforeLock: true },
};
/** As it was in June 2020, and what was or could have been proposed. */
export const I915_USERPTR = driverHistory("i915-userptr", versions);

/** obj->userptr.work: nothing pending; a worker is under way; else -errno that the worker left. */
const NO_WORK = 0;
const WORK_PENDING = 1;

const UNBIND_ACTIVE = 1;

const PIN = FOLL_PIN | FOLL_WRITE;

/** kvmalloc of more than a page begins like that. What it does next, vmalloc, would ask the OOM killer; here it fails. */
const GFP_ARRAY = GFP_KERNEL | __GFP_NORETRY;

/**
 * Lockdep subclass of mm.lock in get_pages: "an allocation in here may put the pages of *another* object". With it
 * lockdep is silent about the same object, which is hazard a.
 */
const I915_MM_GET_PAGES = 1;

/** i915_mmu_notifier: one for each mm. */
export interface I915Notifier {
  readonly options: I915Options;
  /** Guards the interval tree of objects. */
  readonly lock: Mutex;
  /** All objects of the mm; which of them are in the tree they know themselves. */
  readonly objects: UserptrObject[];
  readonly mm: Mm;
}

export interface UserptrObject extends Handle {
  /** obj->mm.lock: guards pages, sg table and pending work. */
  readonly mmLock: Mutex;
  /** obj->mm.pages_pin_count: bindings that need the pages. */
  readonly pagesPinCount: Cell;
  /** A worker's number, or what it left: see NO_WORK. */
  work: number;
  hasPages: boolean;
  /** Its memory; 0 = none. */
  sgTable: Pfn;
  /** In the notifier's interval tree. */
  active: boolean;
  /** vm->mutex of the address space that it is bound in. */
  readonly vmMutex: Mutex;
  bound: boolean;
  /** The requests that use it: signaled when the GPU is done with all of them. */
  readonly requests: Fence;
  readonly notifier: I915Notifier;
  readonly start: Vpn;
  readonly pageCount: number;
  /** Pinned pages, described by the sg table. Guarded by mm.lock. */
  readonly pages: Pages;
  /** The worker's array. */
  readonly pvec: Pages;
}

const objectStruct = struct("userptr", {
  mmLock: mutexField(),
  pagesPinCount: cellField(),
  work: int({ guardedBy: "mmLock" }),
  hasPages: bool({ guardedBy: "mmLock" }),
  sgTable: int({ guardedBy: "mmLock" }),
  active: bool({ guardedBy: (o: UserptrObject) => o.notifier.lock }),
  vmMutex: mutexField(),
  bound: bool({ guardedBy: "vmMutex" }),
  requests: fenceField({ signaled: true }),
});

const i915NotifierOps = { invalidateRangeStart: userptrInvalidateRangeStart };

/** Set-up: the driver subscribes to `mm`, when boots run. */
export function i915MmuNotifier(m: Machine, k: Kernel, mm: Mm, options: I915Options = I915_2020): I915Notifier {
  const sub = i915BareNotifier(m, mm, options);
  m.boot(mmuNotifierRegister, [k, sub, mm]);
  return sub.driver;
}

/** Set-up: a subscriber to `mm`, to be registered. */
export function i915BareNotifier(
  m: Machine,
  mm: Mm,
  options: I915Options,
  name = `${mm.name}.i915`,
): MmuNotifier<I915Notifier> {
  const notifier: I915Notifier = m.keep({
    options: { ...options, ...I915_USERPTR.inForce(options) },
    lock: spinlock(`${name}.lock`, "i915_mmu_notifier.lock"),
    objects: [],
    mm,
  });
  return createNotifier(m, name, i915NotifierOps, notifier);
}

/** Set-up: an object of the pages [start, start + pageCount) without pages, not in the tree. What it holds at the end is its own. */
export function createUserptr(
  m: Machine,
  k: Kernel,
  notifier: I915Notifier,
  start: Vpn,
  pageCount: number,
  name = `obj${notifier.objects.length}`,
): UserptrObject {
  const arrays = { pages: createPages(`${name}.sg`, pageCount), pvec: createPages(`${name}.pvec`, pageCount) };
  const object: UserptrObject = Object.assign(objectStruct.create(name), {
    notifier,
    start,
    pageCount,
    ...m.keep(arrays),
  });
  notifier.objects.push(object);
  claimReferences(k, { pinned: [arrays.pages], memory: () => [object.sgTable] });
  return object;
}

/** Set-up: as getPages leaves the object after it has queued a worker. */
export function setWorkPending(object: UserptrObject): void {
  object.work = WORK_PENDING;
  object.active = true;
}

/** i915_vma_pin: the object, which has pages, gets a place in the GPU's address space, as for a job that uses it. */
export function* bind(object: UserptrObject): Task {
  yield* lock(object.vmMutex);
  object.bound = true;
  yield* unlock(object.vmMutex);
  yield* fetchAdd(object.pagesPinCount, 1);
}

// ---------------------------------------------------------------------------------------------------------------------
// The callback

/** userptr_mn_invalidate_range_start. Must sleep, so a non-blockable range is refused. */
function* userptrInvalidateRangeStart(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn, flags: number): Task<number> {
  const notifier = sub.driver as I915Notifier;
  for (;;) {
    yield* lock(notifier.lock);
    const object = firstActive(notifier, start, end);
    yield* unlock(notifier.lock);
    if (!object) return 0;
    if (!rangeBlockable(flags)) return -EAGAIN;
    const error = yield* revoke(k, object, rangeMayFail(flags));
    if (error !== 0) return error;
    // The tree may have changed meanwhile: from the beginning. Nothing stops others from inserting again and again.
  }
}

/** interval_tree_iter_first. Tree lock held. */
function firstActive(notifier: I915Notifier, start: Vpn, end: Vpn): UserptrObject | null {
  for (const o of notifier.objects) if (o.active && o.start < end && o.start + o.pageCount > start) return o;
  return null;
}

function* revoke(k: Kernel, object: UserptrObject, mayFail: boolean): Task<number> {
  const { options } = object.notifier;
  const wait = options.mayFail === "none" || !mayFail;
  const error = yield* unbind(object, wait ? UNBIND_ACTIVE : 0);
  if (error !== 0) return error;
  return yield* gemPutPages(k, object, mayFail && options.mayFail === "full");
}

/**
 * i915_gem_object_unbind. With UNBIND_ACTIVE it waits for every request that uses the object, else it gives up on a busy
 * one. (BARRIER also waits for bindings under way; here a binding is done at once.)
 */
function* unbind(object: UserptrObject, flags: number): Task<number> {
  yield* lock(object.vmMutex);
  const { bound } = object;
  yield* unlock(object.vmMutex);
  if (!bound) return 0;
  if ((flags & UNBIND_ACTIVE) === 0 && !(yield* fenceIsSignaled(object.requests))) return -EBUSY;
  yield* fenceWait(object.requests);
  yield* lock(object.vmMutex);
  // Another job may have come before the mutex was had: i915_vma_sync again.
  if (object.bound) yield* fenceWait(object.requests);
  const mine = object.bound;
  object.bound = false;
  yield* unlock(object.vmMutex);
  if (mine) yield* fetchAdd(object.pagesPinCount, -1);
  return 0;
}

/**
 * __i915_gem_object_put_pages: cancels pending work, takes the object out of the tree, unpins. -EBUSY while it is bound.
 * `mayRefuse`: -EAGAIN instead of waiting for mm.lock or cancelling work.
 */
function* gemPutPages(k: Kernel, object: UserptrObject, mayRefuse: boolean): Task<number> {
  if ((yield* readOnce(object.pagesPinCount)) > 0) return -EBUSY;
  if (!mayRefuse) yield* lock(object.mmLock);
  else if (!(yield* trylock(object.mmLock))) return -EAGAIN;
  let error = 0;
  if ((yield* readOnce(object.pagesPinCount)) > 0) error = -EBUSY;
  else if (mayRefuse && object.work === WORK_PENDING) error = -EAGAIN;
  else yield* userptrPutPages(k, object);
  yield* unlock(object.mmLock);
  return error;
}

/** The object is closed, or userspace gives it up for another after an error: it waits for the GPU, nothing stays pinned. */
export function* dropUserptr(k: Kernel, object: UserptrObject): Task {
  for (;;) {
    yield* unbind(object, UNBIND_ACTIVE);
    if ((yield* gemPutPages(k, object, false)) === 0) return;
  }
}

/** i915_gem_userptr_put_pages. mm.lock held. */
function* userptrPutPages(k: Kernel, object: UserptrObject): Task {
  object.work = NO_WORK;
  yield* setActive(object, false);
  if (!object.hasPages) return;
  object.hasPages = false;
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

function* setActive(object: UserptrObject, active: boolean): Task {
  yield* lock(object.notifier.lock);
  object.active = active;
  yield* unlock(object.notifier.lock);
}

// ---------------------------------------------------------------------------------------------------------------------
// Getting pages

/** ____i915_gem_object_get_pages: 0, -EAGAIN while a worker is at it, or the worker's error. */
export function* getPages(k: Kernel, object: UserptrObject, work: Work): Task<number> {
  yield* lock(object.mmLock, I915_MM_GET_PAGES);
  const error = object.hasPages ? 0 : yield* userptrGetPages(k, object, work);
  yield* unlock(object.mmLock);
  return error;
}

/** i915_gem_userptr_get_pages. mm.lock held. */
function* userptrGetPages(k: Kernel, object: UserptrObject, work: Work): Task<number> {
  if (object.work !== NO_WORK) return object.work === WORK_PENDING ? -EAGAIN : object.work;
  const { notifier, pages, pageCount } = object;
  const pvec = notifier.options.largeArrays ? yield* kmalloc(k, GFP_ARRAY) : 0;
  const pinned = yield* getUserPagesFastOnly(k, notifier.mm, object.start, pageCount, PIN, pages);
  let error = -EAGAIN;
  if (pinned === pageCount) {
    error = installPages(object, yield* kmalloc(k, GFP_KERNEL)) ? 0 : -ENOMEM;
  } else {
    object.work = WORK_PENDING;
    yield* queueWork(work);
  }
  // For the worker's sake the object is in the tree before there are pages that a callback could take away.
  if (error === 0 || error === -EAGAIN) yield* setActive(object, true);
  if (error !== 0) {
    // Only so many: where the fast path was undone, because of a fork, the array still names what it had pinned.
    yield* unpinUserPages(k, pages, Math.max(pinned, 0), PIN, false);
    pages.pfn.fill(0);
  }
  yield* kfree(k, pvec);
  return error;
}

/** __i915_gem_userptr_get_pages_worker: pins without any lock, installs under mm.lock if that is still wanted. */
export function* getPagesWorker(k: Kernel, object: UserptrObject): Task {
  const { notifier, pageCount, pvec } = object;
  const { options } = notifier;
  const array = options.largeArrays ? yield* kmalloc(k, GFP_ARRAY) : 0;
  const result = options.largeArrays && array === 0 ? -ENOMEM : yield* pinAll(k, object);
  const early = options.sgTableBeforeLock && result === pageCount ? yield* kmalloc(k, GFP_KERNEL) : 0;
  yield* lock(object.mmLock, I915_MM_GET_PAGES);
  let table = early;
  if (object.work === WORK_PENDING) {
    let error = result < 0 ? result : 0;
    if (result === pageCount) {
      if (!options.sgTableBeforeLock) table = yield* kmalloc(k, GFP_KERNEL);
      error = takeOver(object, table) ? 0 : -ENOMEM;
      if (error === 0) table = 0;
    } else if (error === 0) {
      error = -ENOMEM;
    }
    object.work = error;
    if (error !== 0) yield* setActive(object, false);
  }
  yield* unlock(object.mmLock);
  yield* unpinAll(k, pvec);
  yield* kfree(k, table);
  yield* kfree(k, array);
}

/** pin_user_pages_remote, in a loop: how many pages, or -errno when none. */
function* pinAll(k: Kernel, { notifier, start, pageCount, pvec }: UserptrObject): Task<number> {
  return yield* getUserPagesUnlocked(k, notifier.mm, start, pageCount, PIN, pvec);
}

/** The worker's pins become the object's. mm.lock held. */
function takeOver(object: UserptrObject, table: Pfn): boolean {
  if (!installPages(object, table)) return false;
  object.pages.pfn.set(object.pvec.pfn);
  object.pvec.pfn.fill(0);
  return true;
}

/** The pages are described by `table`; false when that could not be allocated. mm.lock held. */
function installPages(object: UserptrObject, table: Pfn): boolean {
  if (table === 0) return false;
  object.sgTable = table;
  object.hasPages = true;
  return true;
}
