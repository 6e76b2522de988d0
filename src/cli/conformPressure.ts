/** `mayfail conform --pressure`: jobs under memory pressure, run in the model; their counters beside those of a real kernel. */
import { compareCallbacks } from "../conform/pressure/callbacks.ts";
import { type CounterRow, compareCounters } from "../conform/pressure/counters.ts";
import { type Divergence, firstDivergence, vmscanLine } from "../conform/pressure/vmscan.ts";
import { conformJson } from "../conform/report.ts";
import { mayfailError } from "../errors.ts";
import { paint, type Style } from "../report/style.ts";
import { type Cell, table } from "../report/table.ts";
import { clean, wrap } from "../report/width.ts";
import { knownDifferences } from "./conformFiles.ts";
import { type Context, EXIT } from "./context.ts";
import { Interrupted } from "./interrupted.ts";
import { brief } from "./options.ts";
import { type PressureFiles, pressureFilesIn, readEvidence } from "./pressureFiles.ts";
import { hint } from "./suggest.ts";

interface JobOutcome {
  readonly name: string;
  readonly rows: readonly CounterRow[];
  /** Reason in DIFFERENCES.md; null = not listed. */
  readonly listed: string | null;
  /** Why the run in the model did not come to its end; null = it did. */
  readonly failed: string | null;
  /** The first callback that differs; null = none. */
  readonly callback: string | null;
  /** Null = no trace in the record, or the trace is the same. */
  readonly divergence: Divergence | null;
}

const isWithin = (o: JobOutcome): boolean => o.rows.every((row) => row.within);

export async function conformPressure(c: Context, words: readonly string[]): Promise<number> {
  const chosen = chosenJobs(pressureFilesIn(c.options.golden), words);
  const known = knownDifferences(c.options.golden);
  const outcomes: JobOutcome[] = [];
  for (const files of chosen) {
    if (c.interrupted()) break;
    c.progress.subject = files.name;
    const outcome = await runJob(c, files, known.get(`pressure/${files.name}`) ?? null);
    if (outcome === null) break;
    outcomes.push(outcome);
  }
  c.progress.clear();
  const rows = outcomes.flatMap((o) => o.rows);
  if (c.options.json) c.io.out(`${JSON.stringify(conformJson([], [], [], rows))}\n`);
  else c.io.out(`${report(outcomes, chosen.length, c.style).join("\n")}\n`);
  if (c.interrupted()) return EXIT.interrupted;
  return outcomes.every((o) => isWithin(o) || o.listed !== null) ? EXIT.ok : EXIT.broken;
}

/** A word is a job (zipf_4x), a job of a set (memcg/zipf_4x), or a set (memcg). */
function chosenJobs(files: readonly PressureFiles[], words: readonly string[]): readonly PressureFiles[] {
  const namesOf = (f: PressureFiles): string[] => [f.name, f.job, f.name.split("/")[0] as string];
  const known = [...new Set(files.flatMap(namesOf))];
  for (const word of words) {
    if (known.includes(word)) continue;
    throw mayfailError("MF0117", {
      name: brief(word),
      hint: hint(word, known),
      known: files.map((f) => f.name).join(", "),
    });
  }
  return words.length === 0 ? files : files.filter((f) => namesOf(f).some((name) => words.includes(name)));
}

async function runJob(c: Context, files: PressureFiles, listed: string | null): Promise<JobOutcome | null> {
  const { job, record, trace, log } = readEvidence(files);
  try {
    const result = await c.session.call("pressure", job);
    const callbacks = log === null ? null : compareCallbacks(job.name, log, result.callbacks);
    const rows = [
      ...(record === null ? [] : compareCounters(job.name, record, result.run)),
      ...(callbacks === null ? [] : [callbacks.row]),
    ];
    return {
      name: job.name,
      listed,
      // A run that came to no end is no match, whatever it had counted.
      rows: result.failed === null ? rows : rows.map((row) => ({ ...row, within: false })),
      failed: result.failed,
      callback: callbacks?.first ?? null,
      divergence: trace === null ? null : firstDivergence(trace, result.vmscan),
    };
  } catch (e) {
    if (e instanceof Interrupted) return null;
    throw e;
  }
}

function report(outcomes: readonly JobOutcome[], total: number, style: Style): string[] {
  const rows = outcomes.flatMap((o) => o.rows.map((row, i) => cells(row, i === 0 ? o.name : "", o.listed)));
  const details = outcomes.filter((o) => !isWithin(o)).flatMap((o) => ["", ...detailsOf(o, style)]);
  const within = outcomes.filter(isWithin).length;
  const listed = outcomes.filter((o) => !isWithin(o) && o.listed !== null).length;
  const missing = total - outcomes.length;
  const parts = [
    `${within} of ${total} jobs within the limits`,
    ...(listed > 0 ? [`${listed} outside as listed in DIFFERENCES.md`] : []),
    ...(missing > 0 ? [`${missing} not compared`] : []),
  ];
  return [
    ...table(["job", "counter", "record", "model", "allowed", ""], rows, style, { right: [2, 3, 4] }),
    ...details,
    "",
    ...wrap(`${parts.join(", ")}.`, style.width),
  ];
}

function cells(row: CounterRow, name: string, listed: string | null): (string | Cell)[] {
  const verdict: Cell = row.within
    ? { text: "within", paint: "good" }
    : { text: "outside", paint: listed === null ? "bad" : "unsure" };
  const allowed = row.allowed === 0 ? "equal" : `±${(row.allowed * 100).toFixed(1)} %`;
  return [name, row.counter, figure(row.record), figure(row.model), allowed, verdict];
}

const figure = (n: number): string => (Number.isInteger(n) ? String(n) : n.toFixed(1));

/** Why a job may be outside: the callback, and the step of reclaim, in which the model first does something else. */
function detailsOf(o: JobOutcome, style: Style): string[] {
  const head = paint(style, "bold", `${o.name}:${o.listed === null ? "" : ` listed: ${clean(o.listed, style)}`}`);
  const { divergence: d } = o;
  return [
    head,
    ...(o.failed === null ? [] : wrap(`The run in the model failed: ${clean(o.failed, style)}`, style.width)),
    ...(o.callback === null ? [] : wrap(clean(o.callback, style), style.width)),
    ...(d === null
      ? []
      : [
          `The trace of the record is equal for ${d.equal} events; the next one, in reclaim ${d.reclaim}, is another:`,
          ...d.before.map((e) => paint(style, "dim", `    both    ${clean(vmscanLine(e), style)}`)),
          `    record  ${d.record === null ? "(no further event)" : clean(vmscanLine(d.record), style)}`,
          paint(
            style,
            "bad",
            `    model   ${d.model === null ? "(no further event)" : clean(vmscanLine(d.model), style)}`,
          ),
        ]),
  ];
}
