/**
 * The lines of the drawing of a run: its steps, what is left out of a long one, and how it ends. Text, Markdown and HTML lay
 * them out, each in its way.
 */
import { changeText, type NamedChange } from "../machine/diff.ts";
import type { Frame, Run, RunStep } from "../search/run.ts";
import { waitingTasks } from "./cycle.ts";
import type { Style } from "./style.ts";
import { clean, count } from "./width.ts";

/** A line of the drawing before it is laid out. */
export interface Row {
  /** Step number, or what stands in its place. */
  readonly label: string;
  readonly mark: string;
  readonly task: number;
  readonly text: string;
  /** Further lines below the text. */
  readonly notes: readonly string[];
  readonly stack: readonly Frame[];
  readonly bad: boolean;
}

/** Steps that are drawn at most; the middle of a longer run is left out, and that is said. */
const MAX_STEPS = 200;
const FIRST_STEPS = 60;

export interface LaneOptions {
  /** Draw every step, however many. */
  readonly all?: boolean;
  /** Show below each step what it changed. */
  readonly changes?: boolean;
  /** The step from which the run repeats for ever. */
  readonly loop?: number | null;
}

export function rowsOf(run: Run, style: Pick<Style, "unicode">, options: LaneOptions): Row[] {
  const cross = style.unicode ? "✗" : "X";
  const rows: Row[] = run.steps.map((s) => ({
    label: String(s.step),
    mark: s.preempted ? "!" : "",
    task: s.task,
    text: clean(s.choice === null ? s.text : `${s.text}: ${s.choice.taken}`, style),
    notes: notesOf(run, s, options).map((e) => clean(e, style)),
    stack: s.stack,
    bad: false,
  }));
  const left = run.steps.length - MAX_STEPS;
  if (left > 0 && !options.all) {
    rows.splice(FIRST_STEPS, left, note(`(${count(left, "step")} left out: replay the schedule to see them all)`));
  }
  if (options.loop) rows.push(note(`(from here again as from step ${options.loop}, for ever)`));
  const { finding } = run;
  if (finding?.verdict === "deadlock") {
    for (const task of waitingTasks(run)) {
      const waiter = run.waiters.find((w) => w.task === task);
      if (waiter) rows.push(endRow(cross, task, clean(waiter.wants, style), waiter.stack));
    }
  } else if (finding && finding.task !== null && !options.loop) {
    rows.push(endRow(cross, finding.task, finding.verdict, finding.stack));
  }
  return rows;
}

/** What the step did besides its operation: it released locks that the reader saw being taken in an earlier step. */
function notesOf(run: Run, s: RunStep, options: LaneOptions): string[] {
  const seen = (lock: string) =>
    run.steps.some((e) => e.step < s.step && e.task === s.task && e.text.includes(lock) && takes(e, lock));
  const released = s.released.filter((r) => r.task === s.task && !s.text.includes(r.lock) && seen(r.lock));
  const changes = options.changes ? newsOf(s).map(changeText) : [];
  return [...released.map((r) => `release ${r.lock}`), ...s.events, ...changes];
}

/** What the step changed, without where tasks stand, which is drawn anyway, and without the ends of variables. */
export function newsOf(s: RunStep): readonly NamedChange[] {
  return s.changed.filter(
    ({ name, after }) => !name.endsWith(" at") && !(after === "-" && /^\S+\.\S+\.\S+$/.test(name)),
  );
}

function takes(s: RunStep, lock: string): boolean {
  return s.acquired.some((a) => a.lock === lock);
}

function endRow(label: string, task: number, text: string, stack: readonly Frame[]): Row {
  return { label, mark: "", task, text, notes: [], stack, bad: true };
}

function note(text: string): Row {
  return { label: "", mark: "", task: -1, text, notes: [], stack: [], bad: false };
}
