/** What every command works with: where it prints, its options, and the session with the thread that runs task code. */
import type { Style } from "../report/style.ts";
import type { Experiment } from "./experiment.ts";
import { type Io, styleOf } from "./io.ts";
import type { Bounds } from "./jobs.ts";
import type { Options } from "./options.ts";
import { ProgressLine } from "./progress.ts";
import type { Session } from "./session.ts";

/** What a script can rely on. */
export const EXIT = { ok: 0, broken: 1, badInput: 2, notDecided: 3, interrupted: 130 } as const;

export interface Context {
  readonly io: Io;
  readonly options: Options;
  readonly style: Style;
  readonly session: Session;
  /** `n` sessions that may work at the same time, the first one included. */
  sessions(n: number): Promise<readonly Session[]>;
  readonly progress: ProgressLine;
  readonly version: string;
  /** True after Ctrl-C. */
  interrupted(): boolean;
}

const DEFAULT_PATIENCE = 10;

/** Runs a command with a session, which ends with it. A second Ctrl-C ends everything at once. */
export async function withContext(
  io: Io,
  options: Options,
  version: string,
  run: (c: Context) => Promise<number>,
): Promise<number> {
  const progress = new ProgressLine(io);
  const open = () =>
    io.openSession({
      patienceSeconds: options.patience ?? DEFAULT_PATIENCE,
      onProgress: (p) => progress.show(p),
    });
  const session = await open();
  const all = [session];
  const sessions = async (n: number) => {
    while (all.length < n) all.push(await open());
    return all.slice(0, n);
  };
  let interrupts = 0;
  const off = io.onInterrupt(() => {
    if (++interrupts > 1) process.exit(EXIT.interrupted);
    progress.clear();
    for (const each of all) each.stop();
  });
  try {
    const style = styleOf(io, options.color);
    const interrupted = () => interrupts > 0;
    return await run({ io, options, style, session, sessions, progress, version, interrupted });
  } finally {
    off();
    progress.clear();
    await Promise.all(all.map((each) => each.close()));
  }
}

const DEFAULT_SEED = 1;

export function boundsOf(o: Options): Bounds {
  return {
    engine: o.engine,
    maxStates: o.maxStates,
    maxSeconds: o.maxSeconds,
    maxMemoryMb: o.maxMemory,
    workers: o.workers,
    seed: o.seed ?? DEFAULT_SEED,
  };
}

/** Under what a command checks its cases. */
export function experimentOf({ rules, driverVariant }: Options): Experiment {
  return { ...(rules !== undefined && { rules }), ...(driverVariant !== undefined && { driverVariant }) };
}

/** The exit code for verdicts of searches: the worst of them. */
export function exitCodeOf(outcomes: readonly { readonly verdict: string; readonly complete: boolean }[]): number {
  if (outcomes.some((o) => o.verdict !== "ok")) return EXIT.broken;
  return outcomes.some((o) => !o.complete) ? EXIT.notDecided : EXIT.ok;
}
