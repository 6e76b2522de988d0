/** The words by which the workers of a parallel search agree: all in one shared array, changed with Atomics only. */
import type { MachineOptions } from "../../machine/machine.ts";

/** A sentence's worth of reasons to stop: 0 go on, 1 a violation was found, 2 told to, 3 a machine must be rebuilt. */
export const C_STOP = 0;
/** Workers that have nothing to do. When all are idle and the pool is empty, the search is over. */
export const C_IDLE = 1;
/** 1 = the table is about to be enlarged: everybody parks. */
export const C_GROW = 2;
export const C_PARKED = 3;
/** Capacity of the table, in entries. */
export const C_CAPACITY = 4;
/** States counted so far; each worker adds its own in batches. */
export const C_STATES = 5;
/** States in the pool, and the lock of the pool (0 free). */
export const C_POOL = 7;
export const C_POOL_LOCK = 8;
/** Changes whenever somebody who waits should look again. */
export const C_SIGNAL = 9;
export const CONTROL_WORDS = 16;

export const STOP_VIOLATION = 1;
export const STOP_TOLD = 2;
export const STOP_REBUILD = 3;

/** Wakes everybody who waits for a change. */
export function signal(control: Int32Array): void {
  Atomics.add(control, C_SIGNAL, 1);
  Atomics.notify(control, C_SIGNAL);
}

/** What a worker is given. Buffers are shared. */
export interface WorkerTask {
  readonly source: ProgramSource;
  readonly options: MachineOptions;
  readonly known: Int32Array;
  readonly localSteps: boolean;
  readonly control: SharedArrayBuffer;
  readonly table: SharedArrayBuffer;
  readonly pool: SharedArrayBuffer;
  readonly workers: number;
}

/** Where a worker finds the program: a module that exports a case (as default, or in a list by id). */
export interface ProgramSource {
  /** URL of a module that Node can import as it is. */
  readonly url: string;
  /** Id of the case in the module's `atlasCases`; undefined = the default export. */
  readonly caseId?: string;
  readonly variant: string;
}

/** What a worker answers. */
export interface WorkerAnswer {
  readonly states: number;
  readonly transitions: number;
  readonly maxDepth: number;
  /** What it contributes to the knowledge about who uses what; see ownership.ts. */
  readonly seen: Int32Array;
  readonly trusted: Uint8Array;
  readonly violation: { readonly verdict: string; readonly message: string } | null;
  readonly rebuild: MachineOptions | null;
  readonly error: { readonly name: string; readonly message: string } | null;
  readonly edges: unknown;
}
