/** Mutexes and spinlocks: one word, the holder's task slot + 1, 0 when free. */
import { mightSleep, SPIN_DEPTH } from "./context.ts";
import {
  answer,
  atOnce,
  current,
  currentBase,
  defineOp,
  immediately,
  objectAt,
  pend,
  T_CONTEXT,
  type Task,
  W,
} from "./core.ts";
import { Lock, noteAcquired, noteReleased, noteTried, notHeld, releaseIsVisible } from "./lock.ts";
import { nameWords, takeWords } from "./machine.ts";
import { type Embedded, embedded } from "./struct.ts";

export class Mutex extends Lock {
  readonly kind: "mutex" | "spinlock";
  constructor(at: number, name: string, lockClass: string, kind: "mutex" | "spinlock") {
    super(at, name, lockClass);
    this.kind = kind;
    nameWords(at, name, { "": "owner" });
  }

  heldBy(t: number): boolean {
    return W[this.at] === t + 1;
  }

  override holders(): number[] {
    return W[this.at] === 0 ? [] : [W[this.at] - 1];
  }
}

/** A mutex that stands alone; as a field of a struct use `mutexField()`. */
export function mutex(name: string, lockClass = name): Mutex {
  return new Mutex(takeWords(1, name), name, lockClass, "mutex");
}

/** A spinlock that stands alone. Its holder is in atomic context and must not sleep. */
export function spinlock(name: string, lockClass = name): Mutex {
  return new Mutex(takeWords(1, name), name, lockClass, "spinlock");
}

export function mutexField(): Embedded<Mutex> {
  return embedded(1, (at, name, className) => new Mutex(at, name, className, "mutex"));
}

export function spinlockField(): Embedded<Mutex> {
  return embedded(1, (at, name, className) => new Mutex(at, name, className, "spinlock"));
}

const mutexAt = (at: number): Mutex => objectAt(at) as Mutex;

function take(l: Mutex, task: number, subclass: number): void {
  noteAcquired(l, "exclusive", subclass);
  W[l.at] = task + 1;
  if (l.kind === "spinlock") W[currentBase() + T_CONTEXT] += SPIN_DEPTH;
}

function release(l: Mutex): void {
  noteReleased(l);
  W[l.at] = 0;
  if (l.kind === "spinlock") W[currentBase() + T_CONTEXT] -= SPIN_DEPTH;
}

const lockKind = {
  waits: "all",
  acquires: "exclusive",
  movable: true,
  enabled: (at: number) => W[at] === 0,
  apply: (at: number, subclass: number, _arg2: number, task: number) => take(mutexAt(at), task, subclass),
  owners: (at: number) => (W[at] === 0 ? [] : [W[at] - 1]),
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at: number) => `lock ${mutexAt(at).name}`,
} as const satisfies Partial<Parameters<typeof defineOp>[0]>;

const lockOp = defineOp({ name: "lock", sleeps: true, ...lockKind });
const spinLockOp = defineOp({ name: "spinLock", ...lockKind });

const unlockOp = defineOp({
  name: "unlock",
  releases: true,
  enabled: () => true,
  apply: (at) => release(mutexAt(at)),
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `unlock ${mutexAt(at).name}`,
});

/** A failed trylock only reads. */
const trylockOp = defineOp({
  name: "trylock",
  enabled: () => true,
  apply: (at, _arg, _arg2, task) => {
    const l = mutexAt(at);
    noteTried(at);
    if (W[at] !== 0) return false;
    take(l, task, 0);
    return true;
  },
  access: (at, _a, _b, _t, out) => (W[at] === 0 ? out.write(at) : out.read(at)),
  describe: (at) => `trylock ${mutexAt(at).name}`,
});

/**
 * mutex_lock, spin_lock: waits until the lock is free. A mutex raises `atomic-sleep` in atomic context.
 * `subclass` 1 … 7 tells lockdep that this level of nesting within the class is meant (mutex_lock_nested).
 */
export function lock(l: Mutex, subclass = 0): Task {
  const spins = l.kind === "spinlock";
  if (!spins) mightSleep("lock", l.name);
  if (W[l.at] === 0 && atOnce()) {
    take(l, current, subclass);
    return answer(undefined) as never;
  }
  if (spins) return pend(spinLockOp, l.at, subclass) as never;
  return pend(lockOp, l.at, subclass) as never;
}

/** mutex_unlock, spin_unlock. Raises an `assertion` finding when the caller does not hold it. */
export function unlock(l: Mutex): Task {
  if (W[l.at] !== current + 1) throw notHeld(l);
  if (releaseIsVisible(l.at)) return pend(unlockOp, l.at) as never;
  release(l);
  return immediately(undefined) as never;
}

/** mutex_trylock, spin_trylock: true when it was free and now is ours. */
export function trylock(l: Mutex): Task<boolean> {
  return pend(trylockOp, l.at) as never;
}
