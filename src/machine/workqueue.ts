/**
 * Work items and the queues that run them. A queue has one worker task (an ordered queue) or several; a worker takes the
 * oldest work that nobody runs and calls its function. One work is never run by two workers at once.
 *
 *                queueWork                 worker takes it              function returns
 *      IDLE ─────────────────▶ PENDING ────────────────────▶ RUNNING ─────────────────▶ IDLE
 *                                 ▲                            │ queueWork
 *                                 └── (again, while running) ──┘
 *
 * `flushWork` waits for the end of the run that was queued last; the owner of that wait is the worker, so flushing a
 * work from within itself, or while holding a lock that it needs, is a cycle like any other.
 *
 * Words of a queue: works that are pending. Words of a work: place in the queue (1 = next, 0 = not pending); worker that
 * runs it (slot + 1); tasks that cancel it; tasks that wait for the end of the current run; for the end of the next one.
 */
import { mightSleep } from "./context.ts";
import { defineOp, type Handle, immediately, objectAt, pend, type Task, W } from "./core.ts";
import type { Cpu } from "./cpu.ts";
import { LockMap, lockMapAcquire, lockMapRelease, lockMapTouch } from "./lockMap.ts";
import { nameWords, settingUpMachine, type TaskInfo, takeWords } from "./machine.ts";
import { promisedBy } from "./promise.ts";
import { type Embedded, embedded } from "./struct.ts";
import { addTask, clearTasks, hasTask, tasksIn } from "./taskSet.ts";
import { worker } from "./worker.ts";

const RUNNER = 1;
const CANCELERS = 2;
const NOW = 3;
const NEXT = 5;
const WORK_WORDS = 7;

export interface WorkQueueOptions {
  /** Worker tasks; 1 = an ordered queue. */
  readonly workers?: number;
  /** The CPU that its workers are bound to: a queue of its own for each CPU, as with queue_work_on. */
  readonly cpu?: Cpu;
}

export class WorkQueue implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
  readonly works: Work[] = [];
  readonly workers: TaskInfo[] = [];

  constructor(at: number, name: string) {
    this.at = at;
    this.name = name;
    this.id = settingUpMachine("a work queue").register(this, at);
    nameWords(at, name, { "": "int" });
  }
}

/** alloc_workqueue: starts its workers, daemons named kworker/NAME. */
export function workqueue(name: string, options: WorkQueueOptions = {}): WorkQueue {
  const m = settingUpMachine("a work queue");
  const wq = new WorkQueue(takeWords(1, name), name);
  const n = options.workers ?? 1;
  for (let i = 0; i < n; i++) {
    const title = n === 1 ? `kworker/${name}` : `kworker/${name}:${i}`;
    wq.workers.push(m.spawn(title, worker, [wq], { daemon: true, rests: takeOp.name, cpu: options.cpu }));
  }
  return wq;
}

export class Work implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
  /** What lockdep sees: held by the worker during the run, touched by who flushes. */
  readonly map: LockMap;
  queue: WorkQueue | null = null;
  /** Done by the worker before the function, if anything; see srcu.ts. */
  before: (() => Task) | null = null;
  private call: () => Task<unknown> = () => immediately(undefined) as never;

  constructor(at: number, name: string, className: string) {
    this.at = at;
    this.name = name;
    this.id = settingUpMachine("a work item").register(this, at);
    this.map = new LockMap(`work ${name}`, `work ${className}`);
    nameWords(at, name, {
      "": "int",
      worker: "owner",
      cancelers: "int",
      flushers: "tasks",
      "flushers high": "tasks",
      "next flushers": "tasks",
      "next flushers high": "tasks",
    });
  }

  /** Set-up: says on which queue it goes and what it does. */
  init<A extends unknown[]>(wq: WorkQueue, f: (...args: A) => Task<unknown>, ...args: A): void {
    const m = settingUpMachine("a work item");
    for (const a of args) m.keep(a);
    this.queue = wq;
    this.call = () => f(...args);
    wq.works.push(this);
  }

  /** Calls the function in the running task. */
  run(): Task<unknown> {
    return this.call();
  }
}

/** INIT_WORK: a work item that stands alone and will run `f(...args)` on `wq`. */
export function work<A extends unknown[]>(
  name: string,
  wq: WorkQueue,
  f: (...args: A) => Task<unknown>,
  ...args: A
): Work {
  const w = new Work(takeWords(WORK_WORDS, name), name, name);
  w.init(wq, f, ...args);
  return w;
}

/** A work item in a struct; give it its queue and function with `init` in the set-up. */
export function workField(): Embedded<Work> {
  return embedded(WORK_WORDS, (at, name, className) => new Work(at, name, className));
}

const workAt = (at: number): Work => objectAt(at) as Work;
const queueAt = (at: number): WorkQueue => objectAt(at) as WorkQueue;
const queueOf = (at: number): WorkQueue => workAt(at).queue as WorkQueue;

function unqueue(w: Work): void {
  const wq = w.queue as WorkQueue;
  const place = W[w.at];
  for (const other of wq.works) if (W[other.at] > place) W[other.at]--;
  W[w.at] = 0;
  W[wq.at]--;
}

/** The oldest pending work that no worker runs. */
function nextOf(wq: WorkQueue): Work | null {
  let next: Work | null = null;
  for (const w of wq.works) {
    if (W[w.at] !== 0 && W[w.at + RUNNER] === 0 && (next === null || W[w.at] < W[next.at])) next = w;
  }
  return next;
}

const queueOp = defineOp({
  name: "queueWork",
  enabled: () => true,
  apply: (at) => {
    if (W[at] !== 0 || W[at + CANCELERS] !== 0) return false;
    W[at] = ++W[queueOf(at).at];
    return true;
  },
  access: (at, _a, _b, _t, out) => {
    if (W[at] !== 0) return out.read(at);
    out.write(at);
    out.write(queueOf(at).at);
  },
  describe: (at) => `queue ${workAt(at).name}`,
});

const takeOp = defineOp({
  name: "takeWork",
  waits: "any",
  sleeps: true,
  enabled: (at) => W[at] !== 0 && nextOf(queueAt(at)) !== null,
  apply: (at, _a, _b, task) => {
    const w = nextOf(queueAt(at)) as Work;
    unqueue(w);
    W[w.at + RUNNER] = task + 1;
    for (let i = 0; i < 2; i++) W[w.at + NOW + i] |= W[w.at + NEXT + i];
    clearTasks(w.at + NEXT);
    lockMapAcquire(w.map);
    return w;
  },
  access: (at, _a, _b, _t, out) => {
    out.write(at);
    const w = nextOf(queueAt(at));
    if (w !== null) out.write(w.at);
  },
  describe: (at) => `wait for work on ${queueAt(at).name}`,
});

/** Only lets others go on: those who flush, those who cancel, and workers that find it queued again. */
const finishOp = defineOp({
  name: "finishWork",
  releases: true,
  enabled: () => true,
  apply: (at) => finish(at),
  access: (at, _a, _b, _t, out) => {
    out.write(at);
    if (queueOf(at).workers.length > 1) out.write(queueOf(at).at);
  },
  describe: (at) => `${workAt(at).name} is done`,
});

function finish(at: number): void {
  lockMapRelease(workAt(at).map);
  W[at + RUNNER] = 0;
  clearTasks(at + NOW);
}

/** Whoever runs it, or else whoever may run it. */
function workersOf(at: number): number[] {
  return W[at + RUNNER] !== 0 ? promisedBy(at + RUNNER) : queueOf(at).workers.map((t) => t.slot);
}

/** Marks `task` as waiting for the end of the last run of `w` that has been asked for; false when there is none. */
function joinFlushers(at: number, task: number): boolean {
  if (W[at] !== 0) addTask(at + NEXT, task);
  else if (W[at + RUNNER] !== 0) addTask(at + NOW, task);
  else return false;
  return true;
}

const flushes = (at: number, task: number): boolean => hasTask(at + NOW, task) || hasTask(at + NEXT, task);

const flushOp = defineOp({
  name: "flushWork",
  enabled: () => true,
  apply: (at, _a, _b, task) => {
    if (!joinFlushers(at, task)) return undefined;
    return pend(queueOf(at).workers.length === 1 ? flushWaitOp : flushAnyOp, at);
  },
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `flush ${workAt(at).name}`,
});

const flushKind = {
  sleeps: true,
  enabled: (at: number, _a: number, _b: number, task: number) => !flushes(at, task),
  apply: () => undefined,
  owners: workersOf,
  access: (at, _a, _b, _t, out) => out.read(at),
  describe: (at: number) => `flush ${workAt(at).name}`,
} as const satisfies Partial<Parameters<typeof defineOp>[0]>;

const flushWaitOp = defineOp({ name: "flushWait", waits: "all", ...flushKind });
/** With several workers any idle one may do it. */
const flushAnyOp = defineOp({ name: "flushWaitAny", waits: "any", ...flushKind });

const cancelOp = defineOp({
  name: "cancelWork",
  enabled: () => true,
  apply: (at, sync) => {
    const pending = W[at] !== 0;
    if (pending) {
      unqueue(workAt(at));
      clearTasks(at + NEXT);
    }
    if (sync === 0 || W[at + RUNNER] === 0) return pending;
    W[at + CANCELERS]++;
    return pend(cancelWaitOp, at, pending ? 1 : 0);
  },
  access: (at, _a, _b, _t, out) => {
    out.write(at);
    if (W[at] !== 0) out.write(queueOf(at).at);
  },
  describe: (at) => `cancel ${workAt(at).name}`,
});

const cancelWaitOp = defineOp({
  name: "cancelWait",
  waits: "all",
  sleeps: true,
  enabled: (at) => W[at + RUNNER] === 0,
  apply: (at, pending) => {
    W[at + CANCELERS]--;
    return pending === 1;
  },
  owners: (at) => promisedBy(at + RUNNER),
  access: (at, _a, _b, _t, out) => out.write(at),
  describe: (at) => `cancel ${workAt(at).name}, which is running`,
});

const flushQueueOp = defineOp({
  name: "flushWorkqueue",
  enabled: () => true,
  apply: (at, _a, _b, task) => {
    for (const w of queueAt(at).works) joinFlushers(w.at, task);
    return pend(queueAt(at).workers.length === 1 ? flushQueueWaitOp : flushQueueAnyOp, at);
  },
  access: (at, _a, _b, _t, out) => {
    out.read(at);
    for (const w of queueAt(at).works) out.write(w.at);
  },
  describe: (at) => `flush all of ${queueAt(at).name}`,
});

const flushQueueKind = {
  sleeps: true,
  enabled: (at: number, _a: number, _b: number, task: number) => queueAt(at).works.every((w) => !flushes(w.at, task)),
  apply: () => undefined,
  owners: (at: number, _arg: number, task: number) => [
    ...new Set(queueAt(at).works.flatMap((w) => (flushes(w.at, task) ? workersOf(w.at) : []))),
  ],
  access: (at, _a, _b, _t, out) => {
    for (const w of queueAt(at).works) out.read(w.at);
  },
  describe: (at: number) => `flush all of ${queueAt(at).name}`,
} as const satisfies Partial<Parameters<typeof defineOp>[0]>;

const flushQueueWaitOp = defineOp({ name: "flushQueueWait", waits: "all", ...flushQueueKind });
const flushQueueAnyOp = defineOp({ name: "flushQueueWaitAny", waits: "any", ...flushQueueKind });

/** queue_work: never waits; false when it is pending already or being cancelled. */
export function queueWork(w: Work): Task<boolean> {
  return pend(queueOp, w.at) as never;
}

/** flush_work: sleeps until the run that was asked for last has ended; returns at once when there is none. */
export function flushWork(w: Work): Task {
  mightSleep("flush", w.name);
  lockMapTouch(w.map);
  return pend(flushOp, w.at) as never;
}

/** cancel_work_sync: takes it off the queue (true if it was pending) and sleeps until a run that has begun ends. */
export function cancelWorkSync(w: Work): Task<boolean> {
  mightSleep("cancel", w.name);
  lockMapTouch(w.map);
  return pend(cancelOp, w.at, 1) as never;
}

/** cancel_work: takes it off the queue; true if it was pending. */
export function cancelWork(w: Work): Task<boolean> {
  return pend(cancelOp, w.at, 0) as never;
}

/** flush_workqueue: sleeps until everything that is pending or running now has ended. */
export function flushWorkqueue(wq: WorkQueue): Task {
  mightSleep("flush", wq.name);
  for (const w of wq.works) lockMapTouch(w.map);
  return pend(flushQueueOp, wq.at) as never;
}

/** For workers: waits until there is work, and takes it. */
export function takeWork(wq: WorkQueue): Task<Work> {
  return pend(takeOp, wq.at) as never;
}

/** For workers: the run of `w` has ended. No scheduling point in coarse runs: it only lets others go on. */
export function finishWork(w: Work, visible: boolean): Task {
  if (visible) return pend(finishOp, w.at) as never;
  finish(w.at);
  return immediately(undefined) as never;
}

/** Tasks that wait in `flushWork(w)`; for tests and reports. */
export function flushersOf(w: Work): number[] {
  return [...new Set([...tasksIn(w.at + NOW), ...tasksIn(w.at + NEXT)])];
}
