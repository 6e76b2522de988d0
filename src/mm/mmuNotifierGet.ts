/**
 * Subscribers that the users of a driver share: one for each mm and kind of callbacks (mmu_notifier_get, mm/mmu_notifier.c).
 *
 *   get ─▶ found on the list: users + 1      put ─▶ users - 1 ─▶ 0: off the list ─▶ grace period ─▶ free_notifier, mmdrop
 *       └▶ not found: alloc_notifier, register
 *
 * Nothing waits in put, so callbacks may put; walks that have found the subscriber may use it until the grace period ends.
 */
import type { Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { callSrcu, srcuCallback, synchronizeSrcu } from "../machine/srcu.ts";
import type { Work, WorkQueue } from "../machine/workqueue.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import { mmdrop } from "./mmUsers.ts";
import {
  createNotifier,
  firstNotifier,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegisterLocked,
  nextNotifier,
  unlinkNotifier,
} from "./mmuNotifier.ts";

export interface SharedNotifierOps extends MmuNotifierOps {
  /** alloc_notifier: a subscriber that is not in use, made at set-up; null without memory. */
  allocNotifier(k: Kernel, mm: Mm): Task<SharedNotifier | null>;
  /** free_notifier: after the grace period; nobody calls the subscriber any more. */
  freeNotifier(k: Kernel, sub: SharedNotifier): Task;
}

/** A subscriber with what frees it later. */
export interface SharedNotifier<D extends object = object> extends MmuNotifier<D> {
  readonly ops: SharedNotifierOps;
  readonly freeing: Work;
}

/** Set-up: a subscriber that `allocNotifier` may give out. `wq` runs what SRCU has put off. */
export function createSharedNotifier<D extends object>(
  m: Machine,
  k: Kernel,
  wq: WorkQueue,
  name: string,
  ops: SharedNotifierOps,
  driver: D,
): SharedNotifier<D> {
  const sub = createNotifier(m, name, ops, driver);
  const freeing = srcuCallback(`${name}.free`, k.notifierSrcu, wq, freeNow, k, sub);
  return Object.assign(sub, { ops, freeing });
}

/** mmu_notifier_get: takes mmap_lock for writing. The subscriber with these callbacks, to be put; -ENOMEM, -EINTR. */
export function* mmuNotifierGet(k: Kernel, ops: SharedNotifierOps, mm: Mm): Task<SharedNotifier | number> {
  yield* downWrite(mm.mmapLock);
  const sub = yield* mmuNotifierGetLocked(k, ops, mm);
  yield* upWrite(mm.mmapLock);
  return sub;
}

/** mmu_notifier_get_locked. mmap_lock held for writing. */
export function* mmuNotifierGetLocked(k: Kernel, ops: SharedNotifierOps, mm: Mm): Task<SharedNotifier | number> {
  const found = mm.notifierSubscriptions.active ? yield* findGet(ops, mm) : null;
  if (found) return found;
  const sub = yield* ops.allocNotifier(k, mm);
  if (!sub) return -ENOMEM;
  const error = yield* mmuNotifierRegisterLocked(k, sub, mm);
  if (error === 0) return sub;
  yield* ops.freeNotifier(k, sub);
  return error;
}

/** find_get_mmu_notifier. */
function* findGet(ops: SharedNotifierOps, mm: Mm): Task<SharedNotifier | null> {
  const subs = mm.notifierSubscriptions;
  yield* lock(subs.lock);
  let sub = yield* firstNotifier(subs);
  while (sub && sub.ops !== ops) sub = yield* nextNotifier(sub);
  if (sub) sub.users++;
  yield* unlock(subs.lock);
  return sub as SharedNotifier | null;
}

/** mmu_notifier_put: never waits; release is not called. May be called from a callback. */
export function* mmuNotifierPut(sub: SharedNotifier): Task {
  const subs = (sub.mm as Mm).notifierSubscriptions;
  yield* lock(subs.lock);
  sub.users--;
  const last = sub.users === 0;
  if (last) yield* unlinkNotifier(sub);
  yield* unlock(subs.lock);
  if (last) yield* callSrcu(sub.freeing);
}

/** mmu_notifier_free_rcu. */
function* freeNow(k: Kernel, sub: MmuNotifier): Task {
  const mm = sub.mm as Mm;
  sub.mm = null;
  yield* (sub as SharedNotifier).ops.freeNotifier(k, sub as SharedNotifier);
  yield* mmdrop(k, mm);
}

/** mmu_notifier_synchronize: before a driver that puts subscribers is unloaded. Sleeps. */
export function* mmuNotifierSynchronize(k: Kernel): Task {
  yield* synchronizeSrcu(k.notifierSrcu);
}
