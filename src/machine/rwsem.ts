/**
 * Reader-writer locks: rwsem (sleeps) and rwlock (spins, its holders are atomic). Two words:
 *
 *   state    0 free, n readers, or -(slot + 1) of the writer; which tasks read is in the tasks' own lists
 *   queued   writers that found it taken and wait in line (only with `queue: true`)
 *
 * Without a queue, a reader enters whenever no writer is inside. With it, as in the kernel's rwsem, a waiting writer
 * keeps new readers out: joining the queue is an event of its own that others can notice, so a write lock is two
 * operations there, "take it or join the queue" and "take it when it is free". A reader's arrival needs no event: one
 * that has not entered looks like one that has not come yet.
 */
import { readWord } from "./cell.ts";
import { mightSleep, SPIN_DEPTH } from "./context.ts";
import {
  answer,
  atOnce,
  baseOf,
  current,
  currentBase,
  defineOp,
  immediately,
  objectAt,
  pend,
  T_CONTEXT,
  T_OBJ,
  T_OP,
  type Task,
  W,
} from "./core.ts";
import {
  holds,
  Lock,
  noteAcquired,
  noteDowngraded,
  noteReleased,
  noteTried,
  notHeld,
  releaseIsVisible,
} from "./lock.ts";
import { activeMachine, nameWords, takeWords } from "./machine.ts";
import type { AccessSink } from "./op.ts";
import { type Embedded, embedded } from "./struct.ts";

export interface RwSemOptions {
  /** A waiting writer keeps new readers out, as in the kernel. */
  readonly queue?: boolean;
}

const QUEUED = 1;
const WORDS = 2;

export class RwSem extends Lock {
  readonly kind: "rwsem" | "rwlock";
  readonly queue: boolean;
  override readonly recursiveRead: boolean;

  constructor(at: number, name: string, lockClass: string, kind: "rwsem" | "rwlock", options: RwSemOptions) {
    super(at, name, lockClass);
    this.kind = kind;
    this.queue = options.queue ?? false;
    this.recursiveRead = !this.queue;
    nameWords(at, name, { "": "int", queued: "int" });
  }

  /** Any hold is enough to read what it guards; writing needs the exclusive one. */
  heldBy(t: number, forWrite: boolean): boolean {
    const state = W[this.at];
    return state <= 0 ? state === -(t + 1) : !forWrite && holds(t, this);
  }

  override holders(): number[] {
    const state = W[this.at];
    if (state === 0) return [];
    return state < 0 ? [-state - 1] : super.holders();
  }
}

/** A rwsem that stands alone; as a field of a struct use `rwsemField()`. */
export function rwsem(name: string, options: RwSemOptions = {}, lockClass = name): RwSem {
  return new RwSem(takeWords(WORDS, name), name, lockClass, "rwsem", options);
}

/** A spinning reader-writer lock: its holders, readers too, are in atomic context. */
export function rwlock(name: string, options: RwSemOptions = {}, lockClass = name): RwSem {
  return new RwSem(takeWords(WORDS, name), name, lockClass, "rwlock", options);
}

export function rwsemField(options: RwSemOptions = {}): Embedded<RwSem> {
  return embedded(WORDS, (at, name, className) => new RwSem(at, name, className, "rwsem", options));
}

export function rwlockField(options: RwSemOptions = {}): Embedded<RwSem> {
  return embedded(WORDS, (at, name, className) => new RwSem(at, name, className, "rwlock", options));
}

const rwsemAt = (at: number): RwSem => objectAt(at) as RwSem;

/** Takes it, without a look whether that is possible. */
export function enter(l: RwSem, state: number, subclass: number): void {
  noteAcquired(l, state < 0 ? "exclusive" : "shared", subclass);
  W[l.at] = state;
  if (l.kind === "rwlock") W[currentBase() + T_CONTEXT] += SPIN_DEPTH;
}

/** Releases commute with the enabled operations of others, as for a mutex, so they are no scheduling points. */
function exit(l: RwSem): void {
  noteReleased(l);
  W[l.at] = W[l.at] < 0 ? 0 : W[l.at] - 1;
  if (l.kind === "rwlock") W[currentBase() + T_CONTEXT] -= SPIN_DEPTH;
}

/** Writers in the queue: each of them must get in and out before a reader may enter. */
function queuedWriters(at: number): number[] {
  return activeMachine()
    .tasks.map((t) => t.slot)
    .filter((t) => {
      const op = W[baseOf(t) + T_OP];
      return (op === queuedOp.id || op === queuedSpinOp.id) && W[baseOf(t) + T_OBJ] === at;
    });
}

/** Readers do not conflict with each other: entering and leaving counts as a read of the lock. */
function readerAccess(at: number, out: AccessSink): void {
  out.read(at);
  if (rwsemAt(at).queue) out.read(at + QUEUED);
}

function writerAccess(at: number, out: AccessSink): void {
  out.write(at);
  if (rwsemAt(at).queue) out.write(at + QUEUED);
}

const mayRead = (at: number): boolean => W[at] >= 0 && W[at + QUEUED] === 0;

const readKind = {
  waits: "all",
  acquires: "shared",
  enabled: mayRead,
  apply: (at: number, subclass: number) => enter(rwsemAt(at), W[at] + 1, subclass),
  owners: (at: number) => [...(W[at] < 0 ? [-W[at] - 1] : []), ...queuedWriters(at)],
  access: (at, _a, _b, _t, out) => readerAccess(at, out),
  describe: (at: number) => `lock ${rwsemAt(at).name} for reading`,
} as const satisfies Partial<Parameters<typeof defineOp>[0]>;

// Without a queue nobody can tell when a lock was taken; with one, a writer that comes afterwards queues.
const readOp = defineOp({ name: "downRead", sleeps: true, movable: true, ...readKind });
const readSpinOp = defineOp({ name: "readLock", movable: true, ...readKind });
const fairReadOp = defineOp({ name: "downRead", sleeps: true, ...readKind });
const fairReadSpinOp = defineOp({ name: "readLock", ...readKind });

const writeKind = {
  waits: "all",
  acquires: "exclusive",
  enabled: (at: number) => W[at] === 0 || rwsemAt(at).queue,
  apply: (at: number, subclass: number, _arg2: number, task: number) => {
    const l = rwsemAt(at);
    if (W[at] === 0) return enter(l, -(task + 1), subclass);
    W[at + QUEUED]++;
    return pend(l.kind === "rwsem" ? queuedOp : queuedSpinOp, at, subclass);
  },
  owners: (at: number) => rwsemAt(at).holders(),
  access: (at, _a, _b, _t, out) => writerAccess(at, out),
  describe: (at: number) => {
    const l = rwsemAt(at);
    return W[at] !== 0 && l.queue ? `queue for ${l.name}` : `lock ${l.name} for writing`;
  },
} as const satisfies Partial<Parameters<typeof defineOp>[0]>;

const writeOp = defineOp({ name: "downWrite", sleeps: true, movable: true, ...writeKind });
const writeSpinOp = defineOp({ name: "writeLock", movable: true, ...writeKind });
const fairWriteOp = defineOp({ name: "downWrite", sleeps: true, ...writeKind });
const fairWriteSpinOp = defineOp({ name: "writeLock", ...writeKind });

const queuedKind = {
  waits: "all",
  enabled: (at: number) => W[at] === 0,
  apply: (at: number, subclass: number, _arg2: number, task: number) => {
    W[at + QUEUED]--;
    enter(rwsemAt(at), -(task + 1), subclass);
  },
  owners: (at: number) => rwsemAt(at).holders(),
  access: (at, _a, _b, _t, out) => writerAccess(at, out),
  describe: (at: number) => `lock ${rwsemAt(at).name} for writing, in its queue`,
} as const satisfies Partial<Parameters<typeof defineOp>[0]>;

const queuedOp = defineOp({ name: "downWriteQueued", sleeps: true, ...queuedKind });
const queuedSpinOp = defineOp({ name: "writeLockQueued", ...queuedKind });

const unlockOp = defineOp({
  name: "up",
  releases: true,
  enabled: () => true,
  apply: (at) => exit(rwsemAt(at)),
  access: (at, _a, _b, _t, out) => (W[at] < 0 ? out.write(at) : out.read(at)),
  describe: (at) => `unlock ${rwsemAt(at).name}`,
});

const downgradeOp = defineOp({
  name: "downgradeWrite",
  releases: true,
  enabled: () => true,
  apply: (at) => downgrade(rwsemAt(at)),
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `downgrade ${rwsemAt(at).name} to reading`,
});

function downgrade(l: RwSem): void {
  noteDowngraded(l);
  W[l.at] = 1;
}

const tryReadNow = (l: RwSem): boolean => {
  noteTried(l.at);
  if (!mayRead(l.at)) return false;
  enter(l, W[l.at] + 1, 0);
  return true;
};

const tryReadOp = defineOp({
  name: "downReadTrylock",
  enabled: () => true,
  apply: (at) => tryReadNow(rwsemAt(at)),
  access: (at, _a, _b, _t, out) => readerAccess(at, out),
  describe: (at) => `trylock ${rwsemAt(at).name} for reading`,
});

/** A try that fails because of readers must conflict with their leaving, which is only a read: so it is a write. */
const tryWriteOp = defineOp({
  name: "downWriteTrylock",
  enabled: () => true,
  apply: (at, _arg, _arg2, task) => {
    const l = rwsemAt(at);
    noteTried(at);
    if (W[at] !== 0) return false;
    enter(l, -(task + 1), 0);
    return true;
  },
  access: (at, _a, _b, _t, out) => (W[at] < 0 ? out.read(at) : out.write(at)),
  describe: (at) => `trylock ${rwsemAt(at).name} for writing`,
});

/** down_read, read_lock: waits until no writer is inside (nor in the queue). `subclass` as for `lock`. */
export function downRead(l: RwSem, subclass = 0): Task {
  const spins = l.kind === "rwlock";
  if (!spins) mightSleep("lock", l.name);
  if (mayRead(l.at) && atOnce()) {
    enter(l, W[l.at] + 1, subclass);
    return answer(undefined) as never;
  }
  if (spins) return pend(l.queue ? fairReadSpinOp : readSpinOp, l.at, subclass) as never;
  return pend(l.queue ? fairReadOp : readOp, l.at, subclass) as never;
}

/** down_write, write_lock: waits until nobody is inside. */
export function downWrite(l: RwSem, subclass = 0): Task {
  if (l.kind === "rwlock") return pend(l.queue ? fairWriteSpinOp : writeSpinOp, l.at, subclass) as never;
  mightSleep("lock", l.name);
  return pend(l.queue ? fairWriteOp : writeOp, l.at, subclass) as never;
}

/** up_read, read_unlock. Raises an `assertion` finding when the caller does not hold it for reading. */
export function upRead(l: RwSem): Task {
  if (W[l.at] <= 0 || !holds(current, l)) throw notHeld(l);
  return leave(l);
}

/** up_write, write_unlock. Raises an `assertion` finding when the caller does not hold it for writing. */
export function upWrite(l: RwSem): Task {
  if (W[l.at] !== -(current + 1)) throw notHeld(l);
  return leave(l);
}

function leave(l: RwSem): Task {
  if (releaseIsVisible(l.at)) return pend(unlockOp, l.at) as never;
  exit(l);
  return immediately(undefined) as never;
}

/** downgrade_write: the writer becomes a reader, without letting another writer in between. */
export function downgradeWrite(l: RwSem): Task {
  if (W[l.at] !== -(current + 1)) throw notHeld(l);
  if (releaseIsVisible(l.at)) return pend(downgradeOp, l.at) as never;
  downgrade(l);
  return immediately(undefined) as never;
}

/** down_read_trylock, read_trylock: true when we are inside now. */
export function downReadTrylock(l: RwSem): Task<boolean> {
  return (atOnce() ? answer(tryReadNow(l)) : pend(tryReadOp, l.at)) as never;
}

/** rwsem_is_contended: writers in the queue, of a lock that has one. */
export function rwsemIsContended(l: RwSem): Task<number> {
  return readWord(l.at + QUEUED);
}

/** down_write_trylock, write_trylock: true when we are inside now. */
export function downWriteTrylock(l: RwSem): Task<boolean> {
  return pend(tryWriteOp, l.at) as never;
}
