/** Waiting for conditions, for other tasks, and for what the environment decides. */
import { mightSleep } from "./context.ts";
import {
  answer,
  baseOf,
  current,
  defineOp,
  objectAt,
  pend,
  probeTask,
  requestSettling,
  sequential,
  T_OP,
  T_STATE,
  type Task,
  W,
} from "./core.ts";
import { activeMachine, DONE, FAILED, LIVE, nameOfWord, type TaskFunction, type TaskInfo } from "./machine.ts";

/** `until(condition)`: enabled when probing the frame says so. ARG = word of the object that somebody must act on. */
export const awaitOp = defineOp({
  name: "wait",
  waits: "any",
  probes: true,
  sleeps: true,
  enabled: (_at, _arg, _arg2, task) => probeTask(task),
  apply: () => undefined,
  access: (_at, _arg, _arg2, task, out) => {
    probeTask(task, out);
  },
  describe: (_at, owner) => (owner === 0 ? "wait for a condition" : `wait for ${nameOfWord(owner)}`),
});

/**
 * Blocks until `condition()` is true. The condition may read cells, guarded fields whose guard is held, and locals; it
 * must not write. `owner`, if given, is the object named in reports. Compiled specially: see compiler.
 */
export function until(_condition: () => boolean, _owner?: { readonly at: number }): Task {
  throw new Error("until() outside of compiled task code");
}

const joinOp = defineOp({
  name: "join",
  waits: "all",
  sleeps: true,
  eager: true,
  enabled: (at) => W[at + T_STATE] === DONE || W[at + T_STATE] === FAILED,
  apply: () => undefined,
  owners: (at) => [taskAt(at).slot],
  access: () => undefined,
  describe: (at) => `join ${nameOfWord(at)}`,
});

function taskAt(base: number): TaskInfo {
  return objectAt(base) as TaskInfo;
}

/** Starts a child task, which runs to its first scheduling point within the same step. */
export function spawn<A extends unknown[]>(f: TaskFunction<A>, ...args: A): TaskInfo {
  return activeMachine().startChild(current, f, args);
}

/** Waits until `task` has ended. Invisible to the schedule: it happens as soon as it can. */
export function join(task: TaskInfo): Task {
  mightSleep("join", task.name);
  requestSettling();
  return pend(joinOp, task.base) as never;
}

const chooseOp = defineOp({
  name: "choose",
  enabled: () => true,
  apply: () => undefined,
  choices: (_at, n) => n,
  access: () => undefined,
  describe: (_at, n) => `the environment chooses one of ${n}`,
});

/** The environment decides: every value 0 … n-1 is explored. */
export function choose(n: number): Task<number> {
  return pend(chooseOp, 0, n) as never;
}

/** Is there a task besides the running one that is about to start, or that may go on? */
function othersMayRun(): boolean {
  const m = activeMachine();
  for (let t = 0; t < m.tasks.length; t++) {
    if (t === current) continue;
    const b = baseOf(t);
    if (W[b + T_OP] === 0 ? W[b + T_STATE] === LIVE : m.enabled(t)) return true;
  }
  return false;
}

/** TIF_NEED_RESCHED of the running task, where somebody shares out the CPU by time; null = nobody does. */
let needResched: (() => boolean) | null = null;

/** From outside: who decides whether a task of a sequential run has to give way. Null = whenever somebody else could go on. */
export function observeResched(asked: (() => boolean) | null): void {
  needResched = asked;
}

/** Lets others run, where tasks run until they wait: a scheduling point only if somebody else could, or should, go on. */
export function giveWay(): Task {
  return (sequential && (needResched ?? othersMayRun)() ? choose(1) : answer(undefined)) as never;
}

const neverOp = defineOp({
  name: "never",
  waits: "any",
  enabled: () => false,
  apply: () => undefined,
  access: () => undefined,
  sleeps: true,
  describe: () => "wait for ever",
});

/** Blocks for ever. */
export function never(): Task<never> {
  return pend(neverOp, 0) as never;
}

/** Marks the running step as progress: a run that comes by here again and again is no livelock. */
export function progress(): void {
  activeMachine().madeProgress = true;
}
