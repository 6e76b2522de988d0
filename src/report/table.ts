/** Tables: columns as wide as their content, the last one cut or wrapped where the width ends. */
import { type Paint, paint, type Style } from "./style.ts";
import { clean, padEnd, padStart, shorten, widthOf, wrap } from "./width.ts";

export interface Cell {
  readonly text: string;
  readonly paint?: Paint;
}

export interface TableOptions {
  /** Columns of numbers, aligned to the right. */
  readonly right?: readonly number[];
  /** What stands before each line. */
  readonly indent?: string;
}

type Content = string | Cell;

/** The header (empty = none) and the rows as lines. Too wide for the style: the last column is wrapped. */
export function table(
  header: readonly string[],
  rows: readonly (readonly Content[])[],
  style: Style,
  options: TableOptions = {},
): string[] {
  const { indent = "", right = [] } = options;
  const body = rows.map((row) => row.map((c) => (typeof c === "string" ? { text: c } : c)));
  const all: (readonly Cell[])[] =
    header.length > 0 ? [header.map((text) => ({ text, paint: "bold" as const })), ...body] : body;
  const columns = Math.max(0, ...all.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(0, ...all.map((row) => widthOf(clean(row[i]?.text ?? "", style)))),
  );
  const last = columns - 1;
  const before = widths.slice(0, last).reduce((a, b) => a + b + 2, widthOf(indent));
  const lastWidth = Math.max(16, style.width - before);
  return all.flatMap((row) => {
    const tail = wrap(clean(row[last]?.text ?? "", style), lastWidth).map((line) => shorten(line, lastWidth, style));
    const head = row
      .slice(0, last)
      .map((cell, i) => {
        const text = clean(cell.text, style);
        const width = widths[i] ?? 0;
        const padded = right.includes(i) ? padStart(text, width) : padEnd(text, width);
        return padded.replace(text, () => painted(style, cell, text));
      })
      .join("  ");
    const lastCell = row[last];
    const first = right.includes(last) ? padStart(tail[0] ?? "", widths[last] ?? 0) : (tail[0] ?? "");
    const lines = [`${indent}${head}${columns > 1 ? "  " : ""}${lastCell ? painted(style, lastCell, first) : ""}`];
    for (const more of tail.slice(1))
      lines.push(" ".repeat(before) + (lastCell ? painted(style, lastCell, more) : more));
    return lines.map((line) => line.trimEnd());
  });
}

function painted(style: Style, cell: Cell, text: string): string {
  return cell.paint ? paint(style, cell.paint, text) : text;
}

/** What a last column that is wrapped needs at least. */
const WRAPPED = 24;

/**
 * The same as several tables, one below the other, none wider than the style: each begins with the first column. The last column
 * may be wrapped, so little room is enough for it.
 */
export function tables(
  header: readonly string[],
  rows: readonly (readonly Content[])[],
  style: Style,
): readonly string[] {
  const textOf = (c: Content | undefined): string => (typeof c === "string" ? c : (c?.text ?? ""));
  const needs = header.map((name, i) => {
    const all = [name, ...rows.map((row) => textOf(row[i]))].map((text) => widthOf(clean(text, style)));
    return i === header.length - 1 ? Math.min(WRAPPED, Math.max(...all)) : Math.max(...all);
  });
  const first = needs[0] ?? 0;
  const parts: number[][] = [];
  let room = 0;
  for (let i = 1; i < header.length; i++) {
    const need = 2 + (needs[i] as number);
    if (parts.length === 0 || need > room) {
      parts.push([]);
      room = style.width - first;
    }
    (parts.at(-1) as number[]).push(i);
    room -= need;
  }
  return parts.flatMap((columns, n) => [
    ...(n === 0 ? [] : [""]),
    ...table(
      [0, ...columns].map((i) => header[i] as string),
      rows.map((row) => [0, ...columns].map((i) => row[i] ?? "")),
      style,
    ),
  ]);
}
