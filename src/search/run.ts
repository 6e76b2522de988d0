/**
 * One run, step by step, in words and places: what text, mail and HTML reports are made from. Plain data only, so that
 * it can cross from a worker to a page; task code and machine are not needed to read it.
 *
 * Tasks are named by their slot everywhere: the index in `Run.tasks`.
 */
import type { NamedChange } from "../machine/diff.ts";
import type { Broken } from "../machine/finding.ts";
import type { Decision } from "./program.ts";

/** A place in the author's source. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The suspension there: one line, trimmed. */
  readonly text: string;
}

/** A task function on a stack, and where it stands. */
export interface Frame {
  readonly name: string;
  readonly place: Place;
}

export interface RunTask {
  readonly slot: number;
  readonly name: string;
  /** Never ends by itself. */
  readonly daemon: boolean;
  /** Slot of the task that spawns it, -1 for tasks of the set-up. */
  readonly parent: number;
  /** At the end of the run. "unused" = a slot for a child that was not spawned. */
  readonly state: "unused" | "ready" | "waiting" | "ended" | "stopped";
}

/** A lock that a task holds. `step` and `place` say since when; null when it has held it from the start. */
export interface Hold {
  readonly lock: string;
  readonly lockClass: string;
  /** "mutex", "spinlock", "rwsem" … */
  readonly kind: string;
  readonly shared: boolean;
  readonly step: number | null;
  readonly place: Place | null;
}

export interface LockChange {
  readonly task: number;
  readonly lock: string;
  readonly shared: boolean;
}

/** A word that a step changed. Raw 32-bit contents; `name` as in the machine's layout. */
export interface WordChange {
  readonly at: number;
  readonly name: string;
  readonly before: number;
  readonly after: number;
}

export interface RunStep {
  /** From 1. */
  readonly step: number;
  readonly task: number;
  /** What was done, in words: "lock obj0.mm.lock". */
  readonly text: string;
  /** Name of the kind of operation: "lock", "read", "choose" … */
  readonly operation: string;
  /** Which of how many outcomes the environment chose; null where there was no choice. */
  readonly choice: { readonly taken: number; readonly of: number } | null;
  /** Where the task waited for this step: the innermost function first. */
  readonly stack: readonly Frame[];
  /** Another task made the step before … */
  readonly switched: boolean;
  /** … and it could have gone on. */
  readonly preempted: boolean;
  /** Tasks that could have made this step, in order of slots. */
  readonly enabled: readonly number[];
  /** Locks that the step acquired and released, those of critical sections that begin and end within it included. */
  readonly acquired: readonly LockChange[];
  readonly released: readonly LockChange[];
  readonly events: readonly string[];
  /** Words that differ after the step, in order. */
  readonly changes: readonly WordChange[];
  /** The same in words, variables and places of tasks included. */
  readonly changed: readonly NamedChange[];
}

/** A task that waits where the run ends. */
export interface Waiter {
  readonly task: number;
  /** What it is about to do, in words: "lock obj0.mm.lock". */
  readonly wants: string;
  /** Name of the object that it waits for; null when it waits for no particular object. */
  readonly object: string | null;
  readonly stack: readonly Frame[];
  /** Slots of the tasks that would have to act. */
  readonly owners: readonly number[];
  /** "all": each owner must act, as for a lock. "any": a condition that others may fulfil too. */
  readonly waits: "all" | "any";
  readonly holds: readonly Hold[];
}

export interface RunFinding {
  readonly verdict: Broken;
  readonly message: string;
  /** Slot of the task that broke the rule, null where it is about the whole state. */
  readonly task: number | null;
  /** Slots of the tasks that wait for each other, in waiting order; empty unless it is a cycle of waits. */
  readonly cycle: readonly number[];
  /** Where the task that broke the rule stands: after the suspension named by the innermost place. */
  readonly stack: readonly Frame[];
}

export interface Run {
  readonly tasks: readonly RunTask[];
  readonly decisions: readonly Decision[];
  /** The word that replays it: see schedule.ts. */
  readonly schedule: string;
  readonly steps: readonly RunStep[];
  /** The broken rule; null for a run that ends well or is cut short. */
  readonly finding: RunFinding | null;
  /** Every task that waits at the end, those outside of the cycle and daemons included. */
  readonly waiters: readonly Waiter[];
  /** Locks held at the end, by slot. */
  readonly holds: readonly (readonly Hold[])[];
  /** No task could go on at the end. */
  readonly ended: boolean;
  readonly preemptions: number;
  readonly switches: number;
  /** All words before the first step; `wordsAfter` gives those of any later moment. */
  readonly initial: Int32Array;
}

/** All words after step `step` of `run`, 0 = before the first one. */
export function wordsAfter(run: Run, step: number): Int32Array {
  const words = run.initial.slice();
  for (const s of run.steps.slice(0, step)) for (const c of s.changes) words[c.at] = c.after;
  return words;
}
