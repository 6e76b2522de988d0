/** What `mayfail conform` says: the document `mayfail/conform/1`, the table, and two sequences beside each other. */
import type { Comparison, Match } from "./compare.ts";
import type { CounterRow } from "./pressure/counters.ts";

/** One workload compared with one record. */
export interface ConformRow extends Comparison {
  readonly name: string;
  /** Why it is known to differ; null = not listed in DIFFERENCES.md. */
  readonly listed: string | null;
}

export interface ConformJson {
  readonly schema: "mayfail/conform/1";
  readonly workloads: readonly {
    readonly name: string;
    readonly events: Match;
    readonly snapshots: Match;
    readonly first: string | null;
    readonly tolerated: number;
    readonly listed: string | null;
  }[];
  /** Counters of jobs under memory pressure; `allowed` is the share of the record by which the model may differ. */
  readonly pressure: readonly CounterRow[];
  /** Workloads without a record, and records without a workload. */
  readonly unrecorded: readonly string[];
  readonly unwritten: readonly string[];
  readonly matched: number;
  readonly total: number;
}

export const matches = (c: Pick<Comparison, "events" | "snapshots">): boolean =>
  c.events === "match" && c.snapshots === "match";

export function conformJson(
  rows: readonly ConformRow[],
  unrecorded: readonly string[],
  unwritten: readonly string[],
  pressure: readonly CounterRow[] = [],
): ConformJson {
  return {
    schema: "mayfail/conform/1",
    workloads: rows.map(({ name, events, snapshots, first, tolerated, listed }) => ({
      name,
      events,
      snapshots,
      first,
      tolerated,
      listed,
    })),
    pressure,
    unrecorded,
    unwritten,
    matched: rows.filter(matches).length,
    total: rows.length,
  };
}

/** A row for a run that did not come to its end. */
export function failedRow(name: string, reason: string, listed: string | null, record: readonly string[]): ConformRow {
  const first = `the run in the model failed: ${reason}`;
  return { name, events: "differ", snapshots: "differ", tolerated: 0, first, record, model: [first], listed };
}
