/** `mayfail conform`: workloads run in the model, compared with what a real kernel told a real process. */
import { compareRecords } from "../conform/compare.ts";
import { type ConformRow, conformJson, failedRow, matches } from "../conform/report.ts";
import { align } from "../conform/sideBySide.ts";
import { mayfailError } from "../errors.ts";
import { paint, type Style } from "../report/style.ts";
import { type Cell, table } from "../report/table.ts";
import { clean, padEnd, shorten, wrap } from "../report/width.ts";
import { knownDifferences, type RecordFile, readRecord, recordsIn, workloadsIn } from "./conformFiles.ts";
import { type Context, EXIT } from "./context.ts";
import { Interrupted } from "./interrupted.ts";
import { brief } from "./options.ts";
import { hint } from "./suggest.ts";

/** More names than that are no help in a message. */
const MAX_NAMES = 12;

export async function conform(c: Context, words: readonly string[]): Promise<number> {
  if (c.options.pressure) return (await import("./conformPressure.ts")).conformPressure(c, words);
  const files = workloadsIn(c.options.workloads);
  const records = recordsIn(c.options.golden);
  const chosen = chosenRecords(records, files, words);
  const rows = await compareAll(c, chosen, files, knownDifferences(c.options.golden));
  const recorded = new Set(records.map((r) => r.workload));
  const unrecorded = words.length > 0 ? [] : [...files.keys()].filter((name) => !recorded.has(name));
  const unwritten = words.length > 0 ? [] : [...recorded].filter((name) => !files.has(name));
  if (c.options.json) c.io.out(`${JSON.stringify(conformJson(rows, unrecorded, unwritten))}\n`);
  else
    c.io.out(
      `${[...report(c, rows), ...summary(rows, chosen.length, unrecorded, unwritten).flatMap((s) => wrap(s, c.style.width))].join("\n")}\n`,
    );
  if (c.interrupted()) return EXIT.interrupted;
  return rows.every((row) => matches(row) || row.listed !== null) ? EXIT.ok : EXIT.broken;
}

/** A name stands for a workload with all its records, or for one of them. */
function chosenRecords(
  records: readonly RecordFile[],
  files: ReadonlyMap<string, string>,
  words: readonly string[],
): readonly RecordFile[] {
  const possible = records.filter((r) => files.has(r.workload));
  const known = [...new Set(possible.flatMap((r) => [r.name, r.workload]))];
  for (const word of words) {
    if (known.includes(word)) continue;
    throw mayfailError("MF0114", { name: brief(word), hint: hint(word, known), known: some(known) });
  }
  return words.length === 0 ? possible : possible.filter((r) => words.includes(r.name) || words.includes(r.workload));
}

function some(names: readonly string[]): string {
  const few = names.length > MAX_NAMES ? [...names.slice(0, MAX_NAMES), "..."] : names;
  return few.join(", ") || "none";
}

/** Ends early, with what is known, after Ctrl-C. */
async function compareAll(
  c: Context,
  records: readonly RecordFile[],
  files: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, string>,
): Promise<ConformRow[]> {
  const rows: ConformRow[] = [];
  for (const record of records) {
    if (c.interrupted()) break;
    c.progress.subject = record.name;
    const row = await compareOne(c, record, files.get(record.workload) as string, known.get(record.name) ?? null);
    if (row === null) break;
    rows.push(row);
  }
  c.progress.clear();
  return rows;
}

async function compareOne(
  c: Context,
  { name, path, guest, options }: RecordFile,
  file: string,
  listed: string | null,
): Promise<ConformRow | null> {
  const record = readRecord(path);
  try {
    const { events, failed } = await c.session.call("record", file, guest);
    const compared = compareRecords(record, events, options);
    if (failed === null) return { name, listed, ...compared };
    return { ...failedRow(name, failed, listed, compared.record), model: compared.model };
  } catch (e) {
    if (e instanceof Interrupted) return null;
    throw e;
  }
}

function report(c: Context, rows: readonly ConformRow[]): string[] {
  const details = rows.filter((row) => !matches(row) && row.listed === null);
  return [
    ...table(["workload", "events", "snapshots", ""], rows.map(cells), c.style),
    ...details.flatMap((row) => ["", ...detailsOf(row, c.style)]),
    "",
  ];
}

function cells(row: ConformRow): (string | Cell)[] {
  const cell = (text: string): Cell => ({ text, paint: text === "match" ? "good" : row.listed ? "unsure" : "bad" });
  return [row.name, cell(row.events), cell(row.snapshots), remark(row)];
}

function remark(row: ConformRow): string {
  if (matches(row)) {
    if (row.listed !== null) return "listed in DIFFERENCES.md, but it matches";
    return row.tolerated === 0 ? "" : `${row.tolerated} but for the LRU batch, in which the record does not repeat`;
  }
  return row.listed === null ? (row.first ?? "") : `listed: ${row.listed}`;
}

/** Both sequences beside each other, with what is around each difference. */
function detailsOf(row: ConformRow, style: Style): string[] {
  const width = Math.floor((style.width - 5) / 2);
  const rows = align(row.record, row.model);
  const differs = rows.map((r) => r.record !== r.model);
  const near = (i: number): boolean => differs.slice(Math.max(0, i - 3), i + 4).some((d) => d);
  const line = (left: string, sign: string, right: string): string =>
    `${padEnd(shorten(clean(left, style), width, style), width)} ${sign} ${shorten(clean(right, style), width, style)}`;
  const lines = rows.flatMap((r, i) => {
    if (!near(i)) return near(i - 1) ? ["  ..."] : [];
    const text = line(r.record ?? "", differs[i] ? "|" : " ", r.model ?? "").trimEnd();
    return [differs[i] ? paint(style, "bad", text) : text];
  });
  const head = paint(style, "bold", `${row.name}: ${clean(row.first ?? "", style)}`);
  return [head, paint(style, "dim", line("record", " ", "model")), ...lines];
}

function summary(
  rows: readonly ConformRow[],
  total: number,
  unrecorded: readonly string[],
  unwritten: readonly string[],
): string[] {
  const listed = rows.filter((row) => !matches(row) && row.listed !== null).length;
  const missing = total - rows.length;
  const parts = [
    `${rows.filter(matches).length} of ${total} match`,
    ...(listed > 0 ? [`${listed} differ as listed in DIFFERENCES.md`] : []),
    ...(missing > 0 ? [`${missing} not compared`] : []),
  ];
  return [
    `${parts.join(", ")}.`,
    ...(unrecorded.length > 0 ? [`Workloads without a record: ${unrecorded.join(", ")}.`] : []),
    ...(unwritten.length > 0 ? [`Records without a workload: ${unwritten.join(", ")}.`] : []),
  ];
}
