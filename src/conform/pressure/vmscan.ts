/**
 * The mm_vmscan_* events of a run, with the kernel's field names, and where a run of the model first leaves the record.
 * Counters say that a run differs; the first isolation that differs says why.
 */
import { showGfpFlags } from "../../mm/showGfpFlags.ts";
import { object } from "./json.ts";

/** One event: its name without mm_vmscan_, the task, and the fields of the trace point. */
export interface VmscanEvent {
  readonly ev: string;
  /** Who: "pressure", "kswapd0". */
  readonly by?: string;
  readonly [field: string]: string | number | undefined;
}

/** When something happened is no part of the comparison. */
const IGNORED: ReadonlySet<string> = new Set(["t"]);

export interface Divergence {
  /** Events before it that are equal. */
  readonly equal: number;
  /** Number of the run of reclaim in which it happens, from 1 on. */
  readonly reclaim: number;
  /** The last equal ones, oldest first. */
  readonly before: readonly VmscanEvent[];
  /** Null = that side has no further event. */
  readonly record: VmscanEvent | null;
  readonly model: VmscanEvent | null;
}

const SHOWN_BEFORE = 3;

/** One JSON object a line. Throws a SyntaxError that names the line. */
export function parseVmscan(text: string): VmscanEvent[] {
  return text.split("\n").flatMap((line, i) => (line.trim() === "" ? [] : [eventOf(line, `line ${i + 1}`)]));
}

function eventOf(line: string, where: string): VmscanEvent {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (e) {
    throw new SyntaxError(`${where}: ${(e as Error).message}`);
  }
  const event = object(value, where);
  if (typeof event["ev"] !== "string") throw new SyntaxError(`${where} has no ev`);
  for (const [field, v] of Object.entries(event)) {
    if (typeof v !== "string" && typeof v !== "number") throw new SyntaxError(`${where}: ${field} is no plain value`);
  }
  return event as unknown as VmscanEvent;
}

/** Null = both are equal, event by event. */
export function firstDivergence(record: readonly VmscanEvent[], model: readonly VmscanEvent[]): Divergence | null {
  let reclaim = 0;
  for (let i = 0; i < Math.max(record.length, model.length); i++) {
    const a = record[i] ?? null;
    const b = model[i] ?? null;
    if (a !== null && begins(a)) reclaim++;
    if (a !== null && b !== null && vmscanLine(a) === vmscanLine(b)) continue;
    return { equal: i, reclaim, before: record.slice(Math.max(0, i - SHOWN_BEFORE), i), record: a, model: b };
  }
  return null;
}

const begins = (e: VmscanEvent): boolean => e.ev.endsWith("_begin") || e.ev === "kswapd_wake";

/** The event in one line, as the trace file has it: fields by name, whatever order they came in. */
export function vmscanLine(e: VmscanEvent): string {
  const fields = Object.entries(e)
    .filter(([name, value]) => name !== "ev" && name !== "by" && !IGNORED.has(name) && value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`);
  return [`${e.by ?? "?"}: mm_vmscan_${e.ev}:`, ...fields].join(" ").replace(/:$/, "");
}

const RECORDED =
  /^mm_vmscan_((?:lru_(?:isolate|shrink_inactive|shrink_active))|(?:kswapd_(?:wake|sleep))|wakeup_kswapd|(?:direct|memcg|node)_reclaim_(?:begin|end))$/;
/** Field of a trace event → what the trace file prints. */
const PRINTED: Readonly<Record<string, string>> = {
  highest_zoneidx: "classzone",
  nr_activate0: "nr_activate_anon",
  nr_activate1: "nr_activate_file",
  reclaim_flags: "flags",
};

/** An event of the model as a trace file has it; null = not one of those that are recorded. */
export function vmscanEventOf(
  name: string,
  fields: Readonly<Record<string, string | number | boolean>>,
  by: string,
): VmscanEvent | null {
  const ev = RECORDED.exec(name)?.[1];
  if (ev === undefined) return null;
  const printed = Object.entries(fields)
    .filter(([f]) => f !== "zid")
    .map(([f, v]) => [PRINTED[f] ?? f, f === "gfp_flags" ? showGfpFlags(Number(v)) : v]);
  return { ev, by, ...Object.fromEntries(printed) };
}
