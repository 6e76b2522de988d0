/**
 * The interval API of MMU notifiers: a sequence instead of an end callback.
 *
 *      seq even: no section overlaps an interval        seq odd: at least one does; the tree is frozen
 *
 *          ──── a start finds an interval: seq |= 1 ────▶
 *     even                                                 odd   inserts and removes wait on the deferred list
 *          ◀── the last open section ends: seq + 1 ─────
 *              (deferred inserts and removes are done then, waiters wake)
 *
 * A reader takes sub.seq (waiting while it is the current odd one), collects pages, takes the lock that its callback
 * takes too, and starts again if sub.seq has moved. Numbers wrap at SEQ_MASK, so that retry loops come back to equal
 * states; only equality is ever asked, and no reader sleeps through eight sections.
 */
import { type Cell, cellField, readOnce, touch, writeOnce } from "../../machine/cell.ts";
import { mightSleep } from "../../machine/context.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { lockMapTouch, mmuNotifierInvalidateRangeStart } from "../../machine/lockMap.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { ref, struct } from "../../machine/struct.ts";
import { until } from "../../machine/wait.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mm.ts";
import { type NotifierSubscriptions, REFUSED, rangeBlockable } from "./mmuNotifier.ts";
import type { Vpn } from "./page.ts";
import { mustLive, useObject } from "./slab.ts";

export const SEQ_MASK = 15;

export interface IntervalNotifierOps {
  /** Takes the user's lock, calls `mmuIntervalSetSeq`, tears down. False = refused, only if not blockable. */
  invalidate(k: Kernel, sub: IntervalNotifier, start: Vpn, end: Vpn, flags: number, seq: number): Task<boolean>;
}

/** struct mmu_interval_notifier. `driver` is what container_of finds. */
export interface IntervalNotifier<D extends object = object> extends Handle {
  /** The sequence that its callback saw last; odd from the first insertion on. */
  readonly invalidateSeq: Cell;
  deferredNext: IntervalNotifier | null;
  /** 0 once its owner has freed it. */
  readonly life: Cell;
  readonly subscriptions: NotifierSubscriptions;
  readonly start: Vpn;
  /** Exclusive. */
  readonly end: Vpn;
  readonly ops: IntervalNotifierOps;
  readonly driver: D;
}

const intervalStruct = struct("intervalNotifier", {
  invalidateSeq: cellField(1),
  deferredNext: ref<IntervalNotifier>({ guardedBy: (s: IntervalNotifier) => s.subscriptions.lock }),
  life: cellField(1),
});

/** Set-up: an interval subscriber of the pages [start, end), in the tree unless `inserted` is false. */
export function createIntervalNotifier<D extends object>(
  m: Machine,
  mm: Mm,
  name: string,
  range: readonly [Vpn, Vpn],
  ops: IntervalNotifierOps,
  driver: D,
  inserted = true,
): IntervalNotifier<D> {
  const subs = mm.notifierSubscriptions;
  const [start, end] = range;
  const constants = { subscriptions: subs, start, end, ops: m.keep(ops), driver };
  const sub: IntervalNotifier<D> = Object.assign(intervalStruct.create(name), constants);
  const { intervals } = subs;
  const isIn = intervals.filter((s) => inTree(subs.itree.value, subs, s));
  intervals.push(sub);
  intervals.sort((a, b) => a.start - b.start);
  subs.itree.value = 0;
  for (const s of inserted ? [...isIn, sub] : isIn) subs.itree.value |= bitOf(subs, s);
  subs.hasItree = true;
  return sub;
}

/** The node's place in the tree. */
function bitOf(subs: NotifierSubscriptions, sub: IntervalNotifier): number {
  return 1 << subs.intervals.indexOf(sub);
}

function inTree(tree: number, subs: NotifierSubscriptions, sub: IntervalNotifier): boolean {
  return (tree & bitOf(subs, sub)) !== 0;
}

/** Index of the first interval after index `after` that is in `tree` and overlaps [start, end); -1 if there is none. */
function nextOverlap(subs: NotifierSubscriptions, tree: number, after: number, start: Vpn, end: Vpn): number {
  const { intervals } = subs;
  for (let i = after + 1; i < intervals.length; i++) {
    const s = intervals[i];
    if ((tree & (1 << i)) !== 0 && s.start < end && s.end > start) return i;
  }
  return -1;
}

const isOdd = (seq: number): boolean => (seq & 1) !== 0;

/** mn_itree_invalidate: opens the section for the tree and calls every overlapping subscriber. 0 or -EAGAIN. */
export function* itreeInvalidate(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task<number> {
  const subs = mm.notifierSubscriptions;
  yield* lock(subs.lock);
  subs.activeInvalidateRanges++;
  yield* touch(subs.itree, subs.invalidateSeq);
  let at = nextOverlap(subs, subs.itree.value, -1, start, end);
  if (at >= 0) subs.invalidateSeq.value |= 1;
  const seq = subs.invalidateSeq.value;
  yield* unlock(subs.lock);
  // Without the lock: while seq is odd, which our own section makes sure of, nobody changes the tree.
  while (at >= 0) {
    const sub = subs.intervals[at];
    yield* useObject(sub);
    const accepted = yield* sub.ops.invalidate(k, sub, start, end, flags, seq);
    if (!accepted && !rangeBlockable(flags)) {
      yield* itreeInvEnd(subs);
      return REFUSED;
    }
    at = nextOverlap(subs, yield* readOnce(subs.itree), at, start, end);
  }
  return 0;
}

/** mn_itree_inv_end: closes one section; the last one lets deferred inserts and removes happen. */
export function* itreeInvEnd(subs: NotifierSubscriptions): Task {
  yield* lock(subs.lock);
  yield* touch(subs.invalidateSeq);
  subs.activeInvalidateRanges--;
  if (subs.activeInvalidateRanges === 0 && isOdd(subs.invalidateSeq.value)) {
    subs.invalidateSeq.value = (subs.invalidateSeq.value + 1) & SEQ_MASK;
    while (subs.deferredFirst) {
      const sub: IntervalNotifier = subs.deferredFirst;
      // The node itself says whether it is in the tree, and where the list goes on.
      yield* touch(sub.life, subs.itree);
      mustLive(sub, sub.life.value);
      subs.itree.value ^= bitOf(subs, sub);
      subs.deferredFirst = sub.deferredNext;
      sub.deferredNext = null;
    }
  }
  yield* unlock(subs.lock);
}

/** __mmu_interval_notifier_insert. The subscriber may be in the tree only later: read_begin waits for that. */
export function* mmuIntervalNotifierInsert(sub: IntervalNotifier): Task {
  const subs = sub.subscriptions;
  yield* lock(subs.lock);
  yield* touch(subs.itree, subs.invalidateSeq);
  const seq = subs.invalidateSeq.value;
  const active = subs.activeInvalidateRanges > 0;
  if (active && isOdd(seq)) {
    // The tree is frozen: to the reader it is being invalidated until the last section ends.
    sub.deferredNext = subs.deferredFirst;
    subs.deferredFirst = sub;
  } else {
    // Open sections that hit nobody might cover it: it counts as being invalidated by them.
    if (active) subs.invalidateSeq.value = seq | 1;
    subs.itree.value |= bitOf(subs, sub);
  }
  yield* writeOnce(sub.invalidateSeq, active ? seq | 1 : (seq - 1) & SEQ_MASK);
  yield* unlock(subs.lock);
}

/**
 * mmu_interval_notifier_remove: afterwards no callback runs and the caller may free `sub`. Sleeps; must not be called
 * with a lock that a callback or an open section needs.
 */
export function* mmuIntervalNotifierRemove(k: Kernel, sub: IntervalNotifier): Task {
  const subs = sub.subscriptions;
  mightSleep("mmu_interval_notifier_remove");
  lockMapTouch(mmuNotifierInvalidateRangeStart);
  yield* lock(subs.lock);
  yield* touch(subs.itree, subs.invalidateSeq);
  const seq = subs.invalidateSeq.value;
  const frozen = isOdd(seq);
  const isIn = inTree(subs.itree.value, subs, sub);
  if (!frozen) {
    subs.itree.value &= ~bitOf(subs, sub);
  } else if (!isIn) {
    unlinkDeferred(subs, sub);
  } else {
    sub.deferredNext = subs.deferredFirst;
    subs.deferredFirst = sub;
  }
  yield* unlock(subs.lock);
  if (!frozen || !isIn) return;
  yield* until(() => subs.invalidateSeq.value !== seq, subs.invalidateSeq);
  if (k.rules.intervalRemoveRecheck) {
    // Whoever moved the sequence did so under the lock and still goes through the deferred list: wait until it is out.
    yield* lock(subs.lock);
    yield* unlock(subs.lock);
  }
}

/** hlist_del from the deferred list. Lock held. */
function unlinkDeferred(subs: NotifierSubscriptions, sub: IntervalNotifier): void {
  if (subs.deferredFirst === sub) {
    subs.deferredFirst = sub.deferredNext;
  } else {
    let before = subs.deferredFirst;
    while (before && before.deferredNext !== sub) before = before.deferredNext;
    if (before) before.deferredNext = sub.deferredNext;
  }
  sub.deferredNext = null;
}

/** mmu_interval_read_begin: the sequence to be checked later; waits once while the subscriber is being invalidated. */
export function* mmuIntervalReadBegin(sub: IntervalNotifier): Task<number> {
  const subs = sub.subscriptions;
  mightSleep("mmu_interval_read_begin");
  lockMapTouch(mmuNotifierInvalidateRangeStart);
  yield* lock(subs.lock);
  yield* touch(sub.invalidateSeq, subs.invalidateSeq);
  const seq = sub.invalidateSeq.value;
  const invalidating = seq === subs.invalidateSeq.value;
  yield* unlock(subs.lock);
  if (invalidating) yield* until(() => subs.invalidateSeq.value !== seq, subs.invalidateSeq);
  return seq;
}

/** mmu_interval_set_seq: called by each callback, under the user's lock. */
export function* mmuIntervalSetSeq(sub: IntervalNotifier, seq: number): Task {
  yield* writeOnce(sub.invalidateSeq, seq);
}

/** mmu_interval_read_retry: under the user's lock. True = what was collected since read_begin must be thrown away. */
export function* mmuIntervalReadRetry(sub: IntervalNotifier, seq: number): Task<boolean> {
  return (yield* readOnce(sub.invalidateSeq)) !== seq;
}
