/** `mayfail atlas`: every case and variant with its verdict, beside the one that the case's author stands for. */

import { mayfailError } from "../errors.ts";
import { type AtlasCell, type AtlasRow, asExpected, atlasJson } from "../report/json.ts";
import type { Outcome } from "../report/outcome.ts";
import type { Style } from "../report/style.ts";
import { type Cell, table } from "../report/table.ts";
import { paintOf } from "../report/text.ts";
import { clean, grouped, wrap } from "../report/width.ts";
import { boundsOf, type Context, EXIT } from "./context.ts";
import { Interrupted } from "./interrupted.ts";
import type { CaseInfo } from "./jobs.ts";
import { brief } from "./options.ts";
import { hint } from "./suggest.ts";

export async function atlas(c: Context, words: readonly string[]): Promise<number> {
  const cases = chosenCases(await c.session.call("cases"), words);
  if (c.options.list) {
    c.io.out(
      c.options.json ? `${JSON.stringify(listJson(cases))}\n` : `${list(c, cases, words.length > 0).join("\n")}\n`,
    );
    return EXIT.ok;
  }
  const rows = await checkAll(c, cases);
  const cells = rows.flatMap((r) => r.variants);
  if (c.options.json) c.io.out(`${JSON.stringify(atlasJson(rows))}\n`);
  else c.io.out(`${atlasTable(c, rows).join("\n")}\n\n${verdictOfAtlas(cells, cases)}\n`);
  return c.interrupted() ? EXIT.interrupted : exitCode(cells);
}

function chosenCases(all: readonly CaseInfo[], words: readonly string[]): readonly CaseInfo[] {
  const ids = all.map((info) => info.id);
  for (const word of words) {
    if (!ids.includes(word)) throw mayfailError("MF0105", { name: brief(word), hint: hint(word, ids) });
  }
  return words.length === 0 ? all : all.filter((info) => words.includes(info.id));
}

/** Ends early, with what is known, after Ctrl-C. */
export async function checkAll(c: Context, cases: readonly CaseInfo[]): Promise<AtlasRow[]> {
  const rows: AtlasRow[] = [];
  for (const info of cases) {
    const variants: AtlasCell[] = [];
    rows.push({ id: info.id, class: info.class, variants });
    for (const { name } of info.variants) {
      c.progress.subject = `${info.id}:${name}`;
      const outcome = await checkOne(c, info.id, name);
      if (outcome !== null) variants.push(cellOf(outcome));
      if (c.interrupted()) return rows;
    }
  }
  c.progress.clear();
  return rows;
}

async function checkOne(c: Context, id: string, variant: string): Promise<Outcome | null> {
  try {
    return await c.session.call("check", { kind: "atlas", id }, variant, boundsOf(c.options));
  } catch (e) {
    if (e instanceof Interrupted) return null;
    throw e;
  }
}

function cellOf({ variant, expected, verdict, complete, states, seconds }: Outcome): AtlasCell {
  return { name: variant, expected, verdict, complete, states, seconds };
}

export function verdictCell(c: Pick<AtlasCell, "verdict" | "complete">): Cell {
  return { text: c.verdict === "ok" && !c.complete ? "not decided" : c.verdict, paint: paintOf(c) };
}

function atlasTable(c: Context, rows: readonly AtlasRow[]): string[] {
  const body = rows.flatMap((row) =>
    row.variants.map((v, i) => [
      i === 0 ? row.id : "",
      v.name,
      verdictCell(v),
      grouped(v.states),
      v.seconds.toFixed(2),
      asExpected(v) ? "as expected" : { text: `expected: ${v.expected ?? "nothing stated"}`, paint: "bad" as const },
    ]),
  );
  const header = ["case", "variant", "verdict", "states", "seconds", ""];
  return table(header, body, c.style, { right: [3, 4] });
}

function verdictOfAtlas(cells: readonly AtlasCell[], cases: readonly CaseInfo[]): string {
  const total = cases.reduce((n, info) => n + info.variants.length, 0);
  const good = cells.filter(asExpected).length;
  const missing = total - cells.length;
  return `${good} of ${total} as expected${missing > 0 ? `, ${missing} not searched` : ""}.`;
}

function exitCode(cells: readonly AtlasCell[]): number {
  const wrong = cells.filter((v) => !asExpected(v));
  if (wrong.length === 0) return EXIT.ok;
  return wrong.every((v) => v.verdict === "ok" && !v.complete) ? EXIT.notDecided : EXIT.broken;
}

/** A case that was asked for by name is told in full. */
function list(c: Context, cases: readonly CaseInfo[], named: boolean): string[] {
  return cases.flatMap((info, i) => [
    ...(i > 0 ? [""] : []),
    `${info.id}${info.class === "" ? "" : ` (${info.class})`}`,
    ...(info.title === "" ? [] : [`  ${info.title}`]),
    ...table(
      [],
      info.variants.map((v) => [v.name, v.expected ?? "", v.about]),
      c.style,
      { indent: "  " },
    ),
    ...(named ? story(info, c.style) : []),
  ]);
}

function story(info: CaseInfo, style: Style): string[] {
  const width = Math.min(style.width, 100);
  const paragraphs = info.text.split(/\n\s*\n/).map((p) => wrap(clean(p.replace(/\s+/g, " "), style), width));
  const sources = info.sources.flatMap((s) => wrap(clean(`- ${s.ref}: ${s.what}`, style), width, "  "));
  return [...paragraphs.filter((p) => p.length > 0), sources].flatMap((lines) =>
    lines.length > 0 ? ["", ...lines] : [],
  );
}

function listJson(cases: readonly CaseInfo[]) {
  return { schema: "mayfail/cases/1", cases };
}
