/**
 * What the commands ask of the thread that runs task code, and how it is done. Results are plain data: they are posted to
 * the thread that prints. Everything heavy is imported on use, since most command lines need only a part of it.
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { PressureJob } from "../conform/pressure/job.ts";
import type { PressureModel, PressureResult } from "../conform/pressure/model.ts";
import type { Recording, Workload } from "../conform/run.ts";
import type { ContractCase } from "../contract/suite.ts";
import type { Driver } from "../drivers/underTest.ts";
import { MayfailError, mayfailError } from "../errors.ts";
import type { Verdict } from "../machine/finding.ts";
import type { Case } from "../machine/scenario.ts";
import type { PageKind } from "../mm/gfp/names.ts";
import type { PinRow } from "../mm/gfp/pins.ts";
import type { GfpQuery, GfpRow } from "../mm/gfp/table.ts";
import type { Outcome } from "../report/outcome.ts";
import type { CheckOptions, CheckResult, Progress } from "../search/check.ts";
import type { Program } from "../search/program.ts";
import { type Experiment, isExperiment, underExperiment } from "./experiment.ts";
import { brief } from "./options.ts";
import { outcomeOf, replayed, sourcesOf, subjectOf } from "./outcomes.ts";
import { firstLine } from "./plainError.ts";
import type { Phase } from "./session.ts";
import { hint } from "./suggest.ts";
import { reasonOf } from "./target.ts";

/** A case, wherever it is. */
export type CaseName =
  | { readonly kind: "atlas"; readonly id: string }
  | { readonly kind: "file"; readonly path: string };

export interface CaseInfo {
  readonly id: string;
  readonly title: string;
  readonly class: string;
  /** Markdown. */
  readonly text: string;
  readonly sources: readonly { readonly ref: string; readonly what: string }[];
  readonly variants: readonly VariantInfo[];
  /** For a driver: its own variants, of which `variants` is the product with the battery. */
  readonly driver?: readonly DriverInfo[];
}

export interface DriverInfo {
  readonly name: string;
  readonly about: string;
  /** Rules of the contract that its author knows it to break; null when nothing is said. */
  readonly breaks: readonly string[] | null;
}

export interface VariantInfo {
  readonly name: string;
  readonly expected: Verdict | null;
  readonly about: string;
  readonly rules: string;
}

export interface Bounds {
  readonly engine?: "auto" | "stateful" | "dpor";
  readonly maxStates?: number;
  readonly maxSeconds?: number;
  readonly maxMemoryMb?: number;
  readonly workers?: number;
  readonly seed: number;
}

export interface Hooks {
  progress(p: Progress): void;
  /** What comes next, for messages about jobs that do not end. */
  phase(phase: Phase): void;
  /** Why the search should end now; null to go on. */
  stopped(): string | null;
}

/** Each job: what it is given, and what it answers. */
export interface Jobs {
  cases(hooks: Hooks): Promise<CaseInfo[]>;
  open(hooks: Hooks, name: CaseName): Promise<CaseInfo>;
  check(hooks: Hooks, name: CaseName, variant: string, bounds: Bounds, experiment: Experiment): Promise<Outcome>;
  replay(hooks: Hooks, name: CaseName, variant: string, schedule: string, experiment: Experiment): Promise<Outcome>;
  /** Runs a file of workloads in the model: the record of what happened. */
  record(hooks: Hooks, path: string, guest: Guest): Promise<Recording>;
  /** Runs a job under memory pressure in the model. */
  pressure(hooks: Hooks, job: PressureJob): Promise<PressureResult>;
  /** What allocations may enter. */
  gfp(hooks: Hooks, query: NamedQuery): Promise<GfpRow[]>;
  /** Reclaim of pages that are held; null = under all rules, of all kinds. */
  pins(hooks: Hooks, rules: string | null, page: PageKind | null): Promise<PinRow[]>;
}

export type NamedQuery = Omit<GfpQuery, "rules"> & { readonly rules: string };

/** The machine that records were made with. */
export interface Guest {
  /** Share of the memory that is ZONE_MOVABLE. */
  readonly movable?: number;
}

export type JobKind = keyof Jobs;
export type JobArguments<K extends JobKind> = Parameters<Jobs[K]> extends [Hooks, ...infer A] ? A : never;
export type JobResult<K extends JobKind> = Awaited<ReturnType<Jobs[K]>>;

/** The parts of Mayfail that the jobs stand on; tests put others in their place. */
export interface Engines {
  atlas(): Promise<readonly Case[]>;
  /** The exports of a user's file, compiled. Raises numbered errors for mistakes in it. */
  load(path: string): Promise<Readonly<Record<string, unknown>>>;
  check(program: Program, options: CheckOptions): Promise<CheckResult>;
  /** Runs what a file of workloads exports. */
  runWorkload(workload: Workload, guest: Guest): Promise<Recording>;
  pressureModel(): Promise<PressureModel>;
}

export function jobsOn(engines: Engines): Jobs {
  /** A file is loaded once: its variants are checked one after the other. */
  const opened = new Map<string, Promise<Case>>();

  function find(name: CaseName): Promise<Case> {
    const key = `${name.kind} ${name.kind === "file" ? name.path : name.id}`;
    let found = opened.get(key);
    if (found === undefined) {
      found = name.kind === "file" ? caseOfFile(engines, name.path) : caseOfAtlas(engines, name.id);
      opened.set(key, found);
    }
    return found;
  }

  return {
    async cases() {
      return (await engines.atlas()).map(infoOf);
    },
    async open(hooks, name) {
      hooks.phase("loading the file");
      return infoOf(await find(name));
    },
    async check(hooks, name, variant, bounds, experiment) {
      const c = await underExperiment(await find(name), experiment);
      const program = await programOf(c, name, variant, hooks);
      const { maxMemoryMb, workers = 1 } = bounds;
      const result = await engines.check(program, {
        ...bounds,
        maxMemoryMb,
        workers,
        onProgress: (p) => hooks.progress(p),
        shouldStop: () => hooks.stopped(),
        source: sourceOf(name, c.id, variant, experiment),
        everyPath: true,
      });
      return outcomeOf(result, program, subjectOf(c, nameOf(name), variant, experiment), bounds.seed);
    },
    async replay(hooks, name, variant, schedule, experiment) {
      const c = await underExperiment(await find(name), experiment);
      const program = await programOf(c, name, variant, hooks);
      const { replayWord } = await import("../search/replay.ts");
      const run = replayWord(program, schedule, { partial: true });
      return replayed(run, subjectOf(c, nameOf(name), variant, experiment));
    },
    async record(hooks, path, guest) {
      hooks.phase("loading the file");
      await refuseBinary(path);
      const workload = await engines.load(path);
      if (typeof workload["default"] !== "function") throw mayfailError("MF0113", { file: path });
      hooks.phase("a step");
      return engines.runWorkload(workload as unknown as Workload, guest);
    },
    async pressure(hooks, job) {
      hooks.phase("a step");
      return (await engines.pressureModel()).run(job, () => hooks.phase("a step"));
    },
    async gfp(hooks, query) {
      hooks.phase("a step");
      const { gfpRows } = await import("../mm/gfp/table.ts");
      const { presetNamed } = await import("../mm/rules.ts");
      return gfpRows({ ...query, rules: presetNamed(query.rules) }, () => hooks.phase("a step"));
    },
    async pins(hooks, rules, page) {
      hooks.phase("a step");
      const { PIN_PAGES, pinRows, pinRulesNamed } = await import("../mm/gfp/pins.ts");
      return pinRows(pinRulesNamed(rules), page === null ? PIN_PAGES : [page]);
    },
  };
}

async function caseOfAtlas(engines: Engines, id: string): Promise<Case> {
  const cases = await engines.atlas();
  const found = cases.find((c) => c.id === id);
  if (found) return found;
  throw mayfailError("MF0105", {
    name: brief(id),
    hint: hint(
      id,
      cases.map((c) => c.id),
    ),
  });
}

export async function caseOfFile(engines: Engines, path: string): Promise<Case> {
  await refuseBinary(path);
  const exports = await engines.load(path);
  const all = [exports["default"], ...Object.values(exports)];
  if (all.some((value) => (value as { kind?: unknown } | null | undefined)?.kind === "mayfail-driver")) {
    const { contractCase, isDriver } = await import("../contract/suite.ts");
    const driver = all.find(isDriver);
    if (driver !== undefined) return contractCase(driver);
  }
  const cases = all.filter(isCase);
  if (cases[0] === undefined) throw mayfailError("MF0107", { file: path });
  return cases[0];
}

async function refuseBinary(path: string): Promise<void> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (e) {
    throw mayfailError("MF0104", { file: brief(path), reason: reasonOf(e) });
  }
  if (bytes.includes(0)) throw mayfailError("MF0104", { file: brief(path), reason: "it is not a text" });
}

function isCase(value: unknown): value is Case {
  if (typeof value !== "object" || value === null || (value as Case).kind !== "mayfail-case") return false;
  const { id, variants, setup } = value as Partial<Case>;
  if (typeof id !== "string" || typeof setup !== "function") return false;
  if (typeof variants !== "object" || variants === null) return false;
  const all = Object.values(variants);
  return all.length > 0 && all.every((v) => typeof v === "object" && v !== null);
}

function infoOf(c: Case): CaseInfo {
  return {
    id: c.id,
    title: String(c.title ?? ""),
    class: String(c.class ?? ""),
    text: String(c.text ?? ""),
    sources: sourcesOf(c),
    variants: Object.entries(c.variants).map(([name, v]) => ({
      name,
      expected: v.expect ?? null,
      about: String(v.about ?? ""),
      rules: String(v.rules ?? ""),
    })),
    ...("driver" in c ? { driver: driverInfo((c as ContractCase).driver) } : {}),
  };
}

function driverInfo({ variants }: Driver): DriverInfo[] {
  return Object.entries(variants).map(([name, { about = "", breaks }]) => ({
    name,
    about: String(about),
    breaks: Array.isArray(breaks) ? breaks.map(String) : null,
  }));
}

/** The program of a variant; it says what it is at, and turns exceptions of a set-up function into numbered errors. */
async function programOf(c: Case, name: CaseName, variant: string, hooks: Hooks): Promise<Program> {
  if (!Object.hasOwn(c.variants, variant)) {
    const variants = Object.keys(c.variants);
    const known = variants.length > 12 ? [...variants.slice(0, 12), "..."] : variants;
    throw mayfailError("MF0106", {
      name: nameOf(name),
      variant: brief(variant),
      hint: hint(variant, variants),
      variants: known.map(brief).join(", "),
    });
  }
  const { caseProgram, enlarged } = await import("../search/program.ts");
  const { DEFAULT_OPTIONS } = await import("../machine/machine.ts");
  const program = caseProgram(c, variant);
  return (options) => {
    hooks.phase("the set-up of the case");
    try {
      return program(options);
    } catch (e) {
      if (e instanceof MayfailError || enlarged(DEFAULT_OPTIONS, e) !== null) throw e;
      const error = mayfailError("MF0112", { case: `${nameOf(name)}:${variant}`, reason: firstLine(e) });
      if (e instanceof Error && e.stack) error.stack = e.stack;
      throw error;
    } finally {
      hooks.phase("a step");
    }
  };
}

/** Where other threads find the same program. */
function sourceOf(name: CaseName, caseId: string, variant: string, e: Experiment): CheckOptions["source"] {
  const url = new URL("./programSource.js", import.meta.url);
  if (isExperiment(e)) url.searchParams.set("experiment", JSON.stringify(e));
  if (name.kind === "file") url.searchParams.set("file", resolve(name.path));
  return { url: url.href, caseId, variant };
}

function nameOf(name: CaseName): string {
  return name.kind === "atlas" ? name.id : name.path;
}
