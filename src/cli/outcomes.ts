/** From what the search or the replay of a case came to, to what reports tell: plain data, made in the thread that searched. */
import type { Case, Source } from "../machine/scenario.ts";
import type { Outcome } from "../report/outcome.ts";
import type { CheckResult } from "../search/check.ts";
import type { Program } from "../search/program.ts";
import type { Run } from "../search/run.ts";
import { type Experiment, experimentWords } from "./experiment.ts";
import { shortPath } from "./sourcePlace.ts";

/** What an outcome is about: the part of it that is known before. */
type Subject = Pick<
  Outcome,
  "name" | "variant" | "entry" | "title" | "about" | "rules" | "expected" | "sources" | "text" | "experiment"
>;

export function subjectOf(c: Case, name: string, variant: string, experiment: Experiment): Subject {
  const { about = "", rules = "", expect = null } = c.variants[variant] ?? {};
  return {
    ...{ name, variant, rules, expected: expect },
    entry: "driver" in c ? variant.slice(variant.lastIndexOf("/") + 1) : null,
    title: String(c.title ?? ""),
    about: String(about),
    text: String(c.text ?? ""),
    sources: sourcesOf(c),
    experiment: experimentWords(experiment),
  };
}

export function sourcesOf({ sources }: Case): Source[] {
  return Array.isArray(sources) ? sources.map((s) => ({ ref: String(s?.ref), what: String(s?.what) })) : [];
}

export async function outcomeOf(r: CheckResult, program: Program, subject: Subject, seed: number): Promise<Outcome> {
  const { verdict, complete, states, transitions, maxDepth, seconds, workers, engine, reduction, covered } = r;
  let run: Run | null = null;
  if (r.schedule !== null && verdict !== "ok") {
    const { replayRun } = await import("../search/replay.ts");
    run = replayRun(program, r.schedule, { machine: r.machine, partial: verdict === "livelock" });
  }
  return {
    ...subject,
    verdict,
    complete,
    states,
    transitions,
    maxDepth,
    seconds,
    workers,
    engine,
    reduction,
    covered,
    estimate: r.estimate === null ? null : { states: r.estimate.states, traces: r.estimate.traces },
    seed: r.estimate === null ? null : seed,
    minimal: r.minimal?.certain ?? false,
    run: run === null ? null : withShortPaths(withFinding(run, r)),
    loop: r.cycleStart === null ? null : r.cycleStart + 1,
    lockdep: r.lockdep.map((report) => report.text),
    lockdepSummary: r.lockdepSummary,
  };
}

/** A livelock is nothing that a single run shows: its finding comes from the search. */
function withFinding(run: Run, { finding }: CheckResult): Run {
  if (run.finding !== null || finding === null) return run;
  const { verdict, message, task, cycle } = finding;
  const stack = run.steps.findLast((s) => s.task === task)?.stack ?? [];
  return { ...run, finding: { verdict, message, task: task < 0 ? null : task, cycle, stack } };
}

export function replayed(run: Run, subject: Subject): Outcome {
  return {
    ...subject,
    verdict: run.finding?.verdict ?? "ok",
    complete: run.ended || run.finding !== null,
    states: 0,
    transitions: run.steps.length,
    maxDepth: run.steps.length,
    seconds: 0,
    workers: 1,
    engine: "replay",
    reduction: "",
    covered: "",
    estimate: null,
    seed: null,
    minimal: false,
    run: withShortPaths(run),
    loop: null,
    lockdep: [],
    lockdepSummary: null,
  };
}

/** Places as seen from the current folder, where that is shorter to read. */
function withShortPaths(run: Run): Run {
  return JSON.parse(JSON.stringify({ ...run, initial: [] }), (key, value) =>
    key === "file" && typeof value === "string" ? shortPath(value) : value,
  ) as Run;
}
