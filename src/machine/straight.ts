/**
 * Where tasks do not interleave, task functions call each other like ordinary functions, without frames, as far as they get
 * without waiting:
 *
 *   run ─▶ step ── call ──▶ straight function ── call ──▶ straight function ── result ──▶ goes on with it
 *                                                             └─ must wait ─▶ kept(), waiting ─▶ the caller does the same,
 *                                                                             down to `run`, which places the frames
 *
 * Afterwards everything is as if there had been frames from the beginning, and their steps go on.
 */
import { MayfailError, type SourcePlace } from "../errors.ts";
import { type Code, current, currentBase, F_CALLER, F_SLOTS, NeedsRebuild, stackEnd, T_FP, T_SP, W } from "./core.ts";
import { encodeSlow } from "./values.ts";

/** What is called answers this instead of a result when it has none yet. */
export const waiting: object = Object.freeze({ waiting: true });

/** How many task functions may run from within each other; the rest is done by `run`, whose stack does not grow. */
const MAX_NESTED = 200;

/** How many further ones may: 0 when those that are called get a frame and do not run before their caller has returned. */
export const room = { left: 0 };

let isHeld = true;

/** The next task function that is called shall not run before its caller has returned. */
export function hold(): void {
  room.left = 0;
  isHeld = true;
}

let tracking = false;
/** Who has been called and has no frame, the outermost first; kept only while somebody wants to know. */
const calls: Code[] = [];

/** For observers that ask for the stack of the running task: from now on it is known, or no longer. */
export function trackCalls(on: boolean): void {
  tracking = on;
}

export const trackedCalls = (): readonly Code[] => calls;

/** A frame is resumed: what it calls may run within it. */
export function makeRoom(): void {
  calls.length = 0;
  room.left = tracking ? 0 : MAX_NESTED;
  isHeld = false;
}

/** What `enter` does on a sequential machine: the frame is made when its callers have theirs. */
export function enterStraight(code: Code, args: readonly unknown[]): unknown {
  if (!tracking || isHeld || code.straight === null || calls.length === MAX_NESTED) return kept(code, 0, args);
  calls.push(code);
  const answer = code.straight(...args);
  calls.pop();
  return answer;
}

interface Left {
  readonly code: Code;
  readonly label: number;
  /** What its slots are to contain; the others 0. */
  readonly values: readonly unknown[];
}

/** What has been left since `run` called the step, the innermost first. */
let left: Left[] = [];

/** The function waits at `label`, for what it has called or for the operation that is pending now. */
export function kept(code: Code, label: number, values: readonly unknown[]): object {
  left.push({ code, label, values });
  return waiting;
}

/** The place of the running task as an error knows it that is raised while some functions have no frames. */
let latestPlace: SourcePlace | null = null;

export function notePlace<P extends SourcePlace | undefined>(place: P): P {
  latestPlace = place ?? null;
  return place;
}

/** An exception leaves the function, which was at `label`. What it answers is to be thrown. */
export function fell(code: Code, label: number, error: unknown): unknown {
  calls.length = 0;
  const isFirst = left.length === 0;
  left.push({ code, label, values: [] });
  if (!isFirst || !(error instanceof MayfailError) || error.where === undefined || error.where !== latestPlace)
    return error;
  // It says where the innermost frame was.
  const { file, points } = code.meta;
  const { line, column } = points[label] ?? code.meta;
  return new MayfailError(error.code, error.sentence, error.remedy, { file, line, column });
}

/** Pushes the frames of what has been left. */
export function placeFrames(): void {
  if (left.length === 0) return;
  const frames = left;
  left = [];
  const base = currentBase();
  for (let i = frames.length - 1; i >= 0; i--) {
    const { code, label, values } = frames[i];
    const f = W[base + T_SP];
    const end = f + code.size;
    if (end > stackEnd()) throw new NeedsRebuild("stack", current);
    W[f] = (code.id << 12) | label;
    W[f + F_CALLER] = W[base + T_FP];
    const n = values.length;
    for (let slot = 0; slot < n; slot++) W[f + F_SLOTS + slot] = encodeSlow(values[slot], code, slot, label);
    for (let at = f + F_SLOTS + n; at < end; at++) W[at] = 0;
    W[base + T_FP] = f;
    W[base + T_SP] = end;
  }
}
