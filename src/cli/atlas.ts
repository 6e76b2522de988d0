/**
 * `mayfail atlas`: every case and variant with its verdict, beside the one that the case's author stands for. Under other rules
 * or with other drivers (`--rules`, `--driver-variant`): the rows in which the verdict is another than the recorded one.
 */

import { mayfailError } from "../errors.ts";
import {
  type AtlasCell,
  type AtlasRow,
  asExpected,
  atlasMarkdown,
  atlasTable,
  changedRows,
  changesMarkdown,
  changesTable,
} from "../report/atlas.ts";
import { atlasJson } from "../report/json.ts";
import { escapeMd } from "../report/mdText.ts";
import { shellWord } from "../report/sections.ts";
import type { Style } from "../report/style.ts";
import { table } from "../report/table.ts";
import { clean, wrap } from "../report/width.ts";
import { type Context, EXIT, experimentOf } from "./context.ts";
import { type Experiment, experimentWords, isExperiment } from "./experiment.ts";
import type { CaseInfo } from "./jobs.ts";
import { brief, usage } from "./options.ts";
import { formatOf, writeResult } from "./output.ts";
import { checkAll } from "./rows.ts";
import { hint } from "./suggest.ts";

export async function atlas(c: Context, words: readonly string[]): Promise<number> {
  const { options } = c;
  const format = formatOf(c);
  if (format === "html" || format === "mail") throw usage("atlas prints text or Markdown (--format md)", "atlas");
  const cases = chosenCases(await c.session.call("cases"), words);
  if (options.list) {
    const text = options.json ? JSON.stringify(listJson(cases)) : list(c, cases, words.length > 0).join("\n");
    writeResult(c, `${text}\n`);
    return EXIT.ok;
  }
  const rows = await checkAll(c, cases, experimentOf(options));
  const cells = rows.flatMap((r) => r.variants);
  if (options.json) writeResult(c, `${JSON.stringify(atlasJson(rows, options))}\n`);
  else {
    const lines = isExperiment(options) ? changes(c, rows, format === "md") : whole(c, rows, format === "md");
    writeResult(c, `${[...lines, ...verdictOfAtlas(cells, cases, isExperiment(options))].join("\n")}\n`);
  }
  return c.interrupted() ? EXIT.interrupted : exitCode(cells);
}

function chosenCases(all: readonly CaseInfo[], words: readonly string[]): readonly CaseInfo[] {
  const ids = all.map((info) => info.id);
  for (const word of words) {
    if (!ids.includes(word)) throw mayfailError("MF0105", { name: brief(word), hint: hint(word, ids) });
  }
  return words.length === 0 ? all : all.filter((info) => words.includes(info.id));
}

function whole(c: Context, rows: readonly AtlasRow[], md: boolean): string[] {
  return md ? atlasMarkdown(rows) : atlasTable(rows, c.style);
}

/** What is not as recorded, and the command that tells the first of it in full. */
function changes(c: Context, rows: readonly AtlasRow[], md: boolean): string[] {
  const title = `The atlas with ${experimentInWords(c.options)}:`;
  if (md) return [escapeMd(title), "", ...changesMarkdown(rows)];
  const [first] = changedRows(rows).toSorted(
    (a, b) => Number(a.cell.verdict === "ok") - Number(b.cell.verdict === "ok"),
  );
  const words = experimentWords(c.options).map(shellWord).join(" ");
  const more =
    first === undefined ? [] : ["", `One of them in full: mayfail check ${first.id}:${first.cell.name} ${words}`];
  return [...wrap(clean(title, c.style), c.style.width), "", ...changesTable(rows, c.style), ...more];
}

function experimentInWords({ rules, driverVariant }: Experiment): string {
  const parts = [
    ...(rules === undefined ? [] : [`the rules ${rules}`]),
    ...(driverVariant === undefined ? [] : [`the driver ${driverVariant}`]),
  ];
  return parts.join(" and ");
}

function verdictOfAtlas(cells: readonly AtlasCell[], cases: readonly CaseInfo[], experiment: boolean): string[] {
  const total = cases.reduce((n, info) => n + info.variants.length, 0);
  const good = cells.filter(asExpected).length;
  const missing = total - cells.length;
  const left = missing > 0 ? `${missing} not searched` : "";
  if (experiment) return left === "" ? [] : [`${left}.`];
  return ["", `${good} of ${total} as expected${left === "" ? "" : `, ${left}`}.`];
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
