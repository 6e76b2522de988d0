/** The command line in this thread, over a small atlas: what the tests of the commands run. */
import { MayfailError } from "../errors.ts";
import type { CheckResult } from "../search/check.ts";
import { onMachine } from "../search/program.ts";
import { searchStateful } from "../search/stateful.ts";
import { abBa, selfLock } from "./cases.testkit.ts";
import type { Io } from "./io.ts";
import { type Engines, type Hooks, type JobKind, type Jobs, jobsOn } from "./jobs.ts";
import { main } from "./main.ts";
import type { Session, SessionOptions } from "./session.ts";

/** A plain search: its figures are not those of the real one. */
export async function plainCheck(...[program, options]: Parameters<Engines["check"]>): Promise<CheckResult> {
  return onMachine(program, {}, (m) => {
    options.onProgress?.({ phase: "searching", states: 0, transitions: 0 });
    const maxStates = options.maxStates ?? Number.POSITIVE_INFINITY;
    const r = searchStateful(m, { shouldStop: () => options.shouldStop?.() ?? null });
    const found = r.violations[0];
    return {
      verdict: found?.finding.verdict ?? "ok",
      complete: r.complete && r.states <= maxStates,
      states: r.states,
      transitions: r.transitions,
      maxDepth: r.maxDepth,
      seconds: 0,
      workers: 1,
      engine: "stateful",
      reduction: "local steps",
      estimate: null,
      finding: found?.finding ?? null,
      schedule: found?.schedule ?? null,
      cycleStart: null,
      minimal: null,
      covered: r.stopped ?? "",
      lockdep: [],
      lockdepSummary: { sees: found ? "no" : null, witnessed: 0, falseAlarms: 0, undecided: 0 },
      machine: m.options,
    };
  });
}

export const smallEngines: Engines = {
  atlas: async () => [abBa, selfLock],
  load: async () => ({ default: abBa }),
  check: plainCheck,
  runWorkload: async () => ({ events: [], failed: null }),
  pressureModel: async () => ({ run: () => ({ failed: null, prefill: {}, run: {}, vmscan: [], callbacks: [] }) }),
};

/** Jobs done in this thread. `stop` is heard between the steps of a search. */
export class LocalSession implements Session {
  private readonly jobs: Jobs;
  private readonly options: SessionOptions;
  private stopped = false;

  constructor(engines: Engines, options: SessionOptions) {
    this.jobs = jobsOn(engines);
    this.options = options;
  }

  async call(kind: JobKind, ...args: readonly unknown[]): Promise<never> {
    const hooks: Hooks = {
      progress: (p) => this.options.onProgress(p),
      phase: () => undefined,
      stopped: () => (this.stopped ? "interrupted" : null),
    };
    const job = this.jobs[kind] as (hooks: Hooks, ...args: readonly unknown[]) => Promise<never>;
    return job(hooks, ...args);
  }

  stop(): void {
    this.stopped = true;
  }

  async close(): Promise<void> {}
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly engines?: Engines;
  readonly terminal?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  /** Presses Ctrl-C as soon as the command listens. */
  readonly interrupt?: boolean;
}

/** Runs one command line in this thread. */
export async function runCli(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { engines = smallEngines, terminal = false, env = {}, interrupt = false } = options;
  let out = "";
  let err = "";
  const io: Io = {
    out(text) {
      out += text;
      return true;
    },
    err(text) {
      err += text;
    },
    outIsTerminal: terminal,
    errIsTerminal: terminal,
    columns: terminal ? 80 : undefined,
    cores: 1,
    env,
    onInterrupt(f) {
      if (interrupt) f();
      return () => undefined;
    },
    openSession: async (o) => new LocalSession(engines, o),
  };
  const code = await main(argv, io);
  return { code, out, err };
}

/** The one shape that every message about bad input has. */
export const NUMBERED = /^MF\d{4}: .+[.?]\n$/;

export function isNumbered(e: unknown): boolean {
  return e instanceof MayfailError;
}
