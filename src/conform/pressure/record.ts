/** Records of pressure jobs: NAME.classic.json, made by conformance/real-kernel/tools/pressure.mjs. */

import { type PressureParams, parseParams } from "./job.ts";
import { count, list, numbers, object, text } from "./json.ts";
import type { Counters } from "./model.ts";

export interface PressureRecord {
  readonly name: string;
  readonly params: PressureParams;
  /** Repetitions in a boot of counted instructions, then of real time; without those that paid for tracing. */
  readonly runs: readonly PressureRun[];
  /** The repetition that was traced: the one whose vmscan events are recorded. */
  readonly traced: PressureRun | null;
}

/** Changes from the accesses on. */
export interface PressureRun {
  readonly rusage: Counters;
  readonly vmstat: Counters;
  /** Of the memory cgroup; null = the job has none. */
  readonly memstat: Counters | null;
}

/** Throws a SyntaxError that names the field. */
export function parsePressureRecord(source: string): PressureRecord {
  const record = object(JSON.parse(source), "the record");
  if (record["lru"] !== "classic") throw new SyntaxError("lru is not classic");
  const params = parseParams(record["params"]);
  const skipped = record["firstRunTraced"] === true ? 1 : 0;
  const all = (key: string): PressureRun[] =>
    list(record[key], key).map((run, i) => runOf(run, `${key}[${i}]`, params.memcgMaxPages > 0));
  const counted = all("runs");
  const timed = all("realtimeRuns");
  const runs = [...counted.slice(skipped), ...timed.slice(skipped)];
  if (runs.length === 0) throw new SyntaxError("runs has no repetition without tracing");
  return { name: text(record["name"], "name"), params, runs, traced: skipped === 1 ? (counted[0] ?? null) : null };
}

function runOf(value: unknown, where: string, inCgroup: boolean): PressureRun {
  const run = object(value, where);
  const rusage = object(run["rusage_run"], `${where}.rusage_run`);
  return {
    rusage: {
      minflt: count(rusage["minflt"], `${where}.rusage_run.minflt`),
      majflt: count(rusage["majflt"], `${where}.rusage_run.majflt`),
    },
    vmstat: numbers(run["vmstat_run"], `${where}.vmstat_run`),
    memstat: inCgroup ? numbers(run["memstat_run"], `${where}.memstat_run`) : null,
  };
}
