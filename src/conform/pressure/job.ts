/** Jobs of the pressure workload: what `conformance/real-kernel/workloads/pressure.c` was asked to do, and where. */
import { count, list, number, object, text, whole } from "./json.ts";

export const PATTERNS = ["seq", "uniform", "zipf", "phase"] as const;
export type Pattern = (typeof PATTERNS)[number];

/** The options of one run. Pages 0 … anon-1 are anonymous, anon … anon+file-1 are those of a shared file. */
export interface PressureParams {
  readonly pattern: Pattern;
  /** Pages. */
  readonly anon: number;
  /** Pages. */
  readonly file: number;
  readonly accesses: number;
  readonly seed: number;
  /** Of the anonymous pages, from the first on: written to and pinned for long before anything else. */
  readonly pinnedPercent: number;
  readonly writePercent: number;
  /** memory.max in pages; 0 = no memory cgroup, the machine itself is small. */
  readonly memcgMaxPages: number;
  /** A notifier listens. */
  readonly notifier: boolean;
  /** It answers "young" to every question. */
  readonly secondaryYoung: boolean;
  /** All pages are touched once in order before the accesses. */
  readonly prefill: boolean;
  /** The file is mapped with MADV_RANDOM: no read-around. */
  readonly madvRandom: boolean;
}

/** The machine of a set of records: machine.json. */
export interface PressureMachine {
  /** By "NODE/NAME"; all in pages. */
  readonly zones: Readonly<Record<string, PressureZone>>;
  readonly swapPages: number;
  readonly sysctl: Readonly<Record<string, number>>;
  /** Not in the record: a word of the kernel's command line of the guest; the kernel's default is 65536. */
  readonly faultAroundBytes: number;
}

export interface PressureZone {
  readonly free: number;
  readonly min: number;
  readonly low: number;
  readonly high: number;
  readonly managed: number;
  /** lowmem_reserve by the highest zone of the allocation. */
  readonly protection: readonly number[];
}

export interface PressureJob {
  /** SET/NAME. */
  readonly name: string;
  readonly params: PressureParams;
  readonly machine: PressureMachine;
}

const MOST_PAGES = 2 ** 22;
const MOST_ACCESSES = 10_000_000;
const PAGE_KB = 4;

/** The object `params` of a record. Throws a SyntaxError that names the field. */
export function parseParams(value: unknown): PressureParams {
  const p = object(value, "params");
  const pattern = PATTERNS.find((known) => known === p["pattern"]);
  if (pattern === undefined) throw new SyntaxError(`params.pattern is none of ${PATTERNS.join(", ")}`);
  const field = (name: string, most: number): number => whole(p[name], `params.${name}`, most);
  const params: PressureParams = {
    pattern,
    anon: field("anon", MOST_PAGES),
    file: field("file", MOST_PAGES),
    accesses: field("accesses", MOST_ACCESSES),
    seed: field("seed", Number.MAX_SAFE_INTEGER),
    pinnedPercent: field("pinnedPercent", 100),
    writePercent: field("writePercent", 100),
    memcgMaxPages: field("memcgMaxPages", MOST_PAGES),
    notifier: field("notifier", 1) === 1,
    secondaryYoung: field("secondaryYoung", 1) === 1,
    prefill: field("prefill", 1) === 1,
    madvRandom: field("madvRandom", 1) === 1,
  };
  if (params.anon + params.file === 0) throw new SyntaxError("params has no pages: anon and file are both 0");
  return params;
}

/** machine.json. Throws a SyntaxError that names the field. */
export function parseMachine(value: unknown): PressureMachine {
  const machine = object(value, "the file");
  const zones = Object.entries(object(machine["zones"], "zones")).map(([name, zone]) => [name, zoneOf(zone, name)]);
  if (zones.length === 0) throw new SyntaxError("zones is empty");
  const swaps = list(machine["swaps"], "swaps");
  const cmdline = text(machine["cmdline"] ?? "", "cmdline");
  const around = /(?:^|\s)lab_fa=(\d{1,9})(?:\s|$)/.exec(cmdline)?.[1];
  return {
    zones: Object.fromEntries(zones),
    swapPages: swaps.reduce<number>((pages, swap) => pages + swapPages(swap), 0),
    sysctl: Object.fromEntries(
      Object.entries(object(machine["sysctl"], "sysctl")).map(([k, v]) => [k, number(v, `sysctl.${k}`)]),
    ),
    faultAroundBytes: around === undefined ? 65536 : Number(around),
  };
}

function zoneOf(value: unknown, name: string): PressureZone {
  const zone = object(value, `zones.${name}`);
  const field = (key: string): number => count(zone[key], `zones.${name}.${key}`);
  return {
    free: field("free"),
    min: field("min"),
    low: field("low"),
    high: field("high"),
    managed: field("managed"),
    protection: list(zone["protection"], `zones.${name}.protection`).map((n) => count(n, `zones.${name}.protection`)),
  };
}

/** A line of /proc/swaps in words: device, kind, size in kB, used, priority. */
function swapPages(value: unknown): number {
  const kb = Number(list(value, "swaps")[2]);
  if (!Number.isInteger(kb) || kb < 0) throw new SyntaxError("swaps: the third word is no size in kB");
  return Math.floor(kb / PAGE_KB);
}

/** Option of pressure.c → field of a record. */
const OPTIONS: Readonly<Record<string, keyof PressureParams>> = {
  pat: "pattern",
  anon: "anon",
  file: "file",
  acc: "accesses",
  seed: "seed",
  pin: "pinnedPercent",
  write: "writePercent",
  max: "memcgMaxPages",
  notify: "notifier",
  young: "secondaryYoung",
  prefill: "prefill",
  rand: "madvRandom",
};

/** What pressure.c takes where an option is not given. */
const DEFAULTS = {
  pattern: "zipf",
  anon: 1024,
  file: 0,
  accesses: 10000,
  seed: 1,
  pinnedPercent: 0,
  writePercent: 50,
  memcgMaxPages: 0,
  notifier: 0,
  secondaryYoung: 0,
  prefill: 1,
  madvRandom: 0,
};

/**
 * Parameters by name of the job, from a list of jobs as the guest has it: a line is `LRU TRACE name=NAME OPTION=VALUE…`.
 * Throws a SyntaxError that names the line.
 */
export function parseJobs(source: string): ReadonlyMap<string, PressureParams> {
  const jobs = new Map<string, PressureParams>();
  for (const [i, line] of source.split("\n").entries()) {
    const [lru = "", , ...words] = line.trim().split(/\s+/);
    if (lru === "" || lru.startsWith("#")) continue;
    const fields: Record<string, unknown> = { ...DEFAULTS };
    let name = "";
    for (const word of words) {
      const [option = "", value = ""] = word.split("=");
      const field = OPTIONS[option];
      if (option === "name") name = value;
      else if (field === undefined) throw new SyntaxError(`line ${i + 1}: there is no option "${option}"`);
      else fields[field] = field === "pattern" ? value : Number(value);
    }
    if (name === "") throw new SyntaxError(`line ${i + 1} has no name`);
    try {
      jobs.set(name, parseParams(fields));
    } catch (e) {
      throw new SyntaxError(`line ${i + 1}: ${(e as Error).message}`);
    }
  }
  return jobs;
}
