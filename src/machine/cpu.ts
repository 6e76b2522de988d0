/**
 * CPUs with run queues. A task that is bound to a CPU runs only while no other task of that CPU has it:
 *
 *   not preemptive   the running task keeps the CPU until it sleeps, ends, or calls condResched() or yieldCpu()
 *   preemptive       any task of the CPU may take over, except from one that is atomic (holds or awaits a spinlock)
 *
 * One word a CPU: slot + 1 of the task that has it, 0 = idle. A task that spins (on a spinlock, on a seqcount) keeps a
 * CPU that is not preemptive, so "the holder of what I spin for never gets the CPU" is a cycle in the wait-for graph.
 * Tasks that are bound to no CPU each have one of their own.
 */
import { inAtomicWord, mightSleep } from "./context.ts";
import {
  baseOf,
  type Handle,
  ops,
  pend,
  T_ARG,
  T_ARG2,
  T_CONTEXT,
  T_OBJ,
  T_OP,
  T_STATE,
  type Task,
  W,
} from "./core.ts";
import { nameWords, settingUpMachine, takeWords } from "./machine.ts";
import { defineOp } from "./op.ts";
import { LIVE } from "./options.ts";

export interface CpuOptions {
  /** CONFIG_PREEMPT; false = the kernel gives up the CPU only where it says so. */
  readonly preemptive?: boolean;
}

export class Cpu implements Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
  readonly preemptive: boolean;

  constructor(at: number, name: string, options: CpuOptions) {
    this.at = at;
    this.name = name;
    this.preemptive = options.preemptive ?? false;
    this.id = settingUpMachine("a CPU").register(this, at);
    nameWords(at, name, { "": "owner" });
  }
}

/** Set-up: a CPU; bind tasks to it with the option `cpu` of `spawn`. */
export function cpu(name: string, options: CpuOptions = {}): Cpu {
  return new Cpu(takeWords(1, name), name, options);
}

/** Slot of the task because of which `t`, bound to `c`, may not run now; -1 when it may. */
function keptOutBy(c: Cpu, t: number): number {
  const running = W[c.at] - 1;
  if (running < 0 || running === t) return -1;
  const b = baseOf(running);
  if (W[b + T_STATE] !== LIVE) return -1;
  const kind = ops[W[b + T_OP]];
  if (kind === reschedOp) return -1;
  if (!kind.enabled(W[b + T_OBJ], W[b + T_ARG], W[b + T_ARG2], running)) {
    // It waits: asleep it leaves the CPU to others, spinning it does not. Awaiting a spinlock is atomic.
    if (kind.sleeps || (c.preemptive && kind.acquires === undefined)) return -1;
    return running;
  }
  return c.preemptive && !inAtomicWord(W[b + T_CONTEXT]) ? -1 : running;
}

/**
 * May `t`, which waits without sleeping and does not have the CPU, take it only to spin there? A step of its own, since it
 * keeps the CPU from others.
 */
function maySpinOn(c: Cpu, t: number): boolean {
  if (W[c.at] === t + 1) return false;
  const kind = ops[W[baseOf(t) + T_OP]];
  return !kind.sleeps && (!c.preemptive || kind.acquires !== undefined) && keptOutBy(c, t) < 0;
}

/** Which task is bound to which CPU. */
export class RunQueues {
  private readonly cpus: (Cpu | undefined)[] = [];

  bind(t: number, c: Cpu): void {
    this.cpus[t] = c;
  }

  has(t: number): boolean {
    return this.cpus[t] !== undefined;
  }

  /** May `t` make a step? `able`: its operation could be done now, if it had a CPU. */
  mayRun(t: number, able: boolean): boolean {
    const c = this.cpus[t];
    if (c === undefined) return able;
    return able ? keptOutBy(c, t) < 0 : maySpinOn(c, t);
  }

  /** Slot of the task that keeps `t` from its CPU, -1 = none. */
  keptOut(t: number): number {
    const c = this.cpus[t];
    return c === undefined ? -1 : keptOutBy(c, t);
  }

  /** `t` has made a step, and has its CPU from now on unless it has ended. */
  occupy(t: number): void {
    const c = this.cpus[t];
    if (c !== undefined) W[c.at] = W[baseOf(t) + T_STATE] === LIVE ? t + 1 : 0;
  }
}

/** `enabled` has a parameter although it is constant: going on here is not the same as having waited here. */
const reschedOp = defineOp({
  name: "condResched",
  enabled: (_at) => true,
  apply: () => undefined,
  access: () => undefined,
  describe: () => "let others run",
});

/** cond_resched: another task of this CPU may run here. Raises `atomic-sleep` in atomic context. */
export function condResched(): Task {
  mightSleep("cond_resched");
  return pend(reschedOp, 0) as never;
}

/** sched_yield: the same to a checker, which tries everything; says that the caller waits for somebody. */
export function yieldCpu(): Task {
  mightSleep("sched_yield");
  return pend(reschedOp, 0) as never;
}
