/**
 * The folio lock, PG_locked: a bit in a word that knows no owner and that lockdep does not see. Here the word remembers who
 * has to unlock it (slot + 1), so that waits for it have a name; `ANYBODY` when that is not known.
 *
 * It may be unlocked by another task than the one that locked it, as when I/O completes. That task must have been named
 * before, with `folioHandOver`: then a wait for a folio lock is a wait for exactly one task, and cycles through it are
 * found at once.
 *
 * All operations take the object or its word index, so that columns can hold locks without an object for each page.
 */
import { mightSleep } from "./context.ts";
import {
  answer,
  atOnce,
  checking,
  current,
  defineOp,
  immediately,
  isProbingNow,
  keepOrder,
  noteProbeRead,
  pend,
  type Task,
  W,
} from "./core.ts";
import { Finding } from "./finding.ts";
import { Lock, noteTried, releaseIsVisible } from "./lock.ts";
import { activeMachine, nameOfWord, nameWords, type TaskInfo, takeWords } from "./machine.ts";
import { type Embedded, embedded } from "./struct.ts";

/** Locked, and whoever wants may unlock it. */
export const ANYBODY = 1 << 16;

export class FolioLock extends Lock {
  readonly kind = "folioLock";
  override readonly lockdep = false;

  constructor(at: number, name: string) {
    super(at, name, "folioLock");
    nameWords(at, name, { "": "owner" });
  }

  heldBy(t: number): boolean {
    return W[this.at] === t + 1;
  }

  override holders(): number[] {
    return holderOf(this.at);
  }
}

/** A folio lock that stands alone; as a field of a struct use `folioLockField()`. */
export function folioLock(name: string): FolioLock {
  return new FolioLock(takeWords(1, name), name);
}

export function folioLockField(): Embedded<FolioLock> {
  return embedded(1, (at, name) => new FolioLock(at, name));
}

/** Something that has a word, or the index of the word itself. */
export type WordRef = number | { readonly at: number };
const wordOf = (x: WordRef): number => (typeof x === "number" ? x : x.at);

function holderOf(at: number): number[] {
  return W[at] === 0 || W[at] === ANYBODY ? [] : [W[at] - 1];
}

const lockOp = defineOp({
  name: "folioLock",
  movable: true,
  waits: "all",
  sleeps: true,
  enabled: (at) => W[at] === 0,
  apply: (at, _a, _b, task) => {
    W[at] = task + 1;
  },
  owners: holderOf,
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `lock folio ${nameOfWord(at)}`,
});

const waitOp = defineOp({
  name: "folioWaitLocked",
  waits: "all",
  sleeps: true,
  enabled: (at) => W[at] === 0,
  apply: () => undefined,
  owners: holderOf,
  access: (at, _a, _b, _t, out) => out.read(at),
  describe: (at) => `wait until folio ${nameOfWord(at)} is unlocked`,
});

const unlockOp = defineOp({
  name: "folioUnlock",
  releases: true,
  enabled: () => true,
  apply: (at) => {
    W[at] = 0;
  },
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `unlock folio ${nameOfWord(at)}`,
});

const tryNow = (at: number, task: number): boolean => {
  noteTried(at);
  if (W[at] !== 0) return false;
  W[at] = task + 1;
  return true;
};

const trylockOp = defineOp({
  name: "folioTrylock",
  enabled: () => true,
  apply: (at, _a, _b, task) => tryNow(at, task),
  access: (at, _a, _b, _t, out) => (W[at] === 0 ? out.write(at) : out.read(at)),
  describe: (at) => `trylock folio ${nameOfWord(at)}`,
});

/** folio_lock: sleeps until it is unlocked. */
export function lockFolio(x: WordRef): Task {
  const at = wordOf(x);
  mightSleep("lock a folio");
  if (W[at] === 0 && atOnce()) {
    W[at] = current + 1;
    return answer(undefined) as never;
  }
  return pend(lockOp, at) as never;
}

/** folio_trylock: true when it was unlocked and now is ours. */
export function trylockFolio(x: WordRef): Task<boolean> {
  const at = wordOf(x);
  return (atOnce() ? answer(tryNow(at, current)) : pend(trylockOp, at)) as never;
}

/** folio_wait_locked: sleeps until it is unlocked, without locking it. */
export function waitFolioLocked(x: WordRef): Task {
  mightSleep("wait for a folio");
  return pend(waitOp, wordOf(x)) as never;
}

/** folio_unlock. Raises an `assertion` finding when it is not locked, or when another task is to unlock it. */
export function unlockFolio(x: WordRef): Task {
  const at = wordOf(x);
  if (W[at] !== current + 1 && W[at] !== ANYBODY) throw wrongTask(at);
  if (releaseIsVisible(at)) return pend(unlockOp, at) as never;
  W[at] = 0;
  return immediately(undefined) as never;
}

/**
 * folio_test_locked: in conditions of `until`, or where nobody else can change it, as for its holder. Elsewhere a
 * trylock is what can be explored.
 */
export function folioLocked(x: WordRef): boolean {
  const at = wordOf(x);
  if (isProbingNow()) noteProbeRead(at);
  else if (checking) noteTried(at);
  return W[at] !== 0;
}

/**
 * From now on `to` is to unlock it (null: whoever likes, and a wait for it names nobody): what submitting I/O does.
 * Raises an `assertion` finding when it is not the running task's.
 */
export function folioHandOver(x: WordRef, to: TaskInfo | null): void {
  const at = wordOf(x);
  if (current >= 0 && W[at] !== current + 1) throw wrongTask(at);
  keepOrder();
  W[at] = to === null ? ANYBODY : to.slot + 1;
}

function wrongTask(at: number): Finding {
  const { tasks } = activeMachine();
  const who = tasks[current]?.name ?? "a task";
  const name = nameOfWord(at);
  if (W[at] === 0) return new Finding("assertion", `${who} unlocks folio ${name}, which is not locked`);
  const owner = holderOf(at).map((t) => tasks[t].name)[0] ?? "nobody";
  return new Finding(
    "assertion",
    `${who} unlocks folio ${name}, which ${owner} locked: name who unlocks it with folioHandOver`,
  );
}
