/**
 * What runs in the worker of the test page: user files are compiled there, imported from blobs, and checked. It answers
 * plain data, in the words of `mayfail check --json`.
 *
 *   test ──ask(job)──▶ page ──postMessage──▶ worker: compileToUrls ──▶ blob: URLs ──import──▶ case ──checkProgram──▶ answer
 */
import { compileToUrls } from "../compiler/browser.ts";
import { MayfailError, type SourcePlace } from "../errors.ts";
import type { Case } from "../machine/scenario.ts";
import { type CheckResult, checkProgram } from "../search/check.ts";
import { caseProgram, type Program } from "../search/program.ts";
import { replayRun } from "../search/replay.ts";

export interface BrowserJob {
  readonly entry: string;
  /** Sources by name. */
  readonly files: Readonly<Record<string, string>>;
  /** URLs for "mayfail" and "mayfail/runtime". */
  readonly packages: Readonly<Record<string, string>>;
}

export type BrowserAnswer =
  | { readonly kind: "checked"; readonly variants: readonly CheckedVariant[] }
  | { readonly kind: "refused"; readonly code: string; readonly where: SourcePlace | null; readonly message: string }
  | { readonly kind: "failed"; readonly message: string };

export interface CheckedVariant {
  readonly variant: string;
  readonly verdict: string;
  readonly complete: boolean;
  readonly states: number;
  readonly transitions: number;
  readonly engine: string;
  readonly lockdep: readonly string[];
  readonly counterexample: {
    readonly schedule: string;
    readonly message: string;
    readonly trace: readonly { readonly file: string | null; readonly line: number | null; readonly text: string }[];
  } | null;
  readonly seconds: number;
}

async function answer(job: BrowserJob): Promise<BrowserAnswer> {
  try {
    const own = Object.entries(job.packages).map(async ([specifier, at]) => [specifier, Object.keys(await import(at))]);
    const url = compileToUrls(new Map(Object.entries(job.files)), job.entry, {
      packages: job.packages,
      exports: Object.fromEntries(await Promise.all(own)),
      makeUrl: (code) => URL.createObjectURL(new Blob([code], { type: "text/javascript" })),
    });
    const { default: c } = (await import(url)) as { default: Case };
    const variants: CheckedVariant[] = [];
    for (const variant of Object.keys(c.variants)) {
      const program = caseProgram(c, variant);
      variants.push(checkedVariant(variant, program, await checkProgram(program)));
    }
    return { kind: "checked", variants };
  } catch (error) {
    if (!(error instanceof MayfailError)) return { kind: "failed", message: String(error) };
    return { kind: "refused", code: error.code, where: error.where ?? null, message: error.message };
  }
}

function checkedVariant(variant: string, program: Program, result: CheckResult): CheckedVariant {
  const { verdict, complete, states, transitions, engine, schedule, seconds } = result;
  const run = schedule && replayRun(program, schedule, { machine: result.machine, partial: verdict === "livelock" });
  return {
    variant,
    verdict,
    complete,
    states,
    transitions,
    engine,
    lockdep: result.lockdep.map((report) => report.text),
    counterexample: run && {
      schedule: run.schedule,
      message: run.finding?.message ?? "",
      trace: run.steps.map(({ text, stack }) => {
        const place = stack[0]?.place;
        return { file: place?.file ?? null, line: place?.line ?? null, text };
      }),
    },
    seconds,
  };
}

interface WorkerScope {
  onmessage: (event: { readonly data: BrowserJob }) => void;
  postMessage(answer: BrowserAnswer): void;
}
const scope = globalThis as unknown as WorkerScope;

scope.onmessage = ({ data }) => {
  void answer(data).then((a) => scope.postMessage(a));
};
