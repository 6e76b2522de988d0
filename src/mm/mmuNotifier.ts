/**
 * MMU notifiers (mm/mmu_notifier.c): telling everybody who keeps a second copy of a page table that the first one is
 * about to lose rights. A section begins with a start and ends with an end; all PTE changes lie in between.
 *
 *   caller   start ─▶ itree callbacks, then hlist callbacks, newest first ─▶ PTEs ─▶ end ─▶ itree seq, then hlist ends
 *                        │ somebody refuses (only when the range is not blockable)
 *                        └─▶ -EAGAIN, nothing is unmapped, the caller must NOT call end
 *
 * A range is passed as (mm, start, end, flags): pages, end exclusive. The interval API is in mmuIntervalNotifier.ts.
 */
import { type Cell, readOnce, writeOnce } from "../machine/cell.ts";
import { mightSleep, nonBlockEnd, nonBlockStart } from "../machine/context.ts";
import { answer, current, handleOf, type Task } from "../machine/core.ts";
import { EINTR } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { fatalSignalPending } from "../machine/killable.ts";
import { MAX_SUBCLASS } from "../machine/lock.ts";
import { lockMapAcquire, lockMapRelease, mmuNotifierInvalidateRangeStart } from "../machine/lockMap.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downWrite, type RwSem, upWrite } from "../machine/rwsem.ts";
import { srcuReadLock, srcuReadUnlock, synchronizeSrcu } from "../machine/srcu.ts";
import { rangeClosed, rangeOpened } from "./announced.ts";
import type { Kernel } from "./kernel.ts";
import { type Mm, VM_READ, type Vma } from "./mmTypes.ts";
import { mmdrop, mmgrab } from "./mmUsers.ts";
import { itreeInvalidate, itreeInvEnd, itreeRelease } from "./mmuIntervalNotifier.ts";
import {
  MMU_NOTIFY_PROTECTION_VMA,
  type MmuNotifier,
  type MmuNotifierOps,
  type NotifierSubscriptions,
  notifierStruct,
  rangeBlockable,
  rangeEvent,
  rangeMayFail,
} from "./mmuNotifierTypes.ts";
import type { Pfn, Vpn } from "./page.ts";
import { guards } from "./rules.ts";
import { vmaLookup } from "./vma.ts";

export * from "./mmuNotifierTypes.ts";

/** Without subscribers. */
const nothing = (): Task => answer(undefined) as never;

/** Set-up: a classic subscriber that is registered nowhere yet. */
export function createNotifier<D extends object>(
  m: Machine,
  name: string,
  ops: MmuNotifierOps,
  driver: D,
): MmuNotifier<D> {
  return Object.assign(notifierStruct.create(name), { ops: m.keep(ops), driver });
}

/** mmu_notifier_range_start: 0, or -EAGAIN when the range may be refused and was: no end then, unless RANGE_MAYFAIL. */
export function* invalidateRangeStart(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task<number> {
  // A task function of this name, whoever listens: reports look for it in the stack.
  const subs = mm.notifierSubscriptions;
  if (rangeBlockable(flags)) mightSleep("invalidate_range_start");
  if (!subs.active) {
    if (k.announced !== null) rangeOpened(k.announced, mm, start, end);
    return 0;
  }
  lockMapAcquire(mmuNotifierInvalidateRangeStart);
  let error = 0;
  if (subs.hasItree) error = yield* itreeInvalidate(k, mm, start, end, flags);
  if (error === 0 || rangeMayFail(flags)) {
    // A range that may fail has an end for everybody, so everybody has a start.
    const refused = yield* hlistInvalidateRangeStart(k, mm, start, end, flags);
    if (refused !== 0) error = refused;
    const left = refused !== 0 && subs.hasItree && !rangeMayFail(flags); // by the interval subscribers, without an end
    if (left && k.rules.refusalEndsIntervals) yield* itreeInvEnd(k, subs);
  }
  lockMapRelease(mmuNotifierInvalidateRangeStart);
  if ((error === 0 || rangeMayFail(flags)) && k.announced !== null) rangeOpened(k.announced, mm, start, end);
  return error;
}

/** mmu_notifier_range_end: also tells secondary TLBs, once more if that was done under the page-table lock already. */
export function invalidateRangeEnd(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task {
  if (k.announced !== null) rangeClosed(k.announced, mm, start, end);
  return mm.notifierSubscriptions.active ? rangeEnd(k, mm, start, end, flags, false) : nothing();
}

/** mmu_notifier_invalidate_range_only_end: the caller has called invalidate_range itself, under the page-table lock. */
export function invalidateRangeOnlyEnd(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task {
  if (k.announced !== null) rangeClosed(k.announced, mm, start, end);
  return mm.notifierSubscriptions.active ? rangeEnd(k, mm, start, end, flags, true) : nothing();
}

function* rangeEnd(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number, onlyEnd: boolean): Task {
  const subs = mm.notifierSubscriptions;
  lockMapAcquire(mmuNotifierInvalidateRangeStart);
  if (subs.hasItree) yield* itreeInvEnd(k, subs);
  yield* hlistInvalidateRangeEnd(k, mm, start, end, flags, onlyEnd);
  lockMapRelease(mmuNotifierInvalidateRangeStart);
}

/** Calls everybody on the list, also after a refusal. */
function* hlistInvalidateRangeStart(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task<number> {
  const subs = mm.notifierSubscriptions;
  let error = 0;
  const section = yield* srcuReadLock(k.notifierSrcu);
  for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
    const refused = yield* callStart(k, sub, start, end, flags);
    if (refused !== 0) error = refused;
  }
  if (error !== 0 && !rangeMayFail(flags) && k.rules.endAfterRefusedStart) {
    // Those who accepted expect their end, and there is nobody else to deliver it.
    for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
      if (sub.ops.invalidateRangeEnd) yield* sub.ops.invalidateRangeEnd(k, sub, start, end, flags);
    }
  }
  yield* srcuReadUnlock(k.notifierSrcu, section);
  return error;
}

function* callStart(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn, flags: number): Task<number> {
  const { ops } = sub;
  if (!ops.invalidateRangeStart) return 0;
  if (!rangeBlockable(flags)) nonBlockStart();
  const error = yield* ops.invalidateRangeStart(k, sub, start, end, flags);
  if (!rangeBlockable(flags)) nonBlockEnd();
  if (error !== 0 && !rangeMayFail(flags) && k.rules.endAfterRefusedStart) {
    // It cannot be told apart from those who accepted, so it would get an end for a start that it refused.
    must(!ops.invalidateRangeEnd, "missed-notification", `${sub.name} may refuse a start and yet implements the end`);
  }
  // A refusal of a range that must not be refused is a warning in the kernel's log, and no more.
  return rangeBlockable(flags) && !rangeMayFail(flags) ? 0 : error;
}

function* hlistInvalidateRangeEnd(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number, onlyEnd: boolean): Task {
  const subs = mm.notifierSubscriptions;
  const section = yield* srcuReadLock(k.notifierSrcu);
  for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
    const { ops } = sub;
    if (!onlyEnd && ops.invalidateRange) yield* ops.invalidateRange(k, sub, start, end);
    if (!ops.invalidateRangeEnd) continue;
    if (!rangeBlockable(flags)) nonBlockStart();
    yield* ops.invalidateRangeEnd(k, sub, start, end, flags);
    if (!rangeBlockable(flags)) nonBlockEnd();
  }
  yield* srcuReadUnlock(k.notifierSrcu, section);
}

/** mmu_notifier_invalidate_range: secondary TLBs must forget [start, end) now. Page-table lock held, or in a flush. */
export function invalidateRange(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task {
  return mm.notifierSubscriptions.active ? callInvalidateRange(k, mm, start, end) : nothing();
}

function* callInvalidateRange(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task {
  const subs = mm.notifierSubscriptions;
  const section = yield* srcuReadLock(k.notifierSrcu);
  for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
    if (sub.ops.invalidateRange) yield* sub.ops.invalidateRange(k, sub, start, end);
  }
  yield* srcuReadUnlock(k.notifierSrcu, section);
}

/** The notifier half of set_pte_at_notify; the new pte is written afterwards. Page-table lock held. */
export function* changePte(k: Kernel, mm: Mm, vpn: Vpn, pfn: Pfn, writable: boolean): Task {
  const subs = mm.notifierSubscriptions;
  if (!subs.active) return;
  const section = yield* srcuReadLock(k.notifierSrcu);
  for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
    if (sub.ops.changePte) yield* sub.ops.changePte(k, sub, vpn, pfn, writable);
  }
  yield* srcuReadUnlock(k.notifierSrcu, section);
}

/** mmu_notifier_clear_flush_young: did any device use the pages? Page-table lock held. */
export function clearFlushYoung(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task<boolean> {
  return mm.notifierSubscriptions.active ? callClearFlushYoung(k, mm, start, end) : (answer(false) as never);
}

function* callClearFlushYoung(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task<boolean> {
  const subs = mm.notifierSubscriptions;
  let young = 0;
  const section = yield* srcuReadLock(k.notifierSrcu);
  for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
    if (sub.ops.clearFlushYoung) young |= yield* sub.ops.clearFlushYoung(k, sub, start, end);
  }
  yield* srcuReadUnlock(k.notifierSrcu, section);
  return young !== 0;
}

/** mmu_notifier_clear_young: the same without a flush, for whoever only samples. Page-table lock held. */
export function* clearYoung(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task<boolean> {
  const subs = mm.notifierSubscriptions;
  if (!subs.active) return false;
  let young = 0;
  const section = yield* srcuReadLock(k.notifierSrcu);
  for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
    if (sub.ops.clearYoung) young |= yield* sub.ops.clearYoung(k, sub, start, end);
  }
  yield* srcuReadUnlock(k.notifierSrcu, section);
  return young !== 0;
}

/** mmu_notifier_test_young: the first who says yes is enough. Page-table lock held. */
export function* testYoung(k: Kernel, mm: Mm, vpn: Vpn): Task<boolean> {
  const subs = mm.notifierSubscriptions;
  if (!subs.active) return false;
  let young = 0;
  const section = yield* srcuReadLock(k.notifierSrcu);
  for (let sub = yield* rcuDereference(subs.first); sub && young === 0; sub = yield* rcuDereference(sub.next)) {
    if (sub.ops.testYoung) young = yield* sub.ops.testYoung(k, sub, vpn);
  }
  yield* srcuReadUnlock(k.notifierSrcu, section);
  return young !== 0;
}

/** The newest classic subscriber, and the next older one. Lock of the subscriptions held, or in a read section. */
export const firstNotifier = (subs: NotifierSubscriptions): Task<MmuNotifier | null> => rcuDereference(subs.first);
export const nextNotifier = (sub: MmuNotifier): Task<MmuNotifier | null> => rcuDereference(sub.next);

/** mmu_notifier_range_update_to_read_only: a section after which the memory may still be read. mmap_lock held. */
export function rangeUpdateToReadOnly(mm: Mm, start: Vpn, flags: number): boolean {
  if (rangeEvent(flags) !== MMU_NOTIFY_PROTECTION_VMA) return false;
  const vma = vmaLookup(mm, start);
  return vma !== null && (vma.flags & VM_READ) !== 0;
}

/** mm_has_blockable_invalidate_notifiers, or with `any` mm_has_notifiers: is there a subscriber for whom to leave the mm alone? */
export function* hasNotifiers(k: Kernel, mm: Mm, any: boolean): Task<boolean> {
  const subs = mm.notifierSubscriptions;
  if (!subs.active) return false;
  let found = subs.hasItree;
  const section = yield* srcuReadLock(k.notifierSrcu);
  for (let sub = yield* rcuDereference(subs.first); sub && !found; sub = yield* rcuDereference(sub.next)) {
    found = any || !sub.ops.doesNotBlock;
  }
  yield* srcuReadUnlock(k.notifierSrcu, section);
  return found;
}

/** rcu_dereference of a list pointer. */
function* rcuDereference(pointer: Cell): Task<MmuNotifier | null> {
  const id = yield* readOnce(pointer);
  return id === 0 ? null : (handleOf(id - 1) as MmuNotifier);
}

/** mmu_notifier_register: takes mmap_lock for writing. 0, or -EINTR when the task is killed. The mm must have users. */
export function* mmuNotifierRegister(k: Kernel, sub: MmuNotifier, mm: Mm): Task<number> {
  yield* downWrite(mm.mmapLock);
  const error = yield* mmuNotifierRegisterLocked(k, sub, mm);
  yield* upWrite(mm.mmapLock);
  return error;
}

/**
 * __mmu_notifier_register: the subscriber becomes the newest; without one, the mm becomes ready for intervals. All rmap
 * locks of the mm are held meanwhile, so no section is open: a subscriber never sees an end without its start.
 * mmap_lock held for writing.
 */
export function* mmuNotifierRegisterLocked(k: Kernel, sub: MmuNotifier | null, mm: Mm): Task<number> {
  const subs = mm.notifierSubscriptions;
  if (!(yield* mmTakeAllLocks(k, mm))) {
    yield* mmDropAllLocks(k, mm);
    return -EINTR;
  }
  subs.active = true;
  if (sub) {
    yield* mmgrab(mm);
    sub.mm = mm;
    sub.users = 1;
    yield* lock(subs.lock);
    sub.hashed = true;
    yield* writeOnce(sub.next, yield* readOnce(subs.first));
    yield* writeOnce(subs.first, sub.id + 1);
    yield* unlock(subs.lock);
  } else {
    subs.hasItree = true;
  }
  yield* mmDropAllLocks(k, mm);
  return 0;
}

const holdsForWrite = (l: RwSem): boolean => l.heldBy(current, true);

/**
 * mm_take_all_locks: every i_mmap_rwsem, then every anon_vma root, each once. False when the task is killed meanwhile.
 * mmap_lock held for writing.
 */
function* mmTakeAllLocks(k: Kernel, mm: Mm): Task<boolean> {
  if (guards(k.rules, "allLocksMutex")) yield* lock(k.state.mmAllLocksMutex);
  if (!guards(k.rules, "takeAllLocks")) return true;
  // down_write_nest_lock: under mmap_lock nobody else takes several of a kind, so their order does not matter. Here by subclasses,
  // of which there are few.
  let nested = 1;
  for (let vma = mm.mmap; vma; vma = vma.next) {
    if (fatalSignalPending()) return false;
    if (vma.inode && !holdsForWrite(vma.inode.immapRwsem))
      yield* downWrite(vma.inode.immapRwsem, Math.min(nested++, MAX_SUBCLASS));
  }
  for (let vma: Vma | null = mm.mmap; vma; vma = vma.next) {
    if (fatalSignalPending()) return false;
    for (let avc = vma.chains; avc; avc = avc.sameVma) {
      const root = avc.anonVma?.root;
      if (root && !holdsForWrite(root.rwsem)) yield* downWrite(root.rwsem, Math.min(nested++, MAX_SUBCLASS));
    }
  }
  return true;
}

function* mmDropAllLocks(k: Kernel, mm: Mm): Task {
  for (let vma: Vma | null = mm.mmap; vma; vma = vma.next) {
    for (let avc = vma.chains; avc; avc = avc.sameVma) {
      const root = avc.anonVma?.root;
      if (root && holdsForWrite(root.rwsem)) yield* upWrite(root.rwsem);
    }
    if (vma.inode && holdsForWrite(vma.inode.immapRwsem)) yield* upWrite(vma.inode.immapRwsem);
  }
  if (guards(k.rules, "allLocksMutex")) yield* unlock(k.state.mmAllLocksMutex);
}

/**
 * mmu_notifier_unregister: release, unless exit_mmap has called it, then off the list, then a grace period. Sections that
 * have found it may still call it before this returns, none afterwards. Sleeps.
 */
export function* mmuNotifierUnregister(k: Kernel, sub: MmuNotifier): Task {
  const mm = sub.mm as Mm;
  const subs = mm.notifierSubscriptions;
  if (sub.hashed) {
    const section = yield* srcuReadLock(k.notifierSrcu);
    if (sub.ops.release) yield* sub.ops.release(k, sub);
    yield* srcuReadUnlock(k.notifierSrcu, section);
    yield* lock(subs.lock);
    yield* unlinkNotifier(sub);
    yield* unlock(subs.lock);
  }
  yield* synchronizeSrcu(k.notifierSrcu);
  sub.mm = null;
  yield* mmdrop(k, mm);
}

/** hlist_del_init_rcu, unless somebody else was faster. Lock held. */
export function* unlinkNotifier(sub: MmuNotifier): Task {
  if (!sub.hashed) return;
  const subs = (sub.mm as Mm).notifierSubscriptions;
  let pointer = subs.first;
  for (let at = yield* readOnce(pointer); at !== sub.id + 1; at = yield* readOnce(pointer)) {
    pointer = (handleOf(at - 1) as MmuNotifier).next;
  }
  yield* writeOnce(pointer, yield* readOnce(sub.next));
  sub.hashed = false;
}

/** mmu_notifier_release: the mm dies; nothing of it has been unmapped yet. Called once, by exit_mmap. */
export function* mmuNotifierRelease(k: Kernel, mm: Mm): Task {
  const subs = mm.notifierSubscriptions;
  if (!subs.active) return;
  if (subs.hasItree) yield* itreeRelease(k, mm);
  if ((yield* readOnce(subs.first)) === 0) return;
  const section = yield* srcuReadLock(k.notifierSrcu);
  for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(sub.next)) {
    if (sub.ops.release) yield* sub.ops.release(k, sub);
  }
  yield* lock(subs.lock);
  for (let sub = yield* rcuDereference(subs.first); sub; sub = yield* rcuDereference(subs.first))
    yield* unlinkNotifier(sub);
  yield* unlock(subs.lock);
  yield* srcuReadUnlock(k.notifierSrcu, section);
  yield* synchronizeSrcu(k.notifierSrcu);
}
