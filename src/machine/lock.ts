/**
 * What all locks have in common: they are held by tasks, guard fields, and appear in the wait-for graph. The task's
 * header keeps the list of locks it holds, oldest first; the lock's own words say who may take it.
 */
import { current, currentBase, type Handle, HEADER, NeedsRebuild, W } from "./core.ts";
import { Finding } from "./finding.ts";
import { activeMachine, settingUpMachine } from "./machine.ts";
import { NeedsRefinement } from "./refinement.ts";

/** How a lock is held. */
export type HoldMode = "exclusive" | "shared";

export abstract class Lock implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
  /** Locks of one class are interchangeable for lockdep: those of the same field of the same struct. */
  readonly lockClass: string;
  abstract readonly kind: string;

  constructor(at: number, name: string, lockClass: string) {
    this.at = at;
    this.name = name;
    this.lockClass = lockClass;
    this.id = settingUpMachine("a lock").register(this, at);
  }

  /** Does task slot `t` hold it, well enough to write what it guards? */
  abstract heldBy(t: number, forWrite: boolean): boolean;
  /** Slots of the tasks that hold it now. */
  abstract holders(): number[];
}

/** Told about every acquisition and release of explored runs; see lockdep.ts. */
export interface LockObserver {
  acquired(lock: Lock, mode: HoldMode, trylock: boolean): void;
}

let observer: LockObserver | null = null;

export function observeLocks(o: LockObserver | null): void {
  observer = o;
}

/** The running task now holds `lock`. The observer sees the list of locks held before this one. */
export function noteAcquired(lock: Lock, mode: HoldMode, trylock = false): void {
  if (observer !== null) observer.acquired(lock, mode, trylock);
  const first = currentBase() + HEADER;
  const n = activeMachine().options.heldWords;
  for (let i = 0; i < n; i++) {
    if (W[first + i] === 0) {
      W[first + i] = ((lock.id + 1) << 1) | (mode === "shared" ? 1 : 0);
      return;
    }
  }
  throw new NeedsRebuild("held", current);
}

/** The running task no longer holds `lock`. Raises an `assertion` finding when it did not hold it. */
export function noteReleased(lock: Lock): void {
  const first = currentBase() + HEADER;
  const n = activeMachine().options.heldWords;
  for (let i = n - 1; i >= 0; i--) {
    if (W[first + i] >> 1 !== lock.id + 1) continue;
    for (let j = i; j < n; j++) W[first + j] = j + 1 < n ? W[first + j + 1] : 0;
    return;
  }
  throw new Finding("assertion", `${lock.name} is unlocked by a task that does not hold it`);
}

/** Locks that task slot `t` holds, oldest first. */
export function locksHeld(t: number): { lock: Lock; mode: HoldMode }[] {
  const m = activeMachine();
  const first = m.tasks[t].base + HEADER;
  const held: { lock: Lock; mode: HoldMode }[] = [];
  for (let i = 0; i < m.options.heldWords && W[first + i] !== 0; i++) {
    const word = W[first + i];
    held.push({ lock: m.handles[(word >> 1) - 1] as Lock, mode: (word & 1) === 1 ? "shared" : "exclusive" });
  }
  return held;
}

/** True when the release of the lock at `at` must be a step of its own: somebody can see that it is held. */
export function releaseIsVisible(at: number): boolean {
  const m = activeMachine();
  return m.options.fine || m.tried[at] === 1;
}

/** Somebody looks at whether the lock is held. Raises `NeedsRefinement` the first time in coarse runs. */
export function noteTried(lock: Lock): void {
  const m = activeMachine();
  if (m.options.fine || m.tried[lock.at] === 1) return;
  throw new NeedsRefinement(lock.name);
}
