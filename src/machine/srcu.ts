/**
 * SRCU: readers never wait; `synchronizeSrcu` waits for the readers that were inside when it was called.
 *
 *   index      which of the two sections new readers enter
 *   readers 0  readers in section 0
 *   readers 1  readers in section 1
 *   grace      slot + 1 of the task whose grace period runs, 0 = none
 *
 * A grace period flips the index and waits until the old section is empty; grace periods come one after the other.
 *
 *        readers ──▶ section i ──▶ out          synchronize: wait for no grace period ─▶ i = 1 - i ─▶ wait until old is empty
 */
import { mightSleep } from "./context.ts";
import { current, defineOp, type Handle, immediately, objectAt, pend, type Task, W } from "./core.ts";
import { holds, Lock, noteAcquired, noteReleased, notHeld, releaseIsVisible } from "./lock.ts";
import { nameWords, settingUpMachine, takeWords } from "./machine.ts";
import { promisedBy } from "./promise.ts";
import { type Embedded, embedded } from "./struct.ts";
import { flushWork, queueWork, type Work, type WorkQueue, work } from "./workqueue.ts";

const READERS = 1;
const GRACE = 3;
const WORDS = 4;

/** One of the two sections, as something that tasks hold. */
class SrcuSection extends Lock {
  readonly kind = "srcu";
  override readonly lockdep = false;

  heldBy(t: number, forWrite: boolean): boolean {
    return !forWrite && holds(t, this);
  }
}

export class Srcu implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
  readonly sections: readonly SrcuSection[];

  constructor(at: number, name: string) {
    this.at = at;
    this.name = name;
    this.id = settingUpMachine("an SRCU structure").register(this, at);
    this.sections = [0, 1].map((i) => new SrcuSection(at + READERS + i, name, "srcu"));
    nameWords(at, name, { "": "int", "readers 0": "int", "readers 1": "int", grace: "owner" });
  }
}

/** An srcu_struct that stands alone; as a field of a struct use `srcuField()`. */
export function srcu(name: string): Srcu {
  return new Srcu(takeWords(WORDS, name), name);
}

export function srcuField(): Embedded<Srcu> {
  return embedded(WORDS, (at, name) => new Srcu(at, name));
}

const srcuAt = (at: number): Srcu => objectAt(at) as Srcu;

const readLockOp = defineOp({
  name: "srcuReadLock",
  enabled: () => true,
  apply: (at) => {
    const index = W[at];
    noteAcquired(srcuAt(at).sections[index], "shared");
    W[at + READERS + index]++;
    return index;
  },
  access: (at, _a, _b, _t, out) => {
    out.read(at);
    out.read(at + READERS + W[at]);
  },
  describe: (at) => `enter a read section of ${srcuAt(at).name}`,
});

function leaveSection(at: number, index: number): void {
  noteReleased(srcuAt(at).sections[index]);
  W[at + READERS + index]--;
}

const readUnlockOp = defineOp({
  name: "srcuReadUnlock",
  releases: true,
  enabled: () => true,
  apply: leaveSection,
  access: (at, index, _b, _t, out) => out.read(at + READERS + index),
  describe: (at) => `leave the read section of ${srcuAt(at).name}`,
});

const synchronizeOp = defineOp({
  name: "synchronizeSrcu",
  waits: "all",
  sleeps: true,
  enabled: (at) => W[at + GRACE] === 0,
  apply: (at, _a, _b, task) => {
    const old = W[at];
    W[at] = 1 - old;
    W[at + GRACE] = task + 1;
    return pend(graceOp, at, old);
  },
  owners: (at) => promisedBy(at + GRACE),
  access: (at, _a, _b, _t, out) => {
    out.write(at);
    out.write(at + GRACE);
  },
  describe: (at) => `start a grace period of ${srcuAt(at).name}`,
});

const graceOp = defineOp({
  name: "srcuGracePeriod",
  waits: "all",
  sleeps: true,
  enabled: (at, old) => W[at + READERS + old] === 0,
  apply: (at) => {
    W[at + GRACE] = 0;
  },
  owners: (at, old) => srcuAt(at).sections[old].holders(),
  access: (at, old, _b, _t, out) => {
    out.write(at + READERS + old);
    out.write(at + GRACE);
  },
  describe: (at) => `wait for the readers of ${srcuAt(at).name}`,
});

/** srcu_read_lock: never waits; the index for `srcuReadUnlock`. */
export function srcuReadLock(s: Srcu): Task<number> {
  return pend(readLockOp, s.at) as never;
}

/** srcu_read_unlock. Raises an `assertion` finding when the caller is in no section of that index. */
export function srcuReadUnlock(s: Srcu, index: number): Task {
  if (!holds(current, s.sections[index])) throw notHeld(s);
  if (releaseIsVisible(s.at)) return pend(readUnlockOp, s.at, index) as never;
  leaveSection(s.at, index);
  return immediately(undefined) as never;
}

/** synchronize_srcu: sleeps until every reader that is inside now has left. In a read section it waits for itself. */
export function synchronizeSrcu(s: Srcu): Task {
  mightSleep("synchronize", s.name);
  return pend(synchronizeOp, s.at) as never;
}

/**
 * call_srcu: `callback` runs after a grace period, in the worker of its queue; never waits. False when it is queued
 * already. Make the callback with `srcuCallback`.
 */
export function callSrcu(callback: Work): Task<boolean> {
  return queueWork(callback);
}

/** srcu_barrier for one callback: sleeps until it has run. */
export function srcuBarrier(callback: Work): Task {
  return flushWork(callback);
}

/** Set-up: a callback for `callSrcu`. Its queue's worker waits for the grace period and then runs `f(...args)`. */
export function srcuCallback<A extends unknown[]>(
  name: string,
  s: Srcu,
  wq: WorkQueue,
  f: (...args: A) => Task<unknown>,
  ...args: A
): Work {
  const callback = work(name, wq, f, ...args);
  callback.before = () => synchronizeSrcu(s);
  return callback;
}
