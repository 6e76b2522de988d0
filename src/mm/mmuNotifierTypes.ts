/** What MMU notifiers are made of (mmu_notifier.h). */
import { type Cell, cellField } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { type Mutex, spinlockField } from "../machine/mutex.ts";
import { bool, int, ref, struct } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import type { Pfn, Vpn } from "./page.ts";

/** Events, in the low bits of a range's flags: enum mmu_notifier_event. */
export const MMU_NOTIFY_UNMAP = 0;
export const MMU_NOTIFY_CLEAR = 1;
export const MMU_NOTIFY_PROTECTION_VMA = 2;
export const MMU_NOTIFY_PROTECTION_PAGE = 3;
export const MMU_NOTIFY_SOFT_DIRTY = 4;
export const MMU_NOTIFY_RELEASE = 5;
export const MMU_NOTIFY_MIGRATE = 6;
export const MMU_NOTIFY_EXCLUSIVE = 7;
export const MMU_NOTIFY_EVENT_MASK = 7;
export const EVENT_NAMES = [
  "UNMAP",
  "CLEAR",
  "PROTECTION_VMA",
  "PROTECTION_PAGE",
  "SOFT_DIRTY",
  "RELEASE",
  "MIGRATE",
  "EXCLUSIVE",
] as const;
/** Callbacks may sleep, and may not refuse. */
export const RANGE_BLOCKABLE = 1 << 3;
/** MMU_NOTIFIER_RANGE_MAYFAIL (June 2020, not merged): callbacks may sleep and may refuse, and get their end all the same. */
export const RANGE_MAYFAIL = 1 << 4;
/** End of a range over the whole address space, which begins at 0. */
export const ALL_END: Vpn = 1 << 28;

export const rangeBlockable = (flags: number): boolean => (flags & RANGE_BLOCKABLE) !== 0;
export const rangeMayFail = (flags: number): boolean => (flags & RANGE_MAYFAIL) !== 0;
export const rangeEvent = (flags: number): number => flags & MMU_NOTIFY_EVENT_MASK;

const OWNER_SHIFT = 5;

/**
 * mmu_notifier_range_init_owner: flags of a section that device memory opens (MIGRATE, EXCLUSIVE), with whoever opens it,
 * null where an exclusive entry is taken back.
 */
export const rangeWithOwner = (event: number, owner: Handle | null): number =>
  event | RANGE_BLOCKABLE | ((owner === null ? 0 : owner.id + 1) << OWNER_SHIFT);

/**
 * Is it a section that `owner` opened itself, so that its callback need not do anything? The owner field of all other
 * events is not set in the kernel, and must not be looked at: an `assertion` finding.
 */
export function rangeIsOwn(flags: number, owner: Handle): boolean {
  const event = rangeEvent(flags);
  const set = event === MMU_NOTIFY_MIGRATE || event === MMU_NOTIFY_EXCLUSIVE;
  must(
    set,
    "assertion",
    `the owner of a range is looked at, which ${EVENT_NAMES[event]} does not set: ask for the event first`,
  );
  return flags >> OWNER_SHIFT === owner.id + 1;
}

/** Callbacks of a classic subscriber; missing ones are not called. `flags`: event and RANGE_BLOCKABLE. */
export interface MmuNotifierOps {
  /** MMU_INVALIDATE_DOES_NOT_BLOCK (v4.16 … v4.18): its callbacks never wait, so the OOM reaper may call them. */
  readonly doesNotBlock?: true;
  /** 0, or -EAGAIN where the range is not blockable (who can refuse that must not have an end op), or may fail. */
  invalidateRangeStart?(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn, flags: number): Task<number>;
  invalidateRangeEnd?(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn, flags: number): Task;
  /** Atomic: under the page-table lock, in a TLB flush, or just before the end op. */
  invalidateRange?(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn): Task;
  /** Atomic: non-zero if the device has used the pages since the last call. */
  clearFlushYoung?(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn): Task<number>;
  clearYoung?(k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn): Task<number>;
  testYoung?(k: Kernel, sub: MmuNotifier, vpn: Vpn): Task<number>;
  /** Atomic: `vpn` is about to map `pfn`. */
  changePte?(k: Kernel, sub: MmuNotifier, vpn: Vpn, pfn: Pfn, writable: boolean): Task;
  /** The address space dies, or the subscriber unregisters. */
  release?(k: Kernel, sub: MmuNotifier): Task;
}

/** A classic subscriber. `driver` is what container_of finds. */
export interface MmuNotifier<D extends object = object> extends Handle {
  /** Next older one on the list: number of its handle + 1, 0 at the end. Read under SRCU, written under the lock. */
  readonly next: Cell;
  mm: Mm | null;
  /** hlist_unhashed is the opposite. */
  hashed: boolean;
  users: number;
  readonly ops: MmuNotifierOps;
  readonly driver: D;
}
export const notifierStruct = struct("mmuNotifier", {
  next: cellField(),
  mm: ref<Mm>({ ordered: "set by registration" }),
  hashed: bool({ ordered: "the lock of the subscriptions; readers come from release and tolerate both" }),
  users: int({ ordered: "the lock of the subscriptions" }),
});

export interface IntervalNotifierOps {
  /** Takes the user's lock, calls `mmuIntervalSetSeq`, tears down. False = refused, if not blockable or if it may fail. */
  invalidate(k: Kernel, sub: IntervalNotifier, start: Vpn, end: Vpn, flags: number, seq: number): Task<boolean>;
}

/** struct mmu_interval_notifier: the pages [start, end) of `mm`. `driver` is what container_of finds. */
export interface IntervalNotifier<D extends object = object> extends Handle {
  /** The sequence that its callback saw last; odd from the first insertion on. */
  readonly invalidateSeq: Cell;
  mm: Mm | null;
  start: Vpn;
  end: Vpn;
  /** Changed under the lock while the sequence is even; read by walks while it is odd. */
  inTree: boolean;
  deferredNext: IntervalNotifier | null;
  readonly ops: IntervalNotifierOps;
  readonly driver: D;
}
const inserted = "set by insertion";
export const intervalStruct = struct("intervalNotifier", {
  invalidateSeq: cellField(1),
  mm: ref<Mm>({ ordered: inserted }),
  start: int({ ordered: inserted }),
  end: int({ ordered: inserted }),
  inTree: bool({ ordered: "the lock while the sequence is even, which freezes it while it is odd" }),
  deferredNext: ref<IntervalNotifier>({ ordered: "the lock of the subscriptions" }),
});

/** mm->notifier_subscriptions */
export interface NotifierSubscriptions extends Handle {
  /** Guards list edits, the sequence, the count of open sections, the tree and the deferred list. A leaf. */
  readonly lock: Mutex;
  /** mm_has_notifiers: somebody has registered once. */
  active: boolean;
  /** Newest classic subscriber: number of its handle + 1. */
  readonly first: Cell;
  /** Odd while a section is open that hit an interval. Wraps at the kernel's seqMask. */
  readonly invalidateSeq: Cell;
  /** Sections open now, whatever they cover; counted only with hasItree. */
  activeInvalidateRanges: number;
  deferredFirst: IntervalNotifier | null;
  hasItree: boolean;
}
const subscriptionsStruct = struct("notifierSubscriptions", {
  lock: spinlockField(),
  active: bool({ ordered: "set once, by a registration that excludes all sections" }),
  first: cellField(),
  invalidateSeq: cellField(2),
  activeInvalidateRanges: int({ guardedBy: "lock" }),
  deferredFirst: ref<IntervalNotifier>({ guardedBy: "lock" }),
  hasItree: bool({ ordered: "set once, by a registration that excludes all sections" }),
});

/** Set-up: the subscriptions of an mm, none yet. */
export function createSubscriptions(mmName: string): NotifierSubscriptions {
  return subscriptionsStruct.create(`${mmName}.subs`);
}
