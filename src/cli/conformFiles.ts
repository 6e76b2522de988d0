/** Where `mayfail conform` finds workloads, records and the list of known differences. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CompareOptions } from "../conform/compare.ts";
import { parseDifferences } from "../conform/differences.ts";
import { parseRecord, type RecordEvent } from "../conform/record.ts";
import { mayfailError } from "../errors.ts";
import type { Guest } from "./jobs.ts";
import { brief } from "./options.ts";
import { reasonOf } from "./target.ts";

/** conformance/ of the checkout or of the package. */
const home = fileURLToPath(new URL("../../conformance/", import.meta.url));

const LIST = "DIFFERENCES.md";

/** Path by name of each `NAME.ts` directly in the folder. Raises MF0104 and MF0115. */
export function workloadsIn(folder = join(home, "workloads")): ReadonlyMap<string, string> {
  const found = namesIn(folder, ".ts").map((name) => [name, join(folder, `${name}.ts`)] as const);
  if (found.length === 0) throw mayfailError("MF0115", { folder: brief(folder), what: "workloads (*.ts)" });
  return new Map(found);
}

/** One record, and how the machine was that it was made with. */
export interface RecordFile {
  /** Of the workload, with the folder of the record before it where that is not the first one. */
  readonly name: string;
  readonly workload: string;
  readonly path: string;
  readonly guest: Guest;
  readonly options: CompareOptions;
}

/** The records of a folder, or of its subfolders that have any. Raises MF0104 and MF0115. */
export function recordsIn(folder = join(home, "golden")): readonly RecordFile[] {
  const folders = [folder, ...subfoldersOf(folder)].filter((each) => namesIn(each, ".jsonl").length > 0);
  if (folders.length === 0) throw mayfailError("MF0115", { folder: brief(folder), what: "records (*.jsonl)" });
  return folders.flatMap((each, i) => recordsOf(each, i === 0 ? "" : `${basename(each)}/`));
}

function recordsOf(folder: string, prefix: string): RecordFile[] {
  const varying = varyingIn(folder);
  const guest = guestOf(folder);
  return namesIn(folder, ".jsonl").map((workload) => ({
    name: `${prefix}${workload}`,
    workload,
    path: join(folder, `${workload}.jsonl`),
    guest,
    options: { batchVaries: varying.has(workload) },
  }));
}

/** machine.json beside the records; without one, what the name of the folder says. */
function guestOf(folder: string): Guest {
  const file = join(folder, "machine.json");
  if (existsSync(file)) return readJson(file) as Guest;
  return basename(folder).endsWith("-movable") ? { movable: 0.4 } : {};
}

/** Names of records of which index.json says that page snapshots did not repeat. */
function varyingIn(folder: string): ReadonlySet<string> {
  const file = join(folder, "index.json");
  if (!existsSync(file)) return new Set();
  const index = readJson(file) as readonly { name?: string; repeats?: string }[];
  const varying = Array.isArray(index) ? index.filter((each) => each?.repeats === "sequence") : [];
  return new Set(varying.map((each) => String(each.name)));
}

function readJson(file: string): unknown {
  const text = readFileSync(file, "utf8");
  try {
    return JSON.parse(text);
  } catch (e) {
    throw mayfailError("MF0116", { file: brief(file), reason: (e as Error).message });
  }
}

/** Raises MF0104 and MF0116. */
export function readRecord(path: string): RecordEvent[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (e) {
    throw mayfailError("MF0104", { file: brief(path), reason: reasonOf(e) });
  }
  try {
    return parseRecord(text);
  } catch (e) {
    throw mayfailError("MF0116", { file: brief(path), reason: (e as Error).message });
  }
}

/** Of the folder of records, if it has such a list of its own. */
export function knownDifferences(folder = home): ReadonlyMap<string, string> {
  const file = [join(folder, LIST), join(home, LIST)].find((path) => existsSync(path));
  return file === undefined ? new Map() : parseDifferences(readFileSync(file, "utf8"));
}

function namesIn(folder: string, extension: string): string[] {
  return list(folder)
    .filter((name) => name.endsWith(extension) && !name.endsWith(`.d${extension}`))
    .filter((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.isFile() === true)
    .map((name) => name.slice(0, -extension.length))
    .sort();
}

function subfoldersOf(folder: string): string[] {
  return list(folder)
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    .sort();
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (e) {
    throw mayfailError("MF0104", { file: brief(folder), reason: reasonOf(e) });
  }
}
