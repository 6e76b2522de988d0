/**
 * One run and its verdict as plain data: what every report is made from. Plain, because it is made in the thread that ran
 * the task code and printed in another one, and because a page or a script may want it as JSON.
 */
import type { Verdict } from "../machine/finding.ts";

/** A place in the author's source. Lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The source there: one line, trimmed. */
  readonly text: string;
}

/** A function that a task is in. */
export interface Frame {
  readonly name: string;
  readonly place: Place | null;
}

/** One step of the schedule. */
export interface StoryStep {
  /** From 1. */
  readonly step: number;
  /** Index in `Story.tasks`. */
  readonly task: number;
  /** The operation in words: "lock obj0.mm.lock". */
  readonly text: string;
  /** Where the operation stands: the innermost frame first. */
  readonly stack: readonly Frame[];
  /** Another task made the step before. */
  readonly switched: boolean;
  /** … and it could have gone on. */
  readonly preempted: boolean;
  readonly events: readonly string[];
  /** What it changed, in names: "folio[3].refcount: 1 -> 2". */
  readonly changes: readonly string[];
}

/** A lock that a task holds. `step` and `place` say since when; null when it held the lock from the start. */
export interface Hold {
  readonly lock: string;
  readonly shared: boolean;
  readonly step: number | null;
  readonly place: Place | null;
}

/** A task that cannot go on where the run ends. */
export interface Waiter {
  /** Index in `Story.tasks`. */
  readonly task: number;
  /** The operation in words: "lock obj0.mm.lock". */
  readonly wants: string;
  /** Name of the object that it waits for; null when it waits for a condition of no particular object. */
  readonly object: string | null;
  readonly stack: readonly Frame[];
  /** Tasks (indices) that would have to act. */
  readonly owners: readonly number[];
  /** "all": each owner must act, as for a lock. "any": a condition that others may fulfil too. */
  readonly waits: "all" | "any";
  readonly holds: readonly Hold[];
}

export interface Story {
  readonly tasks: readonly string[];
  readonly steps: readonly StoryStep[];
  /** The broken rule; null for a run that ends well. */
  readonly finding: { readonly verdict: Verdict; readonly message: string; readonly task: number | null } | null;
  /** Where the task that broke the rule stands. */
  readonly at: readonly Frame[];
  readonly waiters: readonly Waiter[];
  /** Indices of the tasks that wait for each other, in waiting order; empty when nothing is a cycle. */
  readonly cycle: readonly number[];
  /** Step from which the run repeats for ever; null unless it is a livelock. */
  readonly loop: number | null;
  readonly preemptions: number;
  readonly contextSwitches: number;
}

/** What was searched, and what came out: the figures beside the story. */
export interface Outcome {
  /** Case id or path. */
  readonly name: string;
  readonly variant: string;
  readonly title: string;
  readonly about: string;
  readonly rules: string;
  readonly expected: Verdict | null;
  readonly verdict: Verdict;
  /** The whole state space was explored, or a broken rule was found. */
  readonly complete: boolean;
  readonly states: number;
  readonly transitions: number;
  readonly maxDepth: number;
  readonly seconds: number;
  readonly workers: number;
  readonly engine: string;
  readonly reduction: string;
  /** Forecast of the size for each engine: what the choice between them rests on. */
  readonly estimate: { readonly states: number; readonly traces: number } | null;
  /** In words, what was explored when it was not everything. */
  readonly covered: string;
  /** Printed when chance was involved. */
  readonly seed: number | null;
  /** The schedule as a string; null when nothing was found. */
  readonly schedule: string | null;
  /** True when no schedule with fewer preemptions, then switches, then steps exists. */
  readonly minimal: boolean;
  readonly story: Story | null;
  /** Lock orders that close a cycle although no run showed it; a sentence each. */
  readonly lockdep: readonly string[];
}
