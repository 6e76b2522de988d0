/** What was searched and what came out: everything that a report tells. Plain data, made in the thread that searched. */
import type { Verdict } from "../machine/finding.ts";
import type { Source } from "../machine/scenario.ts";
import type { LockdepSummary } from "../search/lockdepCheck.ts";
import type { Run } from "../search/run.ts";

export interface Outcome {
  /** Case id or path. */
  readonly name: string;
  readonly variant: string;
  readonly title: string;
  readonly about: string;
  readonly rules: string;
  /** For a driver under the contract: the entry of the battery. */
  readonly entry: string | null;
  /** The story of the case, Markdown. */
  readonly text: string;
  readonly sources: readonly Source[];
  /** Further words of the command line that replays it: "--rules", "linux-5.7". */
  readonly experiment: readonly string[];
  readonly expected: Verdict | null;
  readonly verdict: Verdict;
  /** The whole state space was explored, or a broken rule was found. */
  readonly complete: boolean;
  readonly states: number;
  readonly transitions: number;
  readonly maxDepth: number;
  readonly seconds: number;
  readonly workers: number;
  /** "replay": one given schedule was run, nothing was searched. */
  readonly engine: "stateful" | "dpor" | "replay";
  readonly reduction: string;
  /** Forecast of the size for each engine: what the choice between them rests on. Infinity = runs may be infinite. */
  readonly estimate: { readonly states: number; readonly traces: number } | null;
  /** In words, what was explored when it was not everything. */
  readonly covered: string;
  /** Printed when chance was involved. */
  readonly seed: number | null;
  /** True when no schedule with fewer preemptions, then switches, then steps exists. */
  readonly minimal: boolean;
  /** The run that breaks the rule, or that was replayed; null when there is none to show. */
  readonly run: Run | null;
  /** For a livelock: the step from which the run repeats for ever. */
  readonly loop: number | null;
  /** Lock orders that close a cycle although no run showed it; a sentence each. */
  readonly lockdep: readonly string[];
  /** Whether lockdep sees the broken rule, and what its reports are worth. Null where nothing was searched. */
  readonly lockdepSummary: LockdepSummary | null;
}
