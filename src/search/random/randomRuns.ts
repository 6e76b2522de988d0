/** Many seeded random runs of one program: what they find, how often, and how to get there again. */
import { mayfailError } from "../../errors.ts";
import type { Broken, Finding } from "../../machine/finding.ts";
import type { MachineOptions } from "../../machine/machine.ts";
import { enabledTasks, stepAndJudge } from "../judge.ts";
import { type Decision, onMachine, type Program } from "../program.ts";
import { Rng } from "./rng.ts";
import { pct, pos, type Strategy, walk } from "./strategies.ts";

export type StrategyName = "walk" | "pct" | "pos";

export interface RandomOptions {
  readonly strategy: StrategyName;
  /** Depth of PCT: number of ordering constraints that a bug needs. */
  readonly depth: number;
  readonly runs: number;
  readonly seed: number;
  /** A run that is not over by then is cut. */
  readonly maxSteps: number;
  /** End with the first finding. */
  readonly stopAtFirst: boolean;
  /** Asked before each run; a sentence ends the series. */
  readonly shouldStop: () => string | null;
  readonly machine: Partial<MachineOptions>;
}

/** A rule that some runs broke. */
export interface RandomFinding {
  readonly finding: Finding;
  readonly schedule: readonly Decision[];
  /** Number of the first run that broke it, from 1, and of all that did. */
  readonly firstRun: number;
  readonly count: number;
}

export interface RandomResult {
  /** "walk", "pct(3)", "pos". */
  readonly strategy: string;
  readonly seed: number;
  readonly runs: number;
  readonly steps: number;
  readonly longestRun: number;
  /** Runs that were cut at `maxSteps`. */
  readonly cut: number;
  readonly findings: ReadonlyMap<Broken, RandomFinding>;
  /** Why the series ended early, in words. */
  readonly stopped: string | null;
  /** Options of the machine that the schedules belong to. */
  readonly machine: MachineOptions;
}

const DEFAULTS: RandomOptions = {
  strategy: "walk",
  depth: 3,
  runs: 1000,
  seed: 1,
  maxSteps: 10_000,
  stopAtFirst: true,
  shouldStop: () => null,
  machine: {},
};

/**
 * Runs `program` at random. The same options give the same result. A finding ends its run.
 * Raises MF0403 for a number of runs, a depth or a bound below 1.
 */
export function randomRuns(program: Program, options: Partial<RandomOptions> = {}): RandomResult {
  const o = { ...DEFAULTS, ...options };
  for (const bound of ["runs", "depth", "maxSteps"] as const) {
    const value = o[bound];
    if (!Number.isInteger(value) || value < 1) throw mayfailError("MF0403", { bound, value, least: 1 });
  }
  return onMachine(program, o.machine, (m) => {
    const initial = m.snapshot();
    const rng = new Rng(o.seed);
    const strategy = makeStrategy(o);
    const findings = new Map<Broken, RandomFinding>();
    const enabled: number[] = [];
    const schedule: Decision[] = [];
    let runs = 0;
    let steps = 0;
    let longestRun = 0;
    let cut = 0;
    let stopped: string | null = null;

    const oneRun = (): Finding | null => {
      if (m.initialFinding) return m.initialFinding;
      strategy.begin(m, rng);
      for (let step = 0; step < o.maxSteps; step++) {
        if (enabledTasks(m, enabled) === 0) return m.judgeEnd();
        const task = strategy.pick(m, enabled, step, rng);
        const outcomes = m.choices(task);
        const choice = outcomes > 1 ? rng.below(outcomes) : 0;
        schedule.push({ task, choice });
        const finding = stepAndJudge(m, task, choice);
        if (finding) return finding;
      }
      cut++;
      return null;
    };

    while (runs < o.runs && stopped === null) {
      m.restore(initial, 0);
      schedule.length = 0;
      const finding = oneRun();
      strategy.end(schedule.length);
      runs++;
      steps += schedule.length;
      if (schedule.length > longestRun) longestRun = schedule.length;
      if (finding) {
        const known = findings.get(finding.verdict);
        findings.set(
          finding.verdict,
          known
            ? { ...known, count: known.count + 1 }
            : { finding, schedule: schedule.slice(), firstRun: runs, count: 1 },
        );
        if (o.stopAtFirst) break;
      }
      stopped = o.shouldStop();
    }
    m.restore(initial, 0);
    return {
      strategy: strategy.name,
      seed: o.seed,
      runs,
      steps,
      longestRun,
      cut,
      findings,
      stopped,
      machine: m.options,
    };
  });
}

/** Steps that the first run of PCT is taken to have. */
const FIRST_HORIZON = 8;

function makeStrategy({ strategy, depth }: RandomOptions): Strategy {
  switch (strategy) {
    case "walk":
      return walk();
    case "pct":
      return pct(depth, FIRST_HORIZON);
    case "pos":
      return pos();
  }
}
