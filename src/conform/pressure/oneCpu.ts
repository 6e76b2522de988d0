/**
 * One CPU that the tasks of a machine share as Linux shares it (cfs.ts), with the clock of the machine of the records.
 *
 *   step of the task that has the CPU ─ ends where it may be rescheduled and has to be, or where it waits ─▶ schedule()
 *   nobody can run ─▶ the clock goes on to the next alarm
 *
 * Time is what the work done so far costs there: cost.ts.
 */
import type { Finding } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import { observeResched } from "../../machine/wait.ts";
import type { Kernel } from "../../mm/kernel.ts";
import { passTime, type Timers } from "../../mm/timer.ts";
import { createCfs, TICK_NS } from "./cfs.ts";
import { timeOf, type Work } from "./cost.ts";

const NS_PER_MS = 1_000_000;

export interface OneCpu {
  readonly kernel: Kernel;
  readonly timers: Timers;
  readonly work: Work;
}

/** Runs until no task can go on. Null when all is well; raises the finding of a step. */
export function runOnOneCpu(m: Machine, cpu: OneCpu): Finding | null {
  m.activate();
  if (m.initialFinding) throw m.initialFinding;
  const n = m.tasks.length;
  const cfs = createCfs(n);
  const { clock } = cpu.timers;
  /** Until when a task sleeps that has not said for how long. */
  const naps = new Array<number>(n).fill(0);
  // What the kernel counts does not go on while nobody runs: that is added.
  let idle = 0;
  const now = (): number => timeOf(cpu.kernel, cpu.work) + idle;
  /** Time has passed, and whoever waited for something that has come true is awake. */
  const look = (): void => {
    const time = now();
    cfs.advance(time, (at) => {
      clock.value = Math.floor(at / NS_PER_MS);
    });
    for (let t = 0; t < n; t++) {
      if (!cfs.isRunnable(t) && time >= (naps[t] as number) && m.enabled(t)) cfs.wake(t);
    }
  };
  observeResched(() => {
    look();
    return cfs.needResched();
  });
  try {
    for (;;) {
      const t = cfs.current();
      look();
      // A choice that is none is schedule_timeout, unless it was time to go.
      if (t >= 0 && m.pendingOp(t).name === "choose" && !cfs.needResched()) naps[t] = nextTick(now());
      if (t >= 0 && (!m.enabled(t) || now() < (naps[t] as number))) cfs.block();
      const running = cfs.current() < 0 || cfs.needResched() ? cfs.pick() : cfs.current();
      if (running >= 0) m.step(running);
      else if (naps.some((until) => until > now())) idle += nextTick(now()) - now();
      else if (passTime(cpu.timers)) idle += nextTick(clock.value * NS_PER_MS - 1) - now();
      else return m.judgeEnd();
    }
  } finally {
    observeResched(null);
  }
}

/** Timers are looked at when a tick comes. */
const nextTick = (after: number): number => (Math.floor(after / TICK_NS) + 1) * TICK_NS;
