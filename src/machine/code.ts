/** What the compiler knows about task functions, and what everything with words has in common. */

/** Position of a suspension in the author's source. Lines from 1, columns from 0. */
export interface SourcePoint {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** What the compiler knows about a task function. */
export interface CodeMeta {
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly params: readonly string[];
  readonly slots: readonly string[];
  readonly points: readonly SourcePoint[];
  readonly hasLoop: boolean;
}

/**
 * Runs a frame from `label` to its next suspension or its end. On a sequential machine it answers with the result of what
 * it called, or of the function itself; `waiting` when there is none yet.
 */
export type StepFunction = (W: Int32Array, f: number, label: number, v: unknown) => unknown;

/** The same without a frame, for sequential machines: see straight.ts. */
export type StraightFunction = (...args: readonly unknown[]) => unknown;

/** A compiled task function; `id` is its number in frames. */
export interface Code {
  readonly id: number;
  readonly meta: CodeMeta;
  readonly step: StepFunction;
  readonly straight: StraightFunction | null;
  readonly size: number;
}

/** What `yield*` delegates to in task code: compiled away, so no such generator object exists at run time. */
export type Task<T = void> = Generator<unknown, T, unknown>;

/** Anything that has words and a name. `at` is a word index, `id` the number by which slots and fields refer to it. */
export interface Handle {
  readonly id: number;
  readonly at: number;
  readonly name: string;
}
