/**
 * Time, as far as the kernel waits for it. A machine either has a clock, which moves on while nobody can run, or it has
 * none, as in a search: then whoever sleeps goes on at any time, before or after anything else.
 */
import { type Cell, readOnce } from "../machine/cell.ts";
import { mightSleep } from "../machine/context.ts";
import { current, type Task } from "../machine/core.ts";
import { choose, until } from "../machine/wait.ts";
import type { Kernel } from "./kernel.ts";
import type { Process } from "./mmTypes.ts";

export interface Timers {
  /** Milliseconds. */
  readonly clock: Cell;
  /** At the slot of a task: when it wakes up; 0 = it does not sleep. */
  readonly tasks: { readonly alarm: Int32Array };
}

const timersOf = new WeakMap<Kernel, Timers>();

/** Set-up: `k` gets a clock. */
export function attachTimers(k: Kernel, timers: Timers): void {
  timersOf.set(k, timers);
}

/** The time in milliseconds; 0 without a clock. */
export function* now(k: Kernel): Task<number> {
  return timersOf.has(k) ? yield* readOnce(clockOf(k)) : 0;
}

/** schedule_timeout_idle: sleeps for `ms` milliseconds; signals do not wake it. */
export function* scheduleTimeoutIdle(k: Kernel, ms: number): Task {
  yield* sleepUntil(k, (yield* now(k)) + ms);
}

/** schedule_timeout_killable: the same, but a fatal signal ends it. */
export function* scheduleTimeoutKillable(k: Kernel, p: Process, ms: number): Task {
  mightSleep("sleep until a timer fires, killable");
  if (!timersOf.has(k)) {
    yield* choose(1);
    return;
  }
  const wake = (yield* now(k)) + ms;
  setAlarm(k, wake);
  yield* until(() => clockOf(k).value >= wake || p.killed);
  setAlarm(k, 0);
}

/** Sleeps until the clock says `wake`. */
export function* sleepUntil(k: Kernel, wake: number): Task {
  mightSleep("sleep until a timer fires");
  if (!timersOf.has(k)) {
    yield* choose(1);
    return;
  }
  setAlarm(k, wake);
  yield* until(() => clockOf(k).value >= wake, clockOf(k));
  setAlarm(k, 0);
}

/** schedule_timeout on a wait queue: sleeps for `ms` milliseconds, or until `woken` is not 0. Without a clock for any time. */
export function* scheduleTimeoutOn(k: Kernel, woken: Cell, ms: number): Task {
  mightSleep("sleep until a timer fires or somebody wakes it");
  if (!timersOf.has(k)) {
    yield* choose(1);
    return;
  }
  const wake = (yield* now(k)) + ms;
  setAlarm(k, wake);
  yield* until(() => clockOf(k).value >= wake || woken.value !== 0);
  setAlarm(k, 0);
}

const clockOf = (k: Kernel): Cell => (timersOf.get(k) as Timers).clock;

function setAlarm(k: Kernel, ms: number): void {
  (timersOf.get(k) as Timers).tasks.alarm[current] = ms;
}

/** From outside of a run in which nobody can go on: moves the clock to the next alarm. False when nobody sleeps. */
export function passTime(timers: Timers): boolean {
  const next = Math.min(...timers.tasks.alarm.filter((ms) => ms > 0));
  if (next === Number.POSITIVE_INFINITY) return false;
  timers.clock.value = next;
  return true;
}
