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
 * takes too, and starts again if sub.seq has moved. Only equality is ever asked, so the sequence may wrap.
 */
import { readOnce, touch, writeOnce } from "../machine/cell.ts";
import { mightSleep } from "../machine/context.ts";
import type { Task } from "../machine/core.ts";
import { EAGAIN, EOVERFLOW } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { lockMapTouch, mmuNotifierInvalidateRangeStart } from "../machine/lockMap.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { until } from "../machine/wait.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import { mmdrop, mmgrab } from "./mmUsers.ts";
import { mmuNotifierRegisterLocked } from "./mmuNotifier.ts";
import {
  ALL_END,
  type IntervalNotifier,
  type IntervalNotifierOps,
  intervalStruct,
  MMU_NOTIFY_RELEASE,
  type NotifierSubscriptions,
  RANGE_BLOCKABLE,
  rangeBlockable,
  rangeMayFail,
} from "./mmuNotifierTypes.ts";
import type { Vpn } from "./page.ts";

/** Set-up: an interval subscriber that is inserted nowhere yet. */
export function createIntervalNotifier<D extends object>(
  m: Machine,
  k: Kernel,
  name: string,
  ops: IntervalNotifierOps,
  driver: D,
): IntervalNotifier<D> {
  const sub: IntervalNotifier<D> = Object.assign(intervalStruct.create(name), { ops: m.keep(ops), driver });
  k.intervals.push(sub);
  return sub;
}

/** The first interval of the tree after `after` (null: from the beginning) that overlaps [start, end). By start. */
function nextOverlap(k: Kernel, mm: Mm, after: IntervalNotifier | null, start: Vpn, end: Vpn): IntervalNotifier | null {
  let best: IntervalNotifier | null = null;
  for (const s of k.intervals) {
    if (s.mm !== mm || !s.inTree || s.start >= end || s.end <= start) continue;
    if (after !== null && !before(after, s)) continue;
    if (best === null || before(s, best)) best = s;
  }
  return best;
}

const before = (a: IntervalNotifier, b: IntervalNotifier): boolean =>
  a.start < b.start || (a.start === b.start && a.id < b.id);
const isOdd = (seq: number): boolean => (seq & 1) !== 0;

/** mn_itree_invalidate: opens the section for the tree and calls every overlapping subscriber. 0 or -EAGAIN. */
export function* itreeInvalidate(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task<number> {
  const subs = mm.notifierSubscriptions;
  yield* lock(subs.lock);
  subs.activeInvalidateRanges++;
  yield* touch(subs.invalidateSeq);
  let sub = nextOverlap(k, mm, null, start, end);
  if (sub) subs.invalidateSeq.value |= 1;
  const seq = subs.invalidateSeq.value;
  yield* unlock(subs.lock);
  // Without the lock: while seq is odd, which our own section makes sure of, nobody changes the tree.
  let error = 0;
  while (sub) {
    const accepted = yield* sub.ops.invalidate(k, sub, start, end, flags, seq);
    if (!accepted && rangeMayFail(flags)) {
      error = -EAGAIN;
    } else if (!accepted && !rangeBlockable(flags)) {
      yield* itreeInvEnd(k, subs);
      return -EAGAIN;
    }
    sub = nextOverlap(k, mm, sub, start, end);
  }
  return error;
}

/** mn_itree_inv_end: closes one section; the last one lets deferred inserts and removes happen. */
export function* itreeInvEnd(k: Kernel, subs: NotifierSubscriptions): Task {
  yield* lock(subs.lock);
  yield* touch(subs.invalidateSeq);
  subs.activeInvalidateRanges--;
  if (subs.activeInvalidateRanges === 0 && isOdd(subs.invalidateSeq.value)) {
    subs.invalidateSeq.value = (subs.invalidateSeq.value + 1) & k.seqMask;
    while (subs.deferredFirst) {
      const sub: IntervalNotifier = subs.deferredFirst;
      // The sequence has moved already: whoever waits for it may go on, and the node is looked at only now.
      yield* touch(sub.invalidateSeq);
      must(sub.mm !== null, "use-after-free", `${sub.name} is on the deferred list, and its removal has returned`);
      sub.inTree = !sub.inTree;
      subs.deferredFirst = sub.deferredNext;
      sub.deferredNext = null;
    }
  }
  yield* unlock(subs.lock);
}

/** mn_itree_release: the mm dies. Every subscriber is told, blockably; none may refuse. */
export function* itreeRelease(k: Kernel, mm: Mm): Task {
  yield* itreeInvalidate(k, mm, 0, ALL_END, MMU_NOTIFY_RELEASE | RANGE_BLOCKABLE);
  yield* itreeInvEnd(k, mm.notifierSubscriptions);
}

/** mmu_interval_notifier_insert: may take mmap_lock for writing. 0, -EOVERFLOW, or -EINTR when the task is killed. */
export function* mmuIntervalNotifierInsert(
  k: Kernel,
  sub: IntervalNotifier,
  mm: Mm,
  start: Vpn,
  pages: number,
): Task<number> {
  const subs = mm.notifierSubscriptions;
  if (pages <= 0) return -EOVERFLOW;
  if (!subs.hasItree) {
    yield* downWrite(mm.mmapLock);
    const error = yield* mmuNotifierRegisterLocked(k, null, mm);
    yield* upWrite(mm.mmapLock);
    if (error !== 0) return error;
  }
  yield* mmgrab(mm);
  sub.mm = mm;
  sub.start = start;
  sub.end = start + pages;
  yield* insert(k, sub, subs);
  return 0;
}

/** __mmu_interval_notifier_insert. The subscriber may be in the tree only later: read_begin waits for that. */
function* insert(k: Kernel, sub: IntervalNotifier, subs: NotifierSubscriptions): Task {
  yield* lock(subs.lock);
  yield* touch(subs.invalidateSeq);
  const seq = subs.invalidateSeq.value;
  const active = subs.activeInvalidateRanges > 0;
  if (active && isOdd(seq)) {
    // The tree is frozen: to the reader it is being invalidated until the last section ends.
    sub.deferredNext = subs.deferredFirst;
    subs.deferredFirst = sub;
  } else {
    // Open sections that hit nobody might cover it: it counts as being invalidated by them.
    if (active) subs.invalidateSeq.value = seq | 1;
    sub.inTree = true;
  }
  yield* writeOnce(sub.invalidateSeq, active ? seq | 1 : (seq - 1) & k.seqMask);
  yield* unlock(subs.lock);
}

/**
 * mmu_interval_notifier_remove: afterwards no callback runs and the caller may free `sub`. Sleeps; must not be called
 * with a lock that a callback or an open section needs.
 */
export function* mmuIntervalNotifierRemove(k: Kernel, sub: IntervalNotifier): Task {
  const mm = sub.mm as Mm;
  const subs = mm.notifierSubscriptions;
  mightSleep("mmu_interval_notifier_remove");
  lockMapTouch(mmuNotifierInvalidateRangeStart);
  yield* lock(subs.lock);
  yield* touch(subs.invalidateSeq);
  const seq = subs.invalidateSeq.value;
  const frozen = isOdd(seq);
  const isIn = sub.inTree;
  if (!frozen) {
    sub.inTree = false;
  } else if (!isIn) {
    unlinkDeferred(subs, sub);
  } else {
    sub.deferredNext = subs.deferredFirst;
    subs.deferredFirst = sub;
  }
  yield* unlock(subs.lock);
  if (frozen && isIn) {
    yield* until(() => subs.invalidateSeq.value !== seq, subs.invalidateSeq);
    if (k.rules.intervalRemoveRecheck) {
      // Whoever moved the sequence did so under the lock and still goes through the deferred list: wait until it is out.
      yield* lock(subs.lock);
      yield* unlock(subs.lock);
    }
  }
  sub.mm = null;
  yield* mmdrop(k, mm);
}

/** hlist_del from the deferred list. Lock held. */
function unlinkDeferred(subs: NotifierSubscriptions, sub: IntervalNotifier): void {
  if (subs.deferredFirst === sub) {
    subs.deferredFirst = sub.deferredNext;
  } else {
    let at = subs.deferredFirst;
    while (at && at.deferredNext !== sub) at = at.deferredNext;
    if (at) at.deferredNext = sub.deferredNext;
  }
  sub.deferredNext = null;
}

/** mmu_interval_read_begin: the sequence to be checked later; waits once while the subscriber is being invalidated. */
export function* mmuIntervalReadBegin(sub: IntervalNotifier): Task<number> {
  const subs = (sub.mm as Mm).notifierSubscriptions;
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
