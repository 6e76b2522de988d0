/** Where `mayfail conform --pressure` finds records: SET/NAME.classic.json, its trace, and the log of its notifier. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { type PressureJob, parseJobs, parseMachine } from "../conform/pressure/job.ts";
import { type PressureRecord, parsePressureRecord } from "../conform/pressure/record.ts";
import { parseVmscan, type VmscanEvent } from "../conform/pressure/vmscan.ts";
import { parseRecord, type RecordEvent } from "../conform/record.ts";
import { mayfailError } from "../errors.ts";
import { brief } from "./options.ts";
import { reasonOf } from "./target.ts";

const COUNTERS = ".classic.json";
const TRACE = ".classic.vmscan.jsonl.gz";
const LOG = ".classic.first256.jsonl";

const home = fileURLToPath(new URL("../../conformance/golden/", import.meta.url));

/** What there is of a job, as names of files. */
export interface PressureFiles {
  /** SET/NAME. */
  readonly name: string;
  readonly folder: string;
  readonly job: string;
}

export interface PressureEvidence {
  readonly job: PressureJob;
  /** Null = only the log of the notifier is there. */
  readonly record: PressureRecord | null;
  readonly trace: readonly VmscanEvent[] | null;
  readonly log: readonly RecordEvent[] | null;
}

/** Every job with counters or a log, in the sets below `folder`/pressure, or below `folder`. Raises MF0104 and MF0115. */
export function pressureFilesIn(folder = home): readonly PressureFiles[] {
  const below = existsSync(join(folder, "pressure")) ? join(folder, "pressure") : folder;
  const sets = list(below).filter((set) => existsSync(join(below, set, "machine.json")));
  const files = sets.flatMap((set) => jobsIn(join(below, set)));
  if (files.length === 0)
    throw mayfailError("MF0115", { folder: brief(folder), what: `pressure records (*${COUNTERS})` });
  return files;
}

function jobsIn(folder: string): PressureFiles[] {
  const names = list(folder).flatMap((file) => {
    const end = [COUNTERS, LOG].find((extension) => file.endsWith(extension));
    return end === undefined ? [] : [file.slice(0, -end.length)];
  });
  return [...new Set(names)].sort().map((job) => ({ name: `${basename(folder)}/${job}`, folder, job }));
}

/** Reads all files of a job. Raises MF0104 and MF0116. */
export function readEvidence({ name, folder, job }: PressureFiles): PressureEvidence {
  const path = (extension: string): string => join(folder, `${job}${extension}`);
  const optional = <T>(extension: string, parse: (text: string) => T): T | null =>
    existsSync(path(extension)) ? parsed(path(extension), parse) : null;
  const record = optional(COUNTERS, parsePressureRecord);
  const machine = parsed(join(folder, "machine.json"), (text) => parseMachine(JSON.parse(text)));
  const params = record?.params ?? parsed(join(folder, "jobs.txt"), parseJobs).get(job);
  if (params === undefined) throw malformed(path(LOG), `jobs.txt does not list ${job}`);
  return {
    job: { name, params, machine },
    record,
    trace: optional(TRACE, parseVmscan),
    log: optional(LOG, parseRecord),
  };
}

function parsed<T>(path: string, parse: (text: string) => T): T {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (e) {
    throw mayfailError("MF0104", { file: brief(path), reason: reasonOf(e) });
  }
  try {
    return parse((path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8"));
  } catch (e) {
    throw malformed(path, (e as Error).message);
  }
}

const malformed = (path: string, reason: string): Error =>
  mayfailError("MF0116", { file: brief(path), reason: brief(reason) });

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (e) {
    throw mayfailError("MF0104", { file: brief(folder), reason: reasonOf(e) });
  }
}
