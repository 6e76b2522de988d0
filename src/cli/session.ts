/**
 * The thread that runs task code, as the thread that prints sees it. Task code is the user's: it may loop for ever, eat all
 * memory or call process.exit(), and none of that may take the command line with it.
 *
 *   this thread                               the other one
 *     call ────────────── job ──────────────▶ busy, from its first step to its answer
 *     sign of life ◀────── progress ──────────┤
 *     stop() ───── a word of shared memory ──▶│ asks stopped() now and then
 *     answer ◀───────── result or error ──────┘
 *     no sign of life: look where it stands (stalled.ts), end it, say so
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { MayfailError, mayfailError } from "../errors.ts";
import type { Progress } from "../search/check.ts";
import { Interrupted } from "./interrupted.ts";
import type { Bounds, JobArguments, JobKind, JobResult } from "./jobs.ts";
import { fromPlain, type PlainError } from "./plainError.ts";

export interface Session {
  call<K extends JobKind>(kind: K, ...args: JobArguments<K>): Promise<JobResult<K>>;
  /** Asks the running job to end with what it has; ends the thread when it does not listen. */
  stop(): void;
  close(): Promise<void>;
}

export interface SessionOptions {
  /** Seconds without a sign of life after which task code is taken for endless. */
  readonly patienceSeconds: number;
  readonly onProgress: (p: Progress) => void;
}

export type ToWorker = { readonly id: number; readonly kind: JobKind; readonly args: readonly unknown[] };
export type FromWorker =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: PlainError }
  | { readonly id: number; readonly progress: Progress }
  | { readonly id: number; readonly phase: Phase };
/** What the job is about to do, for messages about jobs that do not end. */
export type Phase = "loading the file" | "the set-up of the case" | "a step";

const STOP_GRACE_MS = 5000;
const LOOK_EVERY_MS = 100;
const HEAP_MIB = 3072;

interface Pending {
  readonly id: number;
  readonly kind: JobKind;
  readonly resolve: (value: never) => void;
  readonly reject: (e: unknown) => void;
}

export class WorkerSession implements Session {
  private readonly options: SessionOptions;
  private readonly stopWord = new Int32Array(new SharedArrayBuffer(4));
  private worker: Worker | null = null;
  private pending: Pending | null = null;
  private watch: NodeJS.Timeout | null = null;
  private calls = 0;
  private lastSign = 0;
  private lastProgress = "";
  private heard: Progress | null = null;
  private phase: Phase = "loading the file";
  private looking = false;
  private parallel = false;
  private stopping: NodeJS.Timeout | null = null;

  constructor(options: SessionOptions) {
    this.options = options;
  }

  call<K extends JobKind>(kind: K, ...args: JobArguments<K>): Promise<JobResult<K>> {
    this.worker ??= this.start();
    const id = ++this.calls;
    const { worker } = this;
    this.parallel = kind === "check" && ((args[2] as Bounds | undefined)?.workers ?? 1) > 1;
    return new Promise<JobResult<K>>((resolve, reject) => {
      this.pending = { id, kind, resolve: resolve as (value: never) => void, reject };
      this.heard = null;
      this.sign();
      this.watch ??= setInterval(() => this.look(), LOOK_EVERY_MS);
      worker.postMessage({ id, kind, args } satisfies ToWorker);
    }).finally(() => this.rest());
  }

  stop(): void {
    Atomics.store(this.stopWord, 0, 1);
    this.stopping ??= setTimeout(() => this.end(new Interrupted(this.heard)), STOP_GRACE_MS);
  }

  async close(): Promise<void> {
    this.rest();
    const { worker } = this;
    this.worker = null;
    await worker?.terminate();
  }

  private start(): Worker {
    // The thread may be ended at any moment, so what it writes (compiled files) is for this one to take away.
    const folder = mkdtempSync(join(tmpdir(), "mayfail-"));
    process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
    const worker = new Worker(new URL("./worker.js", import.meta.url), {
      workerData: { stopWord: this.stopWord },
      env: { ...process.env, TMPDIR: folder, TEMP: folder },
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
      stdout: true,
      stderr: true,
    });
    // What task code prints must not get between the lines of a result.
    worker.stdout.pipe(process.stderr, { end: false });
    worker.stderr.pipe(process.stderr, { end: false });
    worker.on("message", (m: FromWorker) => this.receive(m));
    worker.on("error", (e) => this.end(died(e)));
    worker.on("exit", (code) => this.end(mayfailError("MF0111", { reason: `it called process.exit(${code})` })));
    return worker;
  }

  private receive(m: FromWorker): void {
    // Task code could post anything, too.
    if (typeof m !== "object" || m === null || m.id !== this.pending?.id) return;
    if ("progress" in m) {
      const { phase, states, transitions } = m.progress;
      const now = `${phase} ${states} ${transitions}`;
      // The searching threads of a parallel search are others than the one that reports: only news of them count.
      if (!this.parallel || phase !== "searching" || now !== this.lastProgress) this.sign();
      this.lastProgress = now;
      this.heard = m.progress;
      this.options.onProgress(m.progress);
    } else if ("phase" in m) {
      this.phase = m.phase;
      this.sign();
    } else {
      const { resolve, reject } = this.pending;
      this.pending = null;
      if ("error" in m) reject(fromPlain(m.error));
      else resolve(m.result as never);
    }
  }

  private sign(): void {
    this.lastSign = performance.now();
  }

  private silentSeconds(): number {
    return (performance.now() - this.lastSign) / 1000;
  }

  private rest(): void {
    if (this.watch) clearInterval(this.watch);
    if (this.stopping) clearTimeout(this.stopping);
    this.watch = null;
    this.stopping = null;
  }

  /** Nothing heard for too long: stuck in task code is the end; busy with our own code may take its time. */
  private async look(): Promise<void> {
    const { patienceSeconds } = this.options;
    if (this.looking || this.pending === null || this.worker === null || this.silentSeconds() < patienceSeconds) return;
    this.looking = true;
    const { id } = this.pending;
    try {
      const { stateOf } = await import("./stalled.ts");
      const state = await stateOf(this.worker);
      if (this.pending?.id !== id || this.silentSeconds() < patienceSeconds) return;
      if (state === "busy") return this.sign();
      const stall = typeof state === "string" ? null : state;
      const what = stall?.task ? `A step of the task ${stall.task}` : capital(this.phase);
      this.end(mayfailError("MF0110", { what, seconds: patienceSeconds }, stall?.where));
    } finally {
      this.looking = false;
    }
  }

  private end(reason: Error): void {
    const { pending, worker } = this;
    this.pending = null;
    this.worker = null;
    this.rest();
    if (worker) {
      worker.removeAllListeners("exit");
      void worker.terminate();
    }
    pending?.reject(reason);
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function died(e: unknown): Error {
  if (e instanceof MayfailError) return e;
  const code = (e as NodeJS.ErrnoException | null)?.code;
  if (code === "ERR_WORKER_OUT_OF_MEMORY") return mayfailError("MF0111", { reason: "it ran out of memory" });
  const error = mayfailError("MF0111", { reason: e instanceof Error ? (e.message.split("\n")[0] ?? "") : String(e) });
  if (e instanceof Error && e.stack) error.stack = e.stack;
  return error;
}
