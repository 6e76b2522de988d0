/**
 * Wait queues: the set of tasks that sleep until somebody wakes them. The pattern of the kernel, in which each step may
 * be interrupted by others:
 *
 *   for (;;) {
 *     yield* prepareToWait(wq);                     // on the queue, state "sleeping"
 *     if ((yield* readOnce(cell)) !== 0) break;     // then, and only then, look
 *     yield* schedule();                            // sleeps unless a wake-up came in between
 *   }
 *   yield* finishWait(wq);
 *
 * Looking before `prepareToWait` loses the wake-up that comes in between: the task then sleeps for ever, which shows as
 * a deadlock that names the queue. `waitEvent(wq, cell, value)` is this loop, done right. Where the wake-ups are not in
 * question, `yield* until(() => cell.value !== 0, wq)` is one operation instead of three.
 */

import type { Cell } from "./cell.ts";
import { readOnce } from "./cell.ts";
import { mightSleep } from "./context.ts";
import { current, defineOp, type Handle, immediately, objectAt, pend, type Task } from "./core.ts";
import { activeMachine, type Machine, nameWords, settingUpMachine, takeWords } from "./machine.ts";
import { type Embedded, embedded } from "./struct.ts";
import { addTask, clearTasks, hasTask, noTasks, removeTask, TASK_SET_WORDS, tasksIn } from "./taskSet.ts";

export class WaitQueue implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;

  constructor(at: number, name: string) {
    this.at = at;
    this.name = name;
    const m = settingUpMachine("a wait queue");
    this.id = m.register(this, at);
    nameWords(at, name, { "": "tasks", high: "tasks" });
    if (!sleepersOf.has(m)) sleepersOf.set(m, m.layout.take(TASK_SET_WORDS, "sleeping tasks", "tasks"));
  }
}

/**
 * Where the states of tasks are: a task in this set is TASK_UNINTERRUPTIBLE. Not in the header of the task, because a
 * step changes no words of other tasks. Operations announce the words of the set that they really change, although tasks
 * share them: whoever takes a step back restores what was announced.
 */
const sleepersOf = new WeakMap<Machine, number>();

/** 0, which holds no task, in machines without wait queues. */
const sleepers = (): number => sleepersOf.get(activeMachine()) ?? 0;
const stateOf = (t: number): number => sleepers() + (t >> 5);

/** A wait queue that stands alone; as a field of a struct use `waitQueueField()`. */
export function waitQueue(name: string): WaitQueue {
  return new WaitQueue(takeWords(TASK_SET_WORDS, name), name);
}

export function waitQueueField(): Embedded<WaitQueue> {
  return embedded(TASK_SET_WORDS, (at, name) => new WaitQueue(at, name));
}

const queueAt = (at: number): WaitQueue => objectAt(at) as WaitQueue;

/** Queues that task slot `t` is on. */
export function queuesOf(t: number): WaitQueue[] {
  return activeMachine().handles.filter((h): h is WaitQueue => h instanceof WaitQueue && hasTask(h.at, t));
}

const prepareOp = defineOp({
  name: "prepareToWait",
  enabled: () => true,
  apply: (at, _a, _b, task) => {
    addTask(at, task);
    addTask(sleepers(), task);
  },
  access: (at, _a, _b, task, out) => {
    out.write(at + (task >> 5));
    out.write(stateOf(task));
  },
  describe: (at) => `prepare to wait on ${queueAt(at).name}`,
});

/** OBJ = the set of sleeping tasks, ARG = the task's own slot, for reports; who will wake it is not known. */
const scheduleOp = defineOp({
  name: "schedule",
  waits: "any",
  sleeps: true,
  enabled: (at, _a, _b, task) => !hasTask(at, task),
  apply: () => undefined,
  access: (_at, _a, _b, task, out) => out.read(stateOf(task)),
  describe: (_at, slot) => {
    const names = queuesOf(slot).map((q) => q.name);
    return names.length === 0 ? "schedule" : `sleep on ${names.join(" and ")} until woken`;
  },
});

/** Waking nobody only reads the queue. */
const wakeOp = defineOp({
  name: "wakeUp",
  enabled: () => true,
  apply: (at) => {
    for (const t of tasksIn(at)) removeTask(sleepers(), t);
    clearTasks(at);
  },
  access: (at, _a, _b, _task, out) => {
    if (noTasks(at)) {
      out.read(at);
      out.read(at + 1);
      return;
    }
    out.write(at);
    out.write(at + 1);
    for (const t of tasksIn(at)) out.write(stateOf(t));
  },
  describe: (at) => `wake up ${queueAt(at).name}`,
});

/** prepare_to_wait: puts the running task on the queue and marks it as sleeping; it still runs until `schedule`. */
export function prepareToWait(wq: WaitQueue): Task {
  return pend(prepareOp, wq.at) as never;
}

/** schedule: sleeps until a wake-up; returns at once when it came already, or when the task is not on a queue. */
export function schedule(): Task {
  mightSleep("schedule");
  return pend(scheduleOp, sleepers(), current) as never;
}

/** finish_wait: off the queue and running. A wake-up before or after makes no difference: no scheduling point. */
export function finishWait(wq: WaitQueue): Task {
  removeTask(wq.at, current);
  removeTask(sleepers(), current);
  return immediately(undefined) as never;
}

/** wake_up, wake_up_all: every task on the queue may go on, and is taken off it. */
export function wakeUp(wq: WaitQueue): Task {
  return pend(wakeOp, wq.at) as never;
}

/** wait_event(wq, cell == value), as the kernel spells it out: whoever changes the cell must wake the queue afterwards. */
export function* waitEvent(wq: WaitQueue, c: Cell, value: number): Task {
  for (;;) {
    yield* prepareToWait(wq);
    if ((yield* readOnce(c)) === value) break;
    yield* schedule();
  }
  yield* finishWait(wq);
}
