/**
 * Parallel stateful search: worker threads over one shared visited set. Which states are visited, how many transitions
 * they have and which verdict is found do not depend on the number of workers; only the order does.
 */
import { Worker } from "node:worker_threads";
import type { Machine, MachineOptions } from "../../machine/machine.ts";
import { Ownership, scout } from "../ownership.ts";
import { onMachine } from "../program.ts";
import {
  C_CAPACITY,
  C_STATES,
  C_STOP,
  CONTROL_WORDS,
  type ProgramSource,
  STOP_TOLD,
  signal,
  type WorkerAnswer,
  type WorkerTask,
} from "./control.ts";
import { loadProgram } from "./load.ts";
import { StatePool } from "./statePool.ts";

export interface ParallelOptions {
  readonly workers: number;
  readonly maxStates: number;
  readonly maxBytes: number;
  /** Asked about ten times a second. A sentence ends the search. */
  readonly shouldStop: (progress: { states: number }) => string | null;
  readonly localSteps: boolean;
  /** Machine options that earlier runs of the program have asked for. */
  readonly machine: Partial<MachineOptions>;
}

export interface ParallelResult {
  readonly states: number;
  readonly transitions: number;
  readonly maxDepth: number;
  readonly complete: boolean;
  readonly stopped: string | null;
  /** Verdict and sentence of some violation. How to get there is for a later, sequential search to say. */
  readonly violation: { readonly verdict: string; readonly message: string } | null;
  readonly bytes: number;
}

const FIRST_CAPACITY = 1 << 14;

/** Module of the worker; replaced in tests that run from sources. */
let workerUrl = new URL("./worker.js", import.meta.url);

export function setWorkerUrl(url: URL): void {
  workerUrl = url;
}

/** Searches all runs of the program that `source` names. Raises what the program raises. */
export async function searchParallel(source: ProgramSource, o: ParallelOptions): Promise<ParallelResult> {
  const program = await loadProgram(source);
  let machine: Partial<MachineOptions> = o.machine;
  for (;;) {
    const first = onMachine(program, machine, (m) => ({ m, known: o.localSteps ? scout(m) : new Ownership(m) }));
    const result = await passes(source, first.m, first.known.seenUsers(), o);
    if ("states" in result) return result;
    machine = result;
  }
}

/** Passes until the knowledge about who uses what was right; or the machine options that a worker asks for. */
async function passes(
  source: ProgramSource,
  m: Machine,
  known: Int32Array,
  o: ParallelOptions,
): Promise<ParallelResult | MachineOptions> {
  for (;;) {
    const pass = await onePass(source, m, known, o);
    if (pass.rebuild) return pass.rebuild;
    const ownership = new Ownership(m, known);
    for (const a of pass.answers) ownership.merge(a.seen, a.trusted);
    const result = total(pass);
    if (!ownership.learn() || result.violation || result.stopped) return result;
    known = ownership.seenUsers();
  }
}

interface Pass {
  readonly answers: readonly WorkerAnswer[];
  readonly stopped: string | null;
  readonly rebuild: MachineOptions | null;
  readonly bytes: number;
}

async function onePass(source: ProgramSource, m: Machine, known: Int32Array, o: ParallelOptions): Promise<Pass> {
  const control = new SharedArrayBuffer(CONTROL_WORDS * 4);
  const words = new Int32Array(control);
  const entries = Math.max(FIRST_CAPACITY, Math.floor(Math.min(o.maxBytes, MAX_TABLE_BYTES) / 8));
  const table = new SharedArrayBuffer(entries * 8);
  const pool = new SharedArrayBuffer(StatePool.bytes(m.size));
  words[C_CAPACITY] = FIRST_CAPACITY;
  const { workers, localSteps } = o;
  const task: WorkerTask = { source, options: m.options, known, localSteps, control, table, pool, workers };
  let stopped: string | null = null;
  const watch = setInterval(() => {
    const states = Atomics.load(words, C_STATES);
    stopped ??= states >= o.maxStates ? `the bound of ${o.maxStates} states was reached` : o.shouldStop({ states });
    if (stopped === null) return;
    Atomics.store(words, C_STOP, STOP_TOLD);
    signal(words);
  }, 100);
  try {
    const answers = await Promise.all(Array.from({ length: workers }, () => runWorker(task)));
    const failed = answers.find((a) => a.error)?.error;
    if (failed) throw Object.assign(new Error(failed.message), { name: failed.name });
    const full = Atomics.load(words, C_STOP) === STOP_TOLD && stopped === null;
    return {
      answers,
      stopped: full ? "the visited set has reached its bound" : stopped,
      rebuild: answers.find((a) => a.rebuild)?.rebuild ?? null,
      bytes: words[C_CAPACITY] * 8,
    };
  } finally {
    clearInterval(watch);
  }
}

/** Virtual size of the table unless a bound says less; pages are only used as it fills. */
const MAX_TABLE_BYTES = 2 ** 31 - 8;

function runWorker(task: WorkerTask): Promise<WorkerAnswer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(workerUrl, { workerData: task });
    worker.once("message", (answer: WorkerAnswer) => {
      resolve(answer);
      void worker.terminate();
    });
    worker.once("error", reject);
  });
}

function total(pass: Pass): ParallelResult {
  let states = 0;
  let transitions = 0;
  let maxDepth = 0;
  let violation: ParallelResult["violation"] = null;
  for (const a of pass.answers) {
    states += a.states;
    transitions += a.transitions;
    maxDepth = Math.max(maxDepth, a.maxDepth);
    violation ??= a.violation;
  }
  const complete = pass.stopped === null && violation === null;
  return { states, transitions, maxDepth, complete, stopped: pass.stopped, violation, bytes: pass.bytes };
}
