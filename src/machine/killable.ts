/**
 * SIGKILL, as far as waiting goes: a task that has been killed does not wait for a lock that it takes "killable".
 *
 *   free                      ─▶ taken, 0            whether killed or not, as in the kernel's fast path
 *   taken, and we were killed ─▶ -EINTR, not taken
 *
 * The flag is one bit of the task's own context word. Setting it conflicts with whatever others are about to do, so a search
 * tries every moment for it.
 */
import { mightSleep } from "./context.ts";
import { baseOf, currentBase, defineOp, objectAt, pend, T_CONTEXT, type Task, W } from "./core.ts";
import { EINTR } from "./errno.ts";
import { noteTried } from "./lock.ts";
import { enter, type RwSem } from "./rwsem.ts";

/** TIF_SIGPENDING with SIGKILL: the task never goes back to user code. */
const FATAL_SIGNAL = 1 << 18;

const isKilled = (task: number): boolean => (W[baseOf(task) + T_CONTEXT] & FATAL_SIGNAL) !== 0;

/** fatal_signal_pending(current). */
export const fatalSignalPending = (): boolean => (W[currentBase() + T_CONTEXT] & FATAL_SIGNAL) !== 0;

/** Kills the task in `slot` within the running step: for runs without a search, where nobody else is about to act. */
export function setFatalSignal(slot: number): void {
  W[baseOf(slot) + T_CONTEXT] |= FATAL_SIGNAL;
}

/** flush_signals of the running task, which goes on for somebody else. */
export function flushSignals(): void {
  W[currentBase() + T_CONTEXT] &= ~FATAL_SIGNAL;
}

const killOp = defineOp({
  name: "sigkill",
  enabled: () => true,
  apply: (_at, slot) => setFatalSignal(slot),
  access: (_at, _a, _b, _t, out) => out.top(),
  describe: (_at, slot) => `kill task ${slot}`,
});

/** Kills the task in `slot`, at a moment of its own. */
export function sendSigkill(slot: number): Task {
  return pend(killOp, 0, slot) as never;
}

const semAt = (at: number): RwSem => objectAt(at) as RwSem;

const writeOp = defineOp({
  name: "downWriteKillable",
  waits: "all",
  sleeps: true,
  movable: true,
  acquires: "exclusive",
  enabled: (at, _a, _b, task) => W[at] === 0 || isKilled(task),
  apply: (at, subclass, _arg2, task) => {
    // Only for who was killed does it matter that somebody had the lock for a moment.
    if (isKilled(task)) noteTried(at);
    if (W[at] !== 0) return -EINTR;
    enter(semAt(at), -(task + 1), subclass);
    return 0;
  },
  owners: (at) => semAt(at).holders(),
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `lock ${semAt(at).name} for writing, unless killed`,
});

const readOp = defineOp({
  name: "downReadKillable",
  waits: "all",
  sleeps: true,
  movable: true,
  acquires: "shared",
  enabled: (at, _a, _b, task) => W[at] >= 0 || isKilled(task),
  apply: (at, subclass, _arg2, task) => {
    if (isKilled(task)) noteTried(at);
    if (W[at] < 0) return -EINTR;
    enter(semAt(at), W[at] + 1, subclass);
    return 0;
  },
  owners: (at) => semAt(at).holders(),
  access: (at, _a, _b, task, out) => (isKilled(task) ? out.write(at) : out.read(at)),
  describe: (at) => `lock ${semAt(at).name} for reading, unless killed`,
});

/** down_write_killable, for a rwsem without a queue: 0, or -EINTR. */
export function downWriteKillable(l: RwSem, subclass = 0): Task<number> {
  mightSleep("lock", l.name);
  return pend(writeOp, l.at, subclass) as never;
}

/** down_read_killable. */
export function downReadKillable(l: RwSem, subclass = 0): Task<number> {
  mightSleep("lock", l.name);
  return pend(readOp, l.at, subclass) as never;
}
