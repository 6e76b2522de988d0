/**
 * Stateless search with optimal dynamic partial-order reduction (Abdulla, Aronis, Jonsson, Sagonas, "Optimal dynamic
 * partial order reduction", POPL 2014, and "Source sets", JACM 2017): of all runs that differ only in the order of
 * independent steps, exactly one is explored, and none is begun in vain. Waiting is explored as in "Awaiting for
 * Godot" (FMCAD 2022): an operation that waits races with what keeps it waiting.
 *
 * Invariants (`m.invariant`) are tested after every step that is made, but states between independent steps are
 * passed in one order only: a search of a machine with invariants is therefore never complete.
 */
import type { Machine } from "../../machine/machine.ts";
import type { Violation } from "../program.ts";
import { Explorer } from "./explorer.ts";
import { Races } from "./races.ts";

export interface DporOptions {
  /** "source" plans first events only: it may begin runs in vain (`redundant`) and needs less memory. */
  readonly mode: "optimal" | "source";
  /** Go on after a violation; its task stops there. Else the search ends with the first one. */
  readonly all: boolean;
  /** Bounds; `Infinity` = none. Steps are those of one run. */
  readonly maxExecutions: number;
  readonly maxSteps: number;
  /** So many violations are kept; all are counted. */
  readonly maxViolations: number;
  /**
   * Find the fewest preemptions for each run, among its equivalent orders, and count as completed or blocked only runs
   * that need at most so many (`Infinity` = all); null = do not look. All runs are explored and judged in any case.
   */
  readonly preemptions: number | null;
  /** Asked every 64 executions and every 4,096 events; a sentence ends the search there. */
  readonly shouldStop: (progress: DporProgress) => string | null;
  /** Told about the end of every run. The machine is in its last state, and must be left there. */
  readonly onEnd: (() => void) | null;
}

export interface DporProgress {
  readonly executions: number;
  readonly events: number;
  readonly depth: number;
}

export interface DporResult {
  /** Runs explored: completed + blocked + beyond. */
  readonly executions: number;
  /** Runs in which all tasks (but daemons) end, or fail; and those in which some wait for ever. */
  readonly completed: number;
  readonly blocked: number;
  /** Runs that need more preemptions than the bound. */
  readonly beyond: number;
  /** Runs begun in vain; 0 in optimal mode. */
  readonly redundant: number;
  /** Steps made. Beginnings that several runs share are made once. */
  readonly events: number;
  /** Steps of the longest run. */
  readonly maxDepth: number;
  /** Every behaviour was covered. */
  readonly complete: boolean;
  /** Why not. */
  readonly stopped: string | null;
  readonly violations: readonly Violation[];
  /** All violations, kept or not. */
  readonly broken: number;
  /** How many runs need at most k preemptions, k = index. */
  readonly preemptions: { readonly completed: readonly number[]; readonly blocked: readonly number[] } | null;
}

export const DPOR_DEFAULTS: DporOptions = {
  mode: "optimal",
  all: false,
  maxExecutions: Number.POSITIVE_INFINITY,
  maxSteps: 10_000,
  maxViolations: 100,
  preemptions: null,
  shouldStop: () => null,
  onEnd: null,
};

export type RacesClass = new (...args: ConstructorParameters<typeof Races>) => Races;

/**
 * Explores all runs of `m`, which must be active, in its initial state and made with `fine: true`; it is in that state
 * again afterwards. `RacesOf` is for tests of this search.
 */
export function searchDpor(m: Machine, options: Partial<DporOptions> = {}, RacesOf: RacesClass = Races): DporResult {
  return new Explorer(m, { ...DPOR_DEFAULTS, ...options }, RacesOf).run();
}
