/**
 * What all locks have in common: they are held by tasks, guard fields, and appear in the wait-for graph. The task's
 * header keeps the list of locks it holds, oldest first; the lock's own words say who may take it.
 *
 * A word of that list: (number of the lock + 1) << 4 | subclass << 1 | shared.
 */
import {
  baseOf,
  current,
  currentBase,
  fine,
  type Handle,
  HEADER,
  handleOf,
  heldWords,
  NeedsRebuild,
  sequential,
  W,
} from "./core.ts";
import { Finding } from "./finding.ts";
import { activeMachine, settingUpMachine } from "./machine.ts";
import { NeedsRefinement } from "./refinement.ts";

/** How a lock is held. */
export type HoldMode = "exclusive" | "shared";

/** Nesting subclasses of lockdep: 0 … 7, as in the kernel. */
export const MAX_SUBCLASS = 7;

export abstract class Lock implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
  /** Locks of one class are interchangeable for lockdep: those of the same field of the same struct. */
  readonly lockClass: string;
  /** Does lockdep learn orders from it? Not from bits and grace periods. */
  readonly lockdep: boolean = true;
  /** A reader may enter although a writer waits, so readers never wait for readers. */
  readonly recursiveRead: boolean = false;
  abstract readonly kind: string;

  constructor(at: number, name: string, lockClass: string, id = -1) {
    this.at = at;
    this.name = name;
    this.lockClass = lockClass;
    this.id = id >= 0 ? id : settingUpMachine("a lock").register(this, at);
  }

  /** Does task slot `t` hold it, well enough to write what it guards? */
  abstract heldBy(t: number, forWrite: boolean): boolean;

  /** Slots of the tasks that hold it now. */
  holders(): number[] {
    return activeMachine()
      .tasks.map((t) => t.slot)
      .filter((t) => holds(t, this));
  }
}

/** Told of each attempt to take a lock, while the running task holds what its list says; see lockdep.ts. */
export type LockObserver = (lock: Lock, mode: HoldMode, subclass: number, task: number) => void;

let observer: LockObserver | null = null;

export function observeLocks(o: LockObserver | null): void {
  observer = o;
}

/** The running task is about to take `lock`, or passes a point from which it might be taken. */
export function noteAttempt(lock: Lock, mode: HoldMode, subclass = 0): void {
  if (observer !== null) observer(lock, mode, subclass, current);
}

/** One lock in a task's list. */
export interface HeldLock {
  readonly lock: Lock;
  readonly mode: HoldMode;
  readonly subclass: number;
}

/** The running task now holds `lock`. */
export function noteAcquired(lock: Lock, mode: HoldMode, subclass = 0): void {
  const first = currentBase() + HEADER;
  for (let i = 0; i < heldWords; i++) {
    if (W[first + i] === 0) {
      W[first + i] = ((lock.id + 1) << 4) | (subclass << 1) | (mode === "shared" ? 1 : 0);
      return;
    }
  }
  throw new NeedsRebuild("held", current);
}

/** The running task no longer holds `lock` (once less). Raises an `assertion` finding when it did not hold it. */
export function noteReleased(lock: Lock): void {
  const first = currentBase() + HEADER;
  const end = first + heldWords;
  let latest = -1;
  let at = first;
  for (; at < end && W[at] !== 0; at++) {
    if (W[at] >> 4 === lock.id + 1) latest = at;
  }
  if (latest < 0) throw notHeld(lock);
  for (let i = latest; i < at - 1; i++) W[i] = W[i + 1];
  W[at - 1] = 0;
}

/** The running task's latest hold of `lock` becomes shared. */
export function noteDowngraded(lock: Lock): void {
  const first = currentBase() + HEADER;
  for (let i = heldWords - 1; i >= 0; i--) {
    if (W[first + i] >> 4 === lock.id + 1) {
      W[first + i] |= 1;
      return;
    }
  }
  throw notHeld(lock);
}

/** The finding for a release without a hold. */
export function notHeld(lock: { readonly name: string }): Finding {
  const task = activeMachine().tasks[current]?.name ?? "a task";
  return new Finding("assertion", `${task} unlocks ${lock.name} without holding it: lock it first, on every path`);
}

/** Is `lock` in the list of task slot `t`, in any mode? */
export function holds(t: number, lock: Lock): boolean {
  if (t < 0) return false;
  const first = baseOf(t) + HEADER;
  for (let i = 0; i < heldWords && W[first + i] !== 0; i++) {
    if (W[first + i] >> 4 === lock.id + 1) return true;
  }
  return false;
}

/** A word of a task's list, decoded. */
export function heldLock(word: number): HeldLock {
  return {
    lock: handleOf((word >> 4) - 1) as Lock,
    mode: (word & 1) === 1 ? "shared" : "exclusive",
    subclass: (word >> 1) & MAX_SUBCLASS,
  };
}

/** Locks that task slot `t` holds, oldest first. */
export function locksHeld(t: number): HeldLock[] {
  const first = baseOf(t) + HEADER;
  const held: HeldLock[] = [];
  for (let i = 0; i < heldWords && W[first + i] !== 0; i++) held.push(heldLock(W[first + i]));
  return held;
}

/** True when the release of the lock at `at` must be a step of its own: somebody can see that it is held. */
export function releaseIsVisible(at: number): boolean {
  return !sequential && (fine || activeMachine().tried[at] === 1);
}

/** Somebody looks at whether the lock at `at` is held. Raises `NeedsRefinement` the first time in coarse runs. */
export function noteTried(at: number): void {
  if (sequential || releaseIsVisible(at)) return;
  throw new NeedsRefinement(activeMachine().layout.find(at)?.name ?? "?");
}
