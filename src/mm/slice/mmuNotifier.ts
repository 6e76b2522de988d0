/**
 * MMU notifiers (mm/mmu_notifier.c): telling everybody who keeps a second copy of a page table that the first one is
 * about to lose rights. A section begins with a start and ends with an end; all PTE changes lie in between.
 *
 *   caller   start ─▶ itree callbacks, then hlist callbacks, newest first ─▶ PTEs ─▶ end ─▶ itree seq, then hlist ends
 *                        │ somebody refuses (only when the range is not blockable, or may fail)
 *                        └─▶ not blockable: -EAGAIN, nothing is unmapped, the caller must NOT call end
 *
 * This file has the two entry points, the classic API (hlist) and the core's own book-keeping; the interval API is in
 * mmuIntervalNotifier.ts. A range is passed as (mm, start, end, flags): start inclusive, end exclusive, in pages.
 */
import { type Cell, cellField, readOnce, writeOnce } from "../../machine/cell.ts";
import { mightSleep, nonBlockEnd, nonBlockStart } from "../../machine/context.ts";
import { type Handle, handleOf, type Task } from "../../machine/core.ts";
import { EAGAIN } from "../../machine/errno.ts";
import { must } from "../../machine/finding.ts";
import { lockMapAcquire, lockMapRelease, mmuNotifierInvalidateRangeStart } from "../../machine/lockMap.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, type Mutex, spinlockField, unlock } from "../../machine/mutex.ts";
import { downWrite, upWrite } from "../../machine/rwsem.ts";
import { type Srcu, srcuReadLock, srcuReadUnlock, synchronizeSrcu } from "../../machine/srcu.ts";
import { bool, int, ref, struct } from "../../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import { type IntervalNotifier, itreeInvalidate, itreeInvEnd } from "./mmuIntervalNotifier.ts";
import type { Vpn } from "./page.ts";

/** Events, in the low bits of a range's flags. */
export const MMU_NOTIFY_UNMAP = 0;
export const MMU_NOTIFY_CLEAR = 1;
export const MMU_NOTIFY_EVENT_MASK = 7;
/** Callbacks may sleep, and may not refuse. */
export const RANGE_BLOCKABLE = 1 << 3;
/** MMU_NOTIFIER_RANGE_MAYFAIL (June 2020, not merged): opportunistic, callbacks may sleep and may refuse. */
export const RANGE_MAYFAIL = 1 << 4;

/** mmu_notifier_range_blockable. */
export const rangeBlockable = (flags: number): boolean => (flags & RANGE_BLOCKABLE) !== 0;
/** mmu_notifier_range_mayfail. */
export const rangeMayFail = (flags: number): boolean => (flags & RANGE_MAYFAIL) !== 0;

/** Callbacks of a classic subscriber; missing ones are not called. */
export interface MmuNotifierOps {
  /** 0, or -errno where the range allows to refuse. */
  invalidateRangeStart?(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn, flags: number): Task<number>;
  invalidateRangeEnd?(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn, flags: number): Task;
}

/** A classic subscriber. `driver` is what container_of finds. */
export interface MmuNotifier<D extends object = object> extends Handle {
  /** Next older one on the list: number of its handle + 1, 0 at the end. Read under SRCU, written under the lock. */
  readonly next: Cell;
  /** Ghost: starts that it has accepted and whose end it has not seen. */
  open: number;
  /** Ghost: on the list. One that leaves in the middle of a section has no right to its end. */
  listed: boolean;
  readonly ops: MmuNotifierOps;
  readonly subscriptions: NotifierSubscriptions;
  readonly driver: D;
}

/** mm->notifier_subscriptions */
export interface NotifierSubscriptions extends Handle {
  /** Guards list edits, the sequence, the count of open sections, the tree and the deferred list. A leaf. */
  readonly lock: Mutex;
  /** Newest classic subscriber: number of its handle + 1. */
  readonly first: Cell;
  /** Odd while a section is open that hit an interval. Wraps, see SEQ_MASK. */
  readonly invalidateSeq: Cell;
  /** Sections open now, whatever they cover. */
  activeInvalidateRanges: number;
  /** The interval tree: bit i set = intervals[i] is in it. */
  readonly itree: Cell;
  /** Interval subscribers whose insertion or removal waits for the last end. */
  deferredFirst: IntervalNotifier | null;
  hasItree: boolean;
  /** Ghost: sections open now, counted from before the first callback to after the last. */
  sections: number;
  /** The global srcu of notifier lists; constant. */
  readonly srcu: Srcu;
  /** Is a start without its end a finding? */
  readonly judgePairing: boolean;
  /** All interval subscribers that there may ever be, in the order of the tree: by start, then as created. */
  readonly intervals: IntervalNotifier[];
  /** All classic subscribers that there may ever be. */
  readonly notifiers: MmuNotifier[];
}

const ghost = "ghost: a sum, to which each section adds 1 and takes it away again";
const subscriptionsStruct = struct("notifierSubscriptions", {
  lock: spinlockField(),
  first: cellField(),
  invalidateSeq: cellField(2),
  activeInvalidateRanges: int({ guardedBy: "lock" }),
  itree: cellField(),
  deferredFirst: ref<IntervalNotifier>({ guardedBy: "lock" }),
  hasItree: bool({ ordered: "set once, by a registration that excludes all sections" }),
  sections: int({ ordered: ghost }),
});
const notifierStruct = struct("mmuNotifier", {
  next: cellField(),
  open: int({ ordered: ghost }),
  listed: bool({ ordered: "ghost: changes in the step that changes the list" }),
});

/** Set-up: the subscriptions of an mm, none yet. `srcu` is the one that all lists of the kernel share. */
export function createSubscriptions(
  m: Machine,
  mmName: string,
  srcu: Srcu,
  judgePairing: boolean,
): NotifierSubscriptions {
  const constants = { srcu, judgePairing, intervals: [], notifiers: [] };
  const subscriptions: NotifierSubscriptions = Object.assign(subscriptionsStruct.create(`${mmName}.subs`), constants);
  m.keep(subscriptions.intervals);
  m.keep(subscriptions.notifiers);
  return subscriptions;
}

/** Set-up: a classic subscriber, registered already unless `registered` is false. Each becomes the newest. */
export function createNotifier<D extends object>(
  m: Machine,
  mm: Mm,
  name: string,
  ops: MmuNotifierOps,
  driver: D,
  registered = true,
): MmuNotifier<D> {
  const subscriptions = mm.notifierSubscriptions;
  const constants = { ops: m.keep(ops), subscriptions, driver };
  const sub: MmuNotifier<D> = Object.assign(notifierStruct.create(name), constants);
  subscriptions.notifiers.push(sub);
  if (registered) {
    sub.next.value = subscriptions.first.value;
    subscriptions.first.value = sub.id + 1;
    sub.listed = true;
  }
  return sub;
}

/** mmu_notifier_range_start: 0, or -EAGAIN when the range may be refused and was; see above for what that means. */
export function* invalidateRangeStart(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task<number> {
  const subs = mm.notifierSubscriptions;
  if (rangeBlockable(flags)) mightSleep("invalidate_range_start");
  openSection(mm, start, end);
  lockMapAcquire(mmuNotifierInvalidateRangeStart);
  let error = 0;
  if (subs.hasItree) error = yield* itreeInvalidate(k, mm, start, end, flags);
  if (error === 0) error = yield* hlistInvalidateRangeStart(k, mm, start, end, flags);
  lockMapRelease(mmuNotifierInvalidateRangeStart);
  // Refused: there will be no end. A range that may fail is different, its callbacks do get their end.
  if (error !== 0 && !rangeMayFail(flags)) closeSection(mm, start, end);
  return error;
}

/** mmu_notifier_range_end. */
export function* invalidateRangeEnd(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task {
  const subs = mm.notifierSubscriptions;
  lockMapAcquire(mmuNotifierInvalidateRangeStart);
  if (subs.hasItree) yield* itreeInvEnd(subs);
  yield* hlistInvalidateRangeEnd(k, mm, start, end, flags);
  lockMapRelease(mmuNotifierInvalidateRangeStart);
  closeSection(mm, start, end);
}

/** Calls everybody on the list, also after a refusal. */
function* hlistInvalidateRangeStart(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task<number> {
  const subs = mm.notifierSubscriptions;
  let error = 0;
  const section = yield* srcuReadLock(subs.srcu);
  for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
    const refused = yield* callStart(k, sub, start, end, flags);
    if (refused !== 0) error = refused;
  }
  if (error !== 0 && !rangeMayFail(flags) && k.rules.endAfterRefusedStart) {
    // Those who accepted expect their end, and there is nobody else to deliver it.
    for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
      yield* callEnd(k, sub, start, end, flags);
    }
  }
  yield* srcuReadUnlock(subs.srcu, section);
  return error;
}

function* callStart(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn, flags: number): Task<number> {
  const { ops } = sub;
  if (!ops.invalidateRangeStart) return 0;
  if (!rangeBlockable(flags)) nonBlockStart();
  const error = yield* ops.invalidateRangeStart(k, sub, start, end, flags);
  if (!rangeBlockable(flags)) nonBlockEnd();
  if (error === 0 || rangeMayFail(flags)) {
    sub.open++;
  } else if (k.rules.endAfterRefusedStart) {
    // It cannot be told apart from those who accepted, so it would get an end for a start that it refused.
    must(!ops.invalidateRangeEnd, "missed-notification", `${sub.name} may refuse a start and yet implements the end`);
  }
  // A refusal of a range that must not be refused is a warning in the kernel's log, and no more.
  return rangeBlockable(flags) && !rangeMayFail(flags) ? 0 : error;
}

function* hlistInvalidateRangeEnd(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task {
  const subs = mm.notifierSubscriptions;
  const section = yield* srcuReadLock(subs.srcu);
  for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
    yield* callEnd(k, sub, start, end, flags);
  }
  yield* srcuReadUnlock(subs.srcu, section);
}

function* callEnd(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn, flags: number): Task {
  const { ops } = sub;
  if (sub.open > 0) sub.open--;
  if (!ops.invalidateRangeEnd) return;
  if (!rangeBlockable(flags)) nonBlockStart();
  yield* ops.invalidateRangeEnd(k, sub, start, end, flags);
  if (!rangeBlockable(flags)) nonBlockEnd();
}

/** rcu_dereference of a list pointer. */
function* rcuDereference(pointer: Cell): Task<MmuNotifier | null> {
  const id = yield* readOnce(pointer);
  return id === 0 ? null : (handleOf(id - 1) as MmuNotifier);
}

/**
 * mmu_notifier_register: the subscriber becomes the newest. All rmap locks of the mm are held meanwhile, and the
 * mmap_lock for writing, so no section is open: a subscriber never sees an end without its start.
 */
export function* mmuNotifierRegister(mm: Mm, sub: MmuNotifier): Task {
  const subs = mm.notifierSubscriptions;
  yield* downWrite(mm.mmapLock);
  yield* mmTakeAllLocks(mm);
  yield* lock(subs.lock);
  yield* writeOnce(sub.next, yield* readOnce(subs.first));
  yield* writeOnce(subs.first, sub.id + 1);
  sub.listed = true;
  yield* unlock(subs.lock);
  yield* mmDropAllLocks(mm);
  yield* upWrite(mm.mmapLock);
}

/** mm_take_all_locks: every mapping that the mm shows, in their order of creation. */
export function* mmTakeAllLocks(mm: Mm): Task {
  for (let i = 0; i < mm.mappings.length; i++) yield* downWrite(mm.mappings[i].rmapLock);
}

export function* mmDropAllLocks(mm: Mm): Task {
  for (let i = mm.mappings.length - 1; i >= 0; i--) yield* upWrite(mm.mappings[i].rmapLock);
}

/**
 * mmu_notifier_unregister: off the list, then a grace period. Sections that have found it may still call it before this
 * returns, none afterwards; a start that it has accepted may then never get its end. Sleeps.
 */
export function* mmuNotifierUnregister(mm: Mm, sub: MmuNotifier): Task {
  const subs = mm.notifierSubscriptions;
  yield* lock(subs.lock);
  let pointer = subs.first;
  for (let at = yield* readOnce(pointer); at !== sub.id + 1; at = yield* readOnce(pointer)) {
    pointer = (handleOf(at - 1) as MmuNotifier).next;
  }
  yield* writeOnce(pointer, yield* readOnce(sub.next));
  sub.listed = false;
  yield* unlock(subs.lock);
  yield* synchronizeSrcu(subs.srcu);
}

function openSection(mm: Mm, start: Vpn, end: Vpn): void {
  mm.notifierSubscriptions.sections++;
  for (let vpn = start; vpn < end; vpn++) mm.ptes[vpn].announced++;
}

/**
 * The rule of pairing, tested whenever the last section of the mm closes: everybody who accepted a start has seen its
 * end. A subscriber without an end op has nothing to be told.
 */
function closeSection(mm: Mm, start: Vpn, end: Vpn): void {
  const subs = mm.notifierSubscriptions;
  for (let vpn = start; vpn < end; vpn++) mm.ptes[vpn].announced--;
  subs.sections--;
  if (subs.sections > 0) return;
  for (const sub of subs.notifiers) {
    const missed = subs.judgePairing && sub.listed && sub.open > 0 && sub.ops.invalidateRangeEnd;
    must(!missed, "missed-notification", `${sub.name} accepted a start and never gets its end`);
    sub.open = 0;
  }
}

/** The error of a callback that refuses: for drivers. */
export const REFUSED = -EAGAIN;
