/**
 * User space: which task runs as which process, what processes tell each other, and the time that passes while all wait.
 *
 *   task ──processOf──▶ process ──▶ mm          a thread is a task with a process of its own that shares the mm
 *
 * The calls of calls.ts, process.ts and probe.ts find "the calling process" here, so that a workload reads like its C
 * original: `yield* munmap(A, 4)`, and not a word about the kernel.
 */
import { type Cell, cell } from "../../machine/cell.ts";
import { column, columns } from "../../machine/columns.ts";
import { current, handleOf, type Task } from "../../machine/core.ts";
import { EINTR } from "../../machine/errno.ts";
import { fatalSignalPending } from "../../machine/killable.ts";
import { activeMachine, type Machine } from "../../machine/machine.ts";
import type { Kernel } from "../kernel.ts";
import { FLUSH_PERIOD_MS, flushMemcgStats } from "../memcgStat.ts";
import type { Process } from "../mmTypes.ts";
import { attachTimers, passTime as passTimeOf } from "../timer.ts";
import { createProbe, type Probe } from "./probeFile.ts";
import type { DriverCalls, SystemCalls } from "./types.ts";
import { createUserTlb, switchMm, type UserTlb } from "./userTlb.ts";

/** What the kernel offers; tests may give another one. */
export type Calls = SystemCalls & DriverCalls;

const MAX_TASKS = 64;

/** `how` of a task that is no more. */
export const RUNNING = 0;
export const EXITED = 1;

export interface UserSpace {
  readonly k: Kernel;
  readonly calls: Calls;
  /** What they are for a task that has been killed. */
  readonly dead: Calls;
  /** What the CPU has cached of page tables; null in searches, in which accesses walk them. */
  readonly tlb: UserTlb | null;
  /** Do processes have memory of their own, besides what they map? See program.ts. */
  readonly withProgram: boolean;
  readonly tasks: ReturnType<typeof createTasks>;
  /** Two pipes: how many bytes each holds. */
  readonly pipes: readonly Cell[];
  /** Milliseconds. Moves on only while nobody can run: see `passTime`. */
  readonly clock: Cell;
  readonly probe: Probe;
  /** Task of the first process; set-up. */
  readonly first: { slot: number };
}

const own = "its own task; the parent reads it after joining";

const createTasks = () =>
  columns("userTask", MAX_TASKS, {
    /** Handle + 1. */
    process: column({ ordered: own }),
    /** RUNNING or EXITED. */
    how: column({ ordered: own }),
    status: column({ ordered: own }),
    /** Who pays for its kernel stack; bytes of its structs. */
    stackPayer: column({ ordered: own }),
    bytes: column({ ordered: own }),
    /** Slot + 1 of the task that leads its thread group. */
    leader: column({ ordered: own }),
    parent: column({ ordered: own }),
    /** Threads of a leader that have not ended. */
    threads: column({ ordered: own }),
    /** The clock at which it wakes up; 0 = it does not sleep. */
    alarm: column({ ordered: own }),
    /** The probe file that calls go to, number + 1. */
    probe: column({ ordered: own }),
    /** All that are open: a bit for each. */
    openProbes: column({ ordered: own }),
  });

const spaces = new WeakMap<Machine, UserSpace>();

/** Set-up: user space on top of the kernel `k`. */
export function createUserSpace(m: Machine, k: Kernel, calls: Calls, withProgram = false): UserSpace {
  const space: UserSpace = {
    k,
    calls,
    dead: deadCalls(calls),
    withProgram,
    tlb: withProgram ? createUserTlb(k) : null,
    tasks: createTasks(),
    pipes: [cell("pp"), cell("pc")],
    clock: cell("clock"),
    probe: createProbe(m, k),
    first: { slot: 0 },
  };
  spaces.set(m, space);
  attachTimers(k, space);
  return m.keep(space);
}

/** Of the active machine. */
export function userSpace(): UserSpace {
  return spaces.get(activeMachine()) as UserSpace;
}

/** What the running task may call: once it has been killed, nothing that it does has any effect. */
export function kernelCalls(): Calls {
  return fatalSignalPending() ? userSpace().dead : userSpace().calls;
}

function deadCalls(calls: Calls): Calls {
  const names = Object.keys(calls) as (keyof Calls)[];
  const dead = Object.fromEntries(names.map((name) => [name, interrupted]));
  return { ...calls, ...dead, movePageStatus: () => -EINTR };
}

function* interrupted(): Task<number> {
  return -EINTR;
}

/** The process that the running task is. */
export function self(): Process {
  return handleOf(userSpace().tasks.process[current] - 1) as Process;
}

/** From outside of a run: task `t` is the next to run on the CPU. */
export function switchTo(space: UserSpace, t: number): void {
  const process = space.tasks.process[t];
  if (space.tlb !== null && process > 0) switchMm(space.tlb, (handleOf(process - 1) as Process).mm);
}

const periods = (space: UserSpace): number => Math.floor(space.clock.value / FLUSH_PERIOD_MS);

/** From outside of a run in which nobody can go on: wakes who sleeps shortest. False when nobody sleeps. */
export function passTime(space: UserSpace): boolean {
  const before = periods(space);
  if (!passTimeOf(space)) return false;
  // Nobody has run since the worker's timer fired: what it would have added up then is what there is now.
  if (periods(space) > before) flushMemcgStats(space.k);
  return true;
}
