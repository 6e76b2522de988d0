/** Mutexes and spinlocks: one word, the holder's task slot + 1, 0 when free. */

import { mightSleep, SPIN_DEPTH } from "./context.ts";
import { current, currentBase, defineOp, immediately, pend, T_CONTEXT, type Task, W } from "./core.ts";
import { Finding } from "./finding.ts";
import { Lock, noteAcquired, noteReleased, noteTried, releaseIsVisible } from "./lock.ts";
import { activeMachine, settingUpMachine } from "./machine.ts";

export class Mutex extends Lock {
  readonly kind: "mutex" | "spinlock";
  constructor(at: number, name: string, lockClass: string, kind: "mutex" | "spinlock") {
    super(at, name, lockClass);
    this.kind = kind;
  }

  heldBy(t: number): boolean {
    return W[this.at] === t + 1;
  }

  holders(): number[] {
    return W[this.at] === 0 ? [] : [W[this.at] - 1];
  }
}

/** A mutex that stands alone; as a field of a struct use `mutexField()`. */
export function mutex(name: string, lockClass = name): Mutex {
  return new Mutex(settingUpMachine("a mutex").layout.take(1, name, "ref"), name, lockClass, "mutex");
}

/** A spinlock that stands alone. Its holder is in atomic context and must not sleep. */
export function spinlock(name: string, lockClass = name): Mutex {
  return new Mutex(settingUpMachine("a spinlock").layout.take(1, name, "ref"), name, lockClass, "spinlock");
}

function at2lock(at: number): Mutex {
  return activeMachine().handleAt.get(at) as Mutex;
}

function take(l: Mutex, task: number, trylock: boolean): void {
  noteAcquired(l, "exclusive", trylock);
  W[l.at] = task + 1;
  if (l.kind === "spinlock") W[currentBase() + T_CONTEXT] += SPIN_DEPTH;
}

function release(l: Mutex): void {
  noteReleased(l);
  W[l.at] = 0;
  if (l.kind === "spinlock") W[currentBase() + T_CONTEXT] -= SPIN_DEPTH;
}

const lockOp = defineOp({
  name: "lock",
  waits: "all",
  enabled: (at) => W[at] === 0,
  apply: (at, _arg, _arg2, task) => take(at2lock(at), task, false),
  owners: (at) => (W[at] === 0 ? [] : [W[at] - 1]),
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `lock ${at2lock(at).name}`,
});

const unlockOp = defineOp({
  name: "unlock",
  releases: true,
  enabled: () => true,
  apply: (at) => release(at2lock(at)),
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `unlock ${at2lock(at).name}`,
});

/** A failed trylock only reads. */
const trylockOp = defineOp({
  name: "trylock",
  enabled: () => true,
  apply: (at, _arg, _arg2, task) => {
    const l = at2lock(at);
    noteTried(l);
    if (W[at] !== 0) return false;
    take(l, task, true);
    return true;
  },
  access: (at, _a, _b, _t, out) => (W[at] === 0 ? out.write(at) : out.read(at)),
  describe: (at) => `trylock ${at2lock(at).name}`,
});

/** mutex_lock, spin_lock: waits until the lock is free. A mutex raises `atomic-sleep` in atomic context. */
export function lock(l: Mutex): Task {
  if (l.kind === "mutex") mightSleep(`lock ${l.name}`);
  return pend(lockOp.id, l.at) as never;
}

/** mutex_unlock, spin_unlock. Raises an `assertion` finding when the caller does not hold it. */
export function unlock(l: Mutex): Task {
  if (W[l.at] !== current + 1) {
    throw new Finding("assertion", `${l.name} is unlocked by a task that does not hold it`);
  }
  if (releaseIsVisible(l.at)) return pend(unlockOp.id, l.at) as never;
  release(l);
  return immediately(undefined) as never;
}

/** mutex_trylock, spin_trylock: true when it was free and now is ours. */
export function trylock(l: Mutex): Task<boolean> {
  return pend(trylockOp.id, l.at) as never;
}
