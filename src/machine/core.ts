/**
 * The heart of the machine: one `Int32Array`, the task that runs, and the trampoline that runs it.
 *
 * Everything that a run can change lives in `W`. The few module variables below are either constant while a machine is
 * active (`W` itself, the tables) or meaningful only inside one step (`current`, `result`, `probeResult`): nothing of
 * them survives from one step to the next, which is why a copy of `W` is a complete snapshot.
 *
 *      pend()                 step() chosen by a searcher          $leave() of the last frame
 *   ──────────▶  WAITING ───────────────────────────────▶ RUNNING ───────────────────────────▶ DONE
 *                   ▲        (only when enabled)             │
 *                   └────────────── pend() ◀─────────────────┘
 */
import { mayfailError } from "../errors.ts";
import type { Code, CodeMeta, StepFunction, StraightFunction } from "./code.ts";
import { ObjectTable } from "./objectTable.ts";
import { type AccessSink, defineOp, type OpKind, ops } from "./op.ts";
import { NeedsRebuild } from "./refinement.ts";
import { keepOrder, requestSettling } from "./stepMarks.ts";
import { enterStraight, hold, makeRoom, placeFrames, room, waiting } from "./straight.ts";
import { encodeSlow, placeOf } from "./values.ts";

export type * from "./code.ts";
export * from "./handles.ts";
export * from "./stepMarks.ts";
export { hold, room, waiting } from "./straight.ts";
export { type AccessSink, defineOp, NeedsRebuild, type OpKind, ops };

/** Words of a task's header, relative to its base. The stack begins at `HEADER + heldWords`. */
export const T_STATE = 0; // 0 slot never used, 1 live, 2 done, 3 stopped by its own failed assertion
export const T_OP = 1; // kind of the pending operation, 0 = running or none
export const T_OBJ = 2; // word index of the object that the operation is about
export const T_ARG = 3; // raw 32-bit arguments of the operation
export const T_ARG2 = 4;
export const T_FP = 5; // word index of the top frame, 0 = none
export const T_SP = 6; // first free word of the stack
export const T_CONTEXT = 7; // PF_* flags and nesting depths, see context.ts
export const T_CHILDREN = 8; // how many children this task has spawned
export const T_OWNER = 9; // handle + 1 of what the task acts for (a process, say), see taskOwner; 0 = itself
export const HEADER = 10;

/** Words of a frame before its slots. */
export const F_CODE = 0;
export const F_CALLER = 1;
export const F_SLOTS = 2;

// ---------------------------------------------------------------------------------------------------------------------
// Module state. `W` and the tables belong to the active machine; see machine.ts `activate`.

export let W: Int32Array = new Int32Array(0);
export let current = -1;
let base = 0;
let result: unknown;
let isProbing = false;
let probeResult = false;
export let fine = false;
/** Operations that may be done now are done at once: a step ends only where a task must wait. */
export let sequential = false;
/** True while task code or an operation runs; set-up code and invariants run with false and are not checked. */
export let checking = false;
/** Somebody wants to know of accesses to fields: `checking`, or a condition is probed. */
export let watched = false;

/** Task functions of modules: defined when the module is loaded, known to every machine built afterwards. */
export const moduleCodes: Code[] = [];
export let codes: Code[] = moduleCodes;
/** Set while a machine is being set up: nested task functions defined then belong to that machine alone. */
let settingUp = false;
export let handles: object[] = [];
/** Objects that every machine knows, under their index here. */
export const builtinHandles: object[] = [];
let objects = new ObjectTable();
/** Words for held locks in each task's header. */
export let heldWords = 0;
export let interned = new Map<object, number>();
let taskBases: Int32Array = new Int32Array(0);
let stackEnds: Int32Array = new Int32Array(0);

/** The parts of a machine that the hot path needs. */
export interface CoreTables {
  words: Int32Array;
  codes: Code[];
  settingUp: boolean;
  handles: object[];
  objects: ObjectTable;
  heldWords: number;
  interned: Map<object, number>;
  taskBases: Int32Array;
  stackEnds: Int32Array;
  fine: boolean;
  sequential: boolean;
}

export function useTables(tables: CoreTables): void {
  W = tables.words;
  codes = tables.codes;
  settingUp = tables.settingUp;
  handles = tables.handles;
  objects = tables.objects;
  heldWords = tables.heldWords;
  interned = tables.interned;
  taskBases = tables.taskBases;
  stackEnds = tables.stackEnds;
  fine = tables.fine;
  sequential = tables.sequential;
  current = -1;
  setChecking(false);
}

/** Word index of the header of the running task. */
export function currentBase(): number {
  return base;
}

/** Word index of the header of task slot `t`. */
export function baseOf(t: number): number {
  return taskBases[t];
}

/** The first word behind the stack of the running task. */
export function stackEnd(): number {
  return stackEnds[current];
}

/** Where tasks do not interleave, there is nothing to check about their accesses. */
export function setChecking(on: boolean): void {
  checking = on && !sequential;
  watched = checking || isProbing;
}

/** Runs `f` as set-up or observation: no task is current, guards are not checked. */
export function unchecked<T>(f: () => T): T {
  const before = checking;
  setChecking(false);
  try {
    return f();
  } finally {
    setChecking(before);
  }
}

/** For the set-up of a task: primitives and `enter` act on task slot `t` until the next `runAs`. */
export function runAs(t: number): void {
  hold();
  current = t;
  base = t < 0 ? 0 : taskBases[t];
}

/** Receives what a condition reads while it is probed; null = nobody wants to know. */
let probeSink: AccessSink | null = null;

export function isProbingNow(): boolean {
  return isProbing;
}

export function noteProbeRead(at: number): void {
  if (probeSink !== null) probeSink.read(at);
}

/** The condition reads something that any step may change: it conflicts with everything. */
export function noteProbeOfAnything(): void {
  if (probeSink !== null) probeSink.top();
}

// ---------------------------------------------------------------------------------------------------------------------
// Objects that have numbers

/** The object whose words begin at `at`, the innermost one; undefined in between. */
export function objectAt(at: number): object | undefined {
  return objects.at(at);
}

// ---------------------------------------------------------------------------------------------------------------------
// What compiled code calls

/**
 * Registers a step function. Those of modules are numbered once; a nested one is evaluated anew by each set-up and gets
 * a number in that machine only, so building the same case twice gives the same words.
 */
export function define(meta: CodeMeta, step: StepFunction, straight: StraightFunction | null = null): Code {
  const list = settingUp ? codes : moduleCodes;
  const code = { id: list.length, meta, step, straight, size: F_SLOTS + meta.slots.length };
  list.push(code);
  return code;
}

/**
 * Pushes a frame of `code` on the current task's stack; a sequential machine does so when its callers have theirs.
 * Parameters that have no slot are dead and are dropped.
 */
export function enter(code: Code, ...args: unknown[]): unknown {
  if (sequential) return enterStraight(code, args);
  const f = W[base + T_SP];
  const end = f + code.size;
  if (end > stackEnds[current]) throw new NeedsRebuild("stack", current);
  W[f] = code.id << 12;
  W[f + F_CALLER] = W[base + T_FP];
  const n = args.length;
  for (let i = 0; i < n; i++) {
    const a = args[i];
    W[f + F_SLOTS + i] = typeof a === "number" && (a << 1) >> 1 === a ? a << 1 : encodeSlow(a, code, i, 0);
  }
  for (let i = f + F_SLOTS + n; i < end; i++) W[i] = 0;
  W[base + T_FP] = f;
  W[base + T_SP] = end;
  return undefined;
}

/** Pops frame `f` and hands `value` to the caller's frame. Sequential runs are not compared: what was there may stay. */
export function leave(f: number, value: unknown): unknown {
  W[base + T_FP] = W[f + F_CALLER];
  if (sequential) {
    W[base + T_SP] = f;
    return value;
  }
  result = value;
  const end = W[base + T_SP];
  W[base + T_SP] = f;
  for (let i = f; i < end; i++) W[i] = 0;
  return undefined;
}

export function probing(): boolean {
  return isProbing;
}

export function probe(value: boolean): void {
  probeResult = value;
}

// ---------------------------------------------------------------------------------------------------------------------
// What primitives call

/**
 * The running task is about to do an operation of this kind: its step ends here. On a sequential machine the operation is
 * done if it can be.
 */
export function pend(kind: OpKind, at: number, arg = 0, arg2 = 0): unknown {
  if (W[base + T_OP] !== 0) throw twice(kind.id);
  if (sequential) {
    const isReady =
      !kind.blocks || (!kind.probes && kind.choices === undefined && kind.enabled(at, arg, arg2, current));
    if (isReady) return kind.apply(at, arg, arg2, current); // `waiting` if it goes on as a second operation
  }
  W[base + T_OP] = kind.id;
  W[base + T_OBJ] = at;
  W[base + T_ARG] = arg;
  W[base + T_ARG2] = arg2;
  return sequential ? waiting : undefined;
}

/** A primitive that did its work at once hands its value to the caller. */
export function immediately(value: unknown): unknown {
  keepOrder();
  return answer(value);
}

/** The same for what did nothing that others could notice: a plain function that stands for a task function. */
export function answer(value: unknown): unknown {
  if (sequential) return value;
  result = value;
  return undefined;
}

/** May a primitive whose operation is enabled do it now and `answer`? What `pend` would do, for those that are called most. */
export function atOnce(): boolean {
  return sequential;
}

// ---------------------------------------------------------------------------------------------------------------------
// Running

/** Told which task has come to a scheduling point; null = nobody wants to know. See lockdep.ts. */
let onPend: ((t: number) => void) | null = null;

export function observePending(observer: ((t: number) => void) | null): void {
  onPend = observer;
}

/** Frames entered, left or resumed within one step before it counts as endless; a sequential step has whole runs. */
const MAX_LOCAL_STEPS = 1_000_000;
const MAX_SEQUENTIAL_STEPS = 1e12;

/** Runs the current task from its top frame with `v` until it pends again or ends. Raises MF0208 for an endless step. */
export function run(v: unknown): void {
  if (sequential) return runStraight(v);
  const b = base;
  const w = W;
  for (let left = MAX_LOCAL_STEPS; ; left--) {
    const f = w[b + T_FP];
    if (f === 0) return ended(b);
    const code = w[f];
    result = undefined;
    codes[code >>> 12].step(w, f, code & 4095, v);
    if (w[b + T_OP] !== 0) {
      if (w[b + T_FP] !== f) throw twice(w[b + T_OP], codes[code >>> 12]);
      if (onPend !== null) onPend(current);
      return;
    }
    if (left === 0) throw endless(codes[code >>> 12]);
    v = result;
  }
}

function ended(b: number): void {
  W[b + T_STATE] = 2;
  requestSettling();
}

/** The same on a sequential machine: until the task must wait. */
function runStraight(v: unknown): void {
  const b = base;
  const w = W;
  for (let left = MAX_SEQUENTIAL_STEPS; ; left--) {
    const f = w[b + T_FP];
    if (f === 0) return ended(b);
    const code = w[f];
    makeRoom();
    try {
      v = codes[code >>> 12].step(w, f, code & 4095, v);
    } finally {
      placeFrames();
    }
    if (w[b + T_OP] !== 0) {
      if (v !== waiting) throw twice(w[b + T_OP], codes[code >>> 12]);
      if (!mayGoOn(b)) {
        if (onPend !== null) onPend(current);
        return;
      }
      w[b + T_OP] = 0;
      v = result;
    } else if (v === waiting) v = undefined;
    if (left === 0) throw endless(codes[code >>> 12]);
  }
}

/** An operation has become pending that the running function does not wait for. */
function twice(op: number, code = codes[W[W[base + T_FP]] >>> 12]): Error {
  return mayfailError("MF0211", { task: code.meta.name, what: ops[op].name }, placeOf(code));
}

/** Sequential: is the wait of the running task over already? Only waits that look at its frame get here undecided. */
function mayGoOn(b: number): boolean {
  const kind = ops[W[b + T_OP]];
  if (!kind.probes || !kind.enabled(W[b + T_OBJ], W[b + T_ARG], W[b + T_ARG2], current)) return false;
  result = kind.apply(W[b + T_OBJ], W[b + T_ARG], W[b + T_ARG2], current);
  W[b + T_OBJ] = 0;
  W[b + T_ARG] = 0;
  W[b + T_ARG2] = 0;
  return true;
}

function endless(code: Code): Error {
  return mayfailError("MF0208", { task: code.meta.name, steps: MAX_LOCAL_STEPS }, placeOf(code));
}

/** Tests the condition of an `until` of task `t` without changing anything; `sink` is told what it read. */
export function probeTask(t: number, sink: AccessSink | null = null): boolean {
  const beforeCurrent = current;
  const beforeBase = base;
  const beforeRoom = room.left;
  runAs(t);
  isProbing = true;
  watched = true;
  probeResult = false;
  probeSink = sink;
  try {
    const f = W[base + T_FP];
    const code = W[f];
    codes[code >>> 12].step(W, f, code & 4095, undefined);
  } finally {
    isProbing = false;
    watched = checking;
    probeSink = null;
    current = beforeCurrent;
    base = beforeBase;
    room.left = beforeRoom;
  }
  return probeResult;
}
