/** What scripts may rely on: the documents `mayfail/check/1` and `mayfail/atlas/1`. Fields may be added, never changed. */
import type { Verdict } from "../machine/finding.ts";
import type { LockdepSummary } from "../search/lockdepCheck.ts";
import type { Place } from "../search/run.ts";
import { type AtlasCell, type AtlasRow, asExpected, changedRows } from "./atlas.ts";
import { cycleEdges, taskName } from "./cycle.ts";
import type { Outcome } from "./outcome.ts";

export interface CheckJson {
  readonly schema: "mayfail/check/1";
  readonly case: string;
  readonly variant: string;
  readonly rules: string;
  readonly verdict: Verdict;
  readonly complete: boolean;
  readonly states: number;
  readonly transitions: number;
  readonly maxDepth: number;
  readonly seconds: number;
  readonly workers: number;
  readonly reduction: string;
  readonly engine: string;
  readonly expected: Verdict | null;
  /** Null for a number = infinitely many. */
  readonly estimate: { readonly states: number | null; readonly traces: number | null } | null;
  readonly covered: string;
  readonly lockdep: readonly string[];
  readonly lockdepSummary: LockdepSummary | null;
  readonly sources: readonly { readonly ref: string; readonly what: string }[];
  readonly counterexample: CounterexampleJson | null;
}

export interface CounterexampleJson {
  readonly steps: number;
  readonly contextSwitches: number;
  readonly preemptions: number;
  /** No other schedule needs fewer preemptions, then switches, then steps. */
  readonly minimal: boolean;
  /** What `mayfail replay` takes. */
  readonly schedule: string;
  readonly message: string;
  readonly trace: readonly TraceJson[];
  readonly cycle: readonly CycleJson[];
}

export interface TraceJson {
  readonly step: number;
  readonly task: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly text: string;
}

export interface CycleJson {
  readonly task: string;
  readonly waitsFor: string;
  readonly file: string | null;
  readonly line: number | null;
  readonly heldBy: string | null;
  readonly since: { readonly step: number | null; readonly file: string | null; readonly line: number | null } | null;
}

export function checkJson(o: Outcome): CheckJson {
  return {
    schema: "mayfail/check/1",
    case: o.name,
    variant: o.variant,
    rules: o.rules,
    verdict: o.verdict,
    complete: o.complete,
    states: o.states,
    transitions: o.transitions,
    maxDepth: o.maxDepth,
    seconds: rounded(o.seconds),
    workers: o.workers,
    reduction: o.reduction,
    engine: o.engine,
    expected: o.expected,
    estimate: o.estimate === null ? null : { states: finite(o.estimate.states), traces: finite(o.estimate.traces) },
    covered: o.covered,
    lockdep: o.lockdep,
    lockdepSummary: o.lockdepSummary,
    sources: o.sources,
    counterexample: counterexample(o),
  };
}

function counterexample(o: Outcome): CounterexampleJson | null {
  const { run } = o;
  if (run === null || (o.verdict === "ok" && o.engine !== "replay")) return null;
  return {
    steps: run.steps.length,
    contextSwitches: run.switches,
    preemptions: run.preemptions,
    minimal: o.minimal,
    schedule: run.schedule,
    message: run.finding?.message ?? "",
    trace: run.steps.map((s) => ({
      step: s.step,
      task: taskName(run, s.task),
      ...fileAndLine(s.stack[0]?.place ?? null),
      text: s.text,
    })),
    cycle:
      o.verdict !== "deadlock"
        ? []
        : cycleEdges(run).map((e) => ({
            task: e.task,
            waitsFor: e.object ?? e.wants,
            ...fileAndLine(e.stack[0]?.place ?? null),
            heldBy: e.owner,
            since: e.since === null ? null : { step: e.since.step, ...fileAndLine(e.since.place) },
          })),
  };
}

function fileAndLine(place: Place | null): { file: string | null; line: number | null } {
  return { file: place?.file ?? null, line: place?.line ?? null };
}

function finite(n: number): number | null {
  return Number.isFinite(n) ? Math.round(n) : null;
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}

export interface AtlasJson {
  readonly schema: "mayfail/atlas/1";
  readonly cases: readonly {
    readonly id: string;
    readonly class: string;
    readonly variants: readonly Omit<AtlasCell, "about">[];
  }[];
  readonly asExpected: number;
  readonly total: number;
  /** Of `--rules` and `--driver-variant`: under what everything was run again. */
  readonly rules: string | null;
  readonly driverVariant: string | null;
  /** Rows that are not as expected. */
  readonly changed: readonly {
    readonly id: string;
    readonly variant: string;
    readonly recorded: Verdict | null;
    readonly now: Verdict;
    readonly complete: boolean;
  }[];
}

export function atlasJson(
  rows: readonly AtlasRow[],
  experiment: { readonly rules?: string; readonly driverVariant?: string } = {},
): AtlasJson {
  const cells = rows.flatMap((r) => r.variants);
  return {
    schema: "mayfail/atlas/1",
    cases: rows.map((r) => ({
      id: r.id,
      class: r.class,
      variants: r.variants.map(({ name, expected, verdict, complete, states, seconds, lockdep }) => ({
        ...{ name, expected, verdict, complete, states },
        seconds: rounded(seconds),
        lockdep,
      })),
    })),
    asExpected: cells.filter(asExpected).length,
    total: cells.length,
    rules: experiment.rules ?? null,
    driverVariant: experiment.driverVariant ?? null,
    changed: changedRows(rows).map(({ id, cell }) => ({
      ...{ id, variant: cell.name, recorded: cell.expected, now: cell.verdict, complete: cell.complete },
    })),
  };
}
