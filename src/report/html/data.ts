/** What the page's script needs to step through a run: plain data, embedded as JSON. */

import type { Frame, Place, Run, RunStep } from "../../search/run.ts";
import { cycleEdges, edgeInWords, taskName } from "../cycle.ts";
import type { Outcome } from "../outcome.ts";
import { verdictSentence } from "../sentence.ts";

/** Lines of source files around the places of a run: by file, then by line. */
export type Excerpts = Readonly<Record<string, Readonly<Record<number, string>>>>;

export interface PageRun {
  readonly tasks: readonly string[];
  readonly frames: readonly PageFrame[];
  /** One for each step, and for the end one more, or one for each task that waits there. */
  readonly moments: readonly Moment[];
}

export interface Moment {
  /** "step 3 of 7", "the end: kswapd". */
  readonly title: string;
  /** "kswapd: lock page0.lock" */
  readonly text: string;
  readonly task: number;
  /** Indices of frames, innermost first. */
  readonly stack: readonly number[];
  /** Name, before, after. */
  readonly changed: readonly (readonly [string, string, string])[];
  readonly notes: readonly string[];
  /** Nothing happens any more. */
  readonly end: boolean;
  /** Names of the locks that each task holds after the step, by slot. */
  readonly held: readonly (readonly string[])[];
}

export interface PageFrame {
  readonly name: string;
  readonly at: string;
  /** Number of the line that is marked, and the lines around it. */
  readonly line: number;
  readonly lines: readonly (readonly [number, string])[];
}

const AROUND = 4;

export function pageRun(o: Outcome, run: Run, excerpts: Excerpts): PageRun {
  const held: string[][] = run.tasks.map(() => []);
  const total = run.steps.length;
  const frames = new FrameTable(excerpts);
  const moments = run.steps.map((s): Moment => {
    for (const r of s.released) removeFirst(held[r.task], r.lock);
    for (const a of s.acquired) if (!passes(s, a.task, a.lock)) held[a.task]?.push(a.lock);
    const choice = s.choice === null ? "" : `: ${s.choice.taken} of ${s.choice.of}`;
    return {
      title: `step ${s.step} of ${total}`,
      text: `${taskName(run, s.task)}: ${s.text}${choice}`,
      task: s.task,
      stack: s.stack.map((f) => frames.indexOf(f)),
      changed: s.changed.map((c) => [c.name, c.before, c.after]),
      notes: [
        ...(s.preempted ? ["the task before was preempted: it could have gone on"] : []),
        ...s.events,
        ...(o.loop === s.step ? ["the run repeats from here, for ever"] : []),
      ],
      held: held.map((locks) => [...locks]),
      end: false,
    };
  });
  const last = { changed: [], notes: [], held: held.map((locks) => [...locks]), end: true };
  const edges = o.verdict === "deadlock" ? cycleEdges(run) : [];
  const ends = edges.map(
    (e): Moment => ({
      ...last,
      title: edges.length > 1 ? `the end: ${e.task}` : "the end",
      text: edgeInWords(e),
      task: run.tasks.findIndex((t) => t.name === e.task),
      stack: e.stack.map((f) => frames.indexOf(f)),
    }),
  );
  const stack = (run.finding?.stack ?? []).map((f) => frames.indexOf(f));
  const end: Moment = { ...last, title: "the end", text: verdictSentence(o), task: run.finding?.task ?? -1, stack };
  const all = [...moments, ...(ends.length > 0 ? ends : [end])];
  return { tasks: run.tasks.map((t) => t.name), frames: frames.all, moments: all };
}

/** Taken and given back within the step. */
function passes(s: RunStep, task: number, lock: string): boolean {
  return s.released.some((r) => r.task === task && r.lock === lock);
}

function removeFirst(list: string[] | undefined, item: string): void {
  const i = list?.indexOf(item) ?? -1;
  if (i >= 0) list?.splice(i, 1);
}

/** Most steps of a run stand in functions that others stand in, too. */
class FrameTable {
  readonly all: PageFrame[] = [];
  private readonly known = new Map<string, number>();
  private readonly excerpts: Excerpts;

  constructor(excerpts: Excerpts) {
    this.excerpts = excerpts;
  }

  indexOf({ name, place }: Frame): number {
    const key = JSON.stringify([name, place.file, place.line]);
    const found = this.known.get(key) ?? this.all.push(pageFrame(name, place, this.excerpts)) - 1;
    this.known.set(key, found);
    return found;
  }
}

function pageFrame(name: string, place: Place, excerpts: Excerpts): PageFrame {
  const known = excerpts[place.file] ?? {};
  const lines: [number, string][] = [];
  for (let n = place.line - AROUND; n <= place.line + AROUND; n++) {
    const text = known[n];
    if (text !== undefined) lines.push([n, text]);
  }
  if (lines.length === 0) lines.push([place.line, place.text]);
  return { name, at: `${place.file}:${place.line}`, line: place.line, lines };
}

/** Every place that the page of a run shows. */
export function placesOf(run: Run): Place[] {
  const stacks = [...run.steps.map((s) => s.stack), ...run.waiters.map((w) => w.stack), run.finding?.stack ?? []];
  return stacks.flatMap((stack) => stack.map((f) => f.place));
}
