/** Where a task stands in its author's source: read from the frames on its stack. */
import type { SourcePlace } from "../errors.ts";
import { baseOf, type Code, codes, current, F_CALLER, T_FP, W } from "./core.ts";
import type { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";
import { trackedCalls } from "./straight.ts";

/** A place in task code. Lines and columns count from 1. */
export interface TaskPlace extends SourcePlace {
  /** Name of the task function. */
  readonly function: string;
  /** The suspension there, or the function's head: one line, trimmed. */
  readonly text: string;
}

/** The frame at word `f`: the suspension at which it waits, or after which it runs. */
export function placeOfFrame(f: number): TaskPlace {
  return placeIn(codes[W[f] >>> 12], W[f] & 4095);
}

function placeIn({ meta }: Code, label: number): TaskPlace {
  const point = meta.points[label];
  return {
    file: meta.file,
    line: point?.line ?? meta.line,
    column: point?.column ?? meta.column,
    function: meta.name,
    text: point?.text ?? meta.name,
  };
}

/**
 * The functions that task slot `t` of the active machine is in, the innermost first. While a task of a sequential machine
 * runs, those that have no frame yet are there only if calls are tracked (`trackCalls`), with their heads as places.
 */
export function stackOfTask(t: number): TaskPlace[] {
  const stack = t === current ? trackedCalls().map((code) => placeIn(code, 0)) : [];
  stack.reverse();
  for (let f = W[baseOf(t) + T_FP]; f !== 0; f = W[f + F_CALLER]) stack.push(placeOfFrame(f));
  return stack;
}

/**
 * Where task slot `t` of `m` stands: the suspension at which it waits, or after which it was running when a finding was
 * raised. Null when it has not begun or has ended.
 */
export function placeOfTask(m: Machine, t: number): TaskPlace | null {
  if (t < 0) return null;
  const f = m.words[m.tasks[t].base + T_FP];
  return f === 0 ? null : placeOfFrame(f);
}

/** "file:line:column" of what `finding` is about; null where it is about no task in particular. */
export function placeOfFinding(m: Machine, finding: Finding): TaskPlace | null {
  return placeOfTask(m, finding.task >= 0 ? finding.task : (finding.cycle[0] ?? -1));
}
