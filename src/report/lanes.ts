/**
 * The schedule as swim lanes: one column a task, time downwards, and on the right where in the source each step stands.
 *
 *      t1         | t2         | where
 *    1 lock a     |            | x.ts:3 first
 *    2            | lock b     | x.ts:9 second
 *   !3 lock b     |            | x.ts:4 first        (! = the task before was preempted)
 *    X            | lock a     | x.ts:10 second      (X = cannot go on)
 *
 * Too many tasks for the width: a list with the task's name in front of each step.
 */
import type { Run } from "../search/run.ts";
import { taskName } from "./cycle.ts";
import { type LaneOptions, type Row, rowsOf } from "./rows.ts";
import { paint, type Style } from "./style.ts";
import { clean, padEnd, padStart, shorten, widthOf, wrap } from "./width.ts";

const MIN_LANE = 14;
const MAX_NESTING = 4;

/** The lines of the drawing, and below it the legend of the marks that occur. */
export function lanes(run: Run, style: Style, options: LaneOptions = {}): string[] {
  const rows = rowsOf(run, style, options);
  const tasks = [...new Set(rows.filter((r) => r.task >= 0).map((r) => r.task))]; // by their first step
  if (rows.length === 0) return ["(no step: the rule is broken from the start)"];
  const layout = fitLayout(run, rows, tasks, style);
  const lines = layout === null ? asList(run, rows, style) : asLanes(run, rows, tasks, layout, style);
  const legend = rows.some((r) => r.mark === "!")
    ? ["", "! = the task before was preempted: it could have gone on"]
    : [];
  return [...lines, ...legend].map((line) => line.trimEnd());
}

interface Layout {
  readonly label: number;
  readonly lane: readonly number[];
  readonly where: number;
  readonly functions: boolean;
  /** Columns of indentation for each call depth. */
  readonly nesting: number;
}

/** The roomiest layout that fits: with calls indented, then without, then without function names, then narrow lanes. */
function fitLayout(run: Run, rows: readonly Row[], tasks: readonly number[], style: Style): Layout | null {
  const label = Math.max(2, ...rows.map((r) => widthOf(r.label))) + 1;
  const fixed = label + 1 + 3 * tasks.length;
  for (const [functions, nesting] of [
    [true, 1],
    [true, 0],
    [false, 0],
  ] as const) {
    const where = Math.max(5, ...rows.map((r) => widthOf(whereOf(r, functions, style))));
    const lane = tasks.map((task) => {
      const mine = rows.filter((r) => r.task === task);
      const depth = shallowest(mine);
      const name = widthOf(clean(taskName(run, task), style));
      return Math.max(name, ...mine.map((r) => indentOf(r, depth, nesting) + longestLine(r)));
    });
    const room = style.width - fixed - where;
    if (sum(lane) <= room) return { label, lane, where, functions, nesting };
    if (functions) continue;
    const narrow = share(lane, room);
    if (narrow !== null) return { label, lane: narrow, where, functions, nesting };
  }
  return null;
}

/** Narrows the widest lanes until all fit into `room`; null when some would get too narrow to read. */
function share(natural: readonly number[], room: number): number[] | null {
  let low = 1;
  let high = Math.max(...natural);
  while (low < high) {
    const cap = Math.ceil((low + high) / 2);
    if (sum(natural.map((w) => Math.min(w, cap))) <= room) low = cap;
    else high = cap - 1;
  }
  const lane = natural.map((w) => Math.min(w, low));
  return sum(lane) <= room && lane.every((w, i) => w >= Math.min(MIN_LANE, natural[i] ?? 0)) ? lane : null;
}

function sum(ns: readonly number[]): number {
  return ns.reduce((a, b) => a + b, 0);
}

function longestLine(r: Row): number {
  return Math.max(widthOf(r.text), ...r.notes.map((n) => widthOf(n) + 2));
}

function shallowest(rows: readonly Row[]): number {
  return Math.min(...rows.map((r) => r.stack.length));
}

function indentOf(r: Row, depth: number, nesting: number): number {
  return Math.min(MAX_NESTING, Math.max(0, r.stack.length - depth)) * 2 * nesting;
}

/** "vmscan.ts:210 shrinkFolioList". */
function whereOf(r: Row, functions: boolean, style: Style): string {
  const frame = r.stack[0];
  if (!frame) return "";
  const place = `${baseName(frame.place.file)}:${frame.place.line}`;
  return clean(functions ? `${place} ${frame.name}` : place, style);
}

export function baseName(file: string): string {
  return file.slice(Math.max(file.lastIndexOf("/"), file.lastIndexOf("\\")) + 1);
}

function asLanes(run: Run, rows: readonly Row[], tasks: readonly number[], l: Layout, style: Style): string[] {
  const bar = style.unicode ? "│" : "|";
  const depths = new Map(tasks.map((t) => [t, shallowest(rows.filter((r) => r.task === t))]));
  const line = (label: string, cells: readonly string[], where: string) =>
    `${padStart(label, l.label)} ${cells.map((c, i) => padEnd(c, l.lane[i] ?? 0)).join(` ${bar} `)} ${bar} ${where}`;
  const names = tasks.map((t, i) => shorten(clean(taskName(run, t), style), l.lane[i] ?? 0, style));
  const out = [paint(style, "bold", line("", names, "where").trimEnd())];
  for (const r of rows) {
    if (r.task < 0) {
      out.push(...wrap(r.text, style.width - l.label - 1).map((text) => `${" ".repeat(l.label + 1)}${text}`));
      continue;
    }
    const lane = tasks.indexOf(r.task);
    const width = l.lane[lane] ?? 0;
    const indent = " ".repeat(Math.min(indentOf(r, depths.get(r.task) ?? 0, l.nesting), Math.max(0, width - MIN_LANE)));
    const texts = [
      ...broken(r.text, width - indent.length),
      ...r.notes.flatMap((n) => broken(`- ${n}`, width - indent.length)),
    ];
    texts.forEach((text, i) => {
      const cells = tasks.map((t) => (t === r.task ? indent + text : ""));
      const first = i === 0;
      const drawn = line(first ? r.mark + r.label : "", cells, first ? whereOf(r, l.functions, style) : "").trimEnd();
      out.push(r.bad ? paint(style, "bad", drawn) : drawn);
    });
  }
  return out;
}

/** `text` in lines of at most `width` columns, words that are longer included. */
function broken(text: string, width: number): string[] {
  return wrap(text, width).flatMap((line) => {
    const parts: string[] = [];
    let rest = Array.from(line);
    while (widthOf(rest.join("")) > width && width > 1) {
      let n = rest.length;
      while (n > 1 && widthOf(rest.slice(0, n).join("")) > width) n--;
      parts.push(rest.slice(0, n).join(""));
      rest = rest.slice(n);
    }
    return [...parts, rest.join("")];
  });
}

function asList(run: Run, rows: readonly Row[], style: Style): string[] {
  const label = Math.max(2, ...rows.map((r) => widthOf(r.label))) + 1;
  return rows.flatMap((r) => {
    const head = `${padStart(r.mark + r.label, label)} `;
    const where = whereOf(r, true, style);
    const who = r.task < 0 ? "" : `${clean(taskName(run, r.task), style)}: `;
    const texts = [`${who}${r.text}${where === "" ? "" : ` (${where})`}`, ...r.notes.map((n) => `  - ${n}`)];
    return texts.flatMap((text, i) =>
      broken(text, style.width - label - 1).map((part, j) => {
        const drawn = i === 0 && j === 0 ? head + part : " ".repeat(label + 1) + part;
        return r.bad ? paint(style, "bad", drawn) : drawn;
      }),
    );
  });
}
