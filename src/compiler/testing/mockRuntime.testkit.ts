/**
 * A small machine, to run compiled task functions without the real one: tasks with stacks in one Int32Array,
 * one operation `op` that suspends, and an observer. Nothing of a task lives outside of `W`.
 */
import type { TaskMeta } from "../compile.ts";

type Step = (W: Int32Array, f: number, label: number, v: unknown) => unknown;
export interface MockCode {
  readonly id: number;
  readonly meta: TaskMeta;
  readonly step: Step;
}
/** What the machine itself raises; task code must not catch it. */
export class MachineError extends Error {}

const stackWords = 400;
const FP = 0;
const SP = 1;
/** 0 running, 1 has an operation pending, 2 done, 3 waits for an until */
const STATE = 2;
const COUNT = 3;
const HEADER = 4;

/** A sequential machine: what an operation answers when it is done at once; undefined = the task waits for it. */
export type AtOnce = (task: number, count: number) => { readonly value: unknown } | undefined;
/** So many task functions may run from within each other: few, so that programs meet the bound. */
const MAX_NESTED = 2;
const waiting = { waiting: true };

export type MockRuntime = ReturnType<typeof mockRuntime>;

export function mockRuntime(tasks: number, interned: readonly object[] = [], atOnce: AtOnce | null = null) {
  const W = new Int32Array(tasks * stackWords);
  const codes: MockCode[] = [];
  const events: unknown[][][] = Array.from({ length: tasks }, () => []);
  const results: unknown[] = [];
  let current = 0;
  let result: unknown;
  const room = { left: 0 };
  /** What functions without frames have left, the innermost first. */
  let left: { code: MockCode; label: number; values: readonly unknown[] }[] = [];
  let probing = false;
  let probed = false;
  const baseOf = (task: number): number => task * stackWords;

  function encodeSlow(value: unknown, code?: MockCode, slot?: number): number {
    if (value === undefined) return 1;
    if (value === null) return 3;
    if (typeof value === "boolean") return value ? 7 : 5;
    if (typeof value === "number" && (value << 1) >> 1 === value) return value << 1;
    const id = interned.indexOf(value as object);
    if (id >= 0) return ((id + 1) << 3) | 1;
    const name = slot === undefined ? "?" : code?.meta.slots[slot];
    throw new MachineError(`${code?.meta.name}: ${name} holds ${String(value)}`);
  }
  function decodeSlow(word: number): unknown {
    if ((word & 1) === 0) return word >> 1;
    const constants: Record<number, unknown> = { 1: undefined, 3: null, 5: false, 7: true };
    return word in constants ? constants[word] : interned[(word >> 3) - 1];
  }
  function push(code: MockCode): number {
    const base = baseOf(current);
    const f = W[base + SP] as number;
    W[f] = code.id << 12;
    W[f + 1] = W[base + FP] as number;
    for (let i = 2; i < 2 + code.meta.slots.length; i++)
      if (W[f + i] !== 0) throw new MachineError("the stack above its top is not zero");
    W[base + FP] = f;
    W[base + SP] = f + 2 + code.meta.slots.length;
    if ((W[base + SP] as number) >= base + stackWords) throw new MachineError("stack overflow");
    return f;
  }
  function place(code: MockCode, label: number, values: readonly unknown[]): void {
    const f = push(code);
    W[f] = (W[f] as number) | label;
    values.forEach((value, i) => {
      W[f + 2 + i] = encodeSlow(value, code, i);
    });
  }
  function placeAll(): void {
    for (const each of left.reverse()) place(each.code, each.label, each.values);
    left = [];
  }
  const imports = {
    define(meta: TaskMeta, step: Step): MockCode {
      const code = { id: codes.length, meta, step };
      codes.push(code);
      return code;
    },
    enter(code: MockCode, ...args: unknown[]): unknown {
      if (atOnce !== null) return imports.kept(code, 0, args);
      place(code, 0, args);
      return undefined;
    },
    hold(): void {
      room.left = 0;
    },
    room,
    waiting,
    kept(code: MockCode, label: number, values: readonly unknown[]): unknown {
      left.push({ code, label, values });
      return waiting;
    },
    fell: (_code: MockCode, _label: number, error: unknown): unknown => error,
    leave(f: number, value: unknown): unknown {
      const base = baseOf(current);
      if (W[base + FP] !== f) throw new MachineError("a frame was left that is not on top");
      W[base + FP] = W[f + 1] as number;
      W.fill(0, f, W[base + SP]);
      W[base + SP] = f;
      if (atOnce !== null) return value;
      result = value;
      return undefined;
    },
    encodeSlow,
    decodeSlow,
    awaitPoint(): unknown {
      W[baseOf(current) + STATE] = 3;
      return atOnce === null ? undefined : waiting;
    },
    probing: () => probing,
    probe(value: boolean): void {
      probed = value;
    },
    rethrow(error: unknown): void {
      if (error instanceof MachineError) throw error;
    },
  };

  function run(task: number, value: unknown): void {
    const base = baseOf(task);
    current = task;
    W[base + STATE] = 0;
    let v = value;
    while (W[base + STATE] === 0) {
      const f = W[base + FP] as number;
      if (f === 0) {
        W[base + STATE] = 2;
        results[task] = v;
        return;
      }
      const head = W[f] as number;
      result = undefined;
      room.left = atOnce === null ? 0 : MAX_NESTED;
      const answered = codes[head >>> 12]?.step(W, f, head & 4095, v);
      placeAll();
      if (atOnce === null) v = result;
      else v = answered === waiting ? undefined : answered;
    }
  }

  return {
    W,
    codes,
    events,
    results,
    imports,
    /** What task code calls: suspends, and is answered by `answer(task, how many operations it has done)`. */
    op(...args: unknown[]): unknown {
      const base = baseOf(current);
      if (W[base + STATE] !== 0) throw new MachineError("the task has an operation pending");
      events[current]?.push(args);
      const count = W[base + COUNT] as number;
      const answered = atOnce?.(current, count);
      if (answered !== undefined) {
        W[base + COUNT] = count + 1;
        return answered.value;
      }
      W[base + STATE] = 1;
      return atOnce === null ? undefined : waiting;
    },
    note(value: unknown): unknown {
      events[current]?.push(["note", value]);
      return value;
    },
    /** Pushes the first frame of a task: `f(arg)`. */
    spawn(task: number, start: () => void): void {
      current = task;
      W[baseOf(task) + SP] = baseOf(task) + HEADER + (task === 0 ? 1 : 0);
      W[baseOf(task) + STATE] = 1;
      room.left = 0;
      start();
      placeAll();
    },
    isDone: (task: number): boolean => W[baseOf(task) + STATE] === 2,
    /** Runs a task from its suspension to the next one. False when it waits in vain. */
    step(task: number, answer: (task: number, count: number) => unknown): boolean {
      const base = baseOf(task);
      current = task;
      if (W[base + STATE] === 3) {
        const f = W[base + FP] as number;
        const before = W.slice();
        probing = true;
        codes[(W[f] as number) >>> 12]?.step(W, f, (W[f] as number) & 4095, undefined);
        probing = false;
        if (before.some((word, i) => word !== W[i])) throw new MachineError("probing changed something");
        if (!probed) return false;
        run(task, undefined);
        return true;
      }
      const count = W[base + COUNT] as number;
      W[base + COUNT] = count + 1;
      run(task, answer(task, count));
      return true;
    },
    /** The stack words of a task. */
    wordsOf: (task: number): number[] => [...W.subarray(baseOf(task), baseOf(task) + stackWords)],
    /** The slots of the top frame by their names. */
    topSlots(task: number): Record<string, unknown> {
      const f = W[baseOf(task) + FP] as number;
      const { slots } = (codes[(W[f] as number) >>> 12] as MockCode).meta;
      return Object.fromEntries(
        slots.map((name, i) => [name, W[f + 2 + i] === 0 ? 0 : decodeSlow(W[f + 2 + i] as number)]),
      );
    },
    labelOf(task: number): number {
      return (W[W[baseOf(task) + FP] as number] as number) & 4095;
    },
  };
}

/** Turns the code of a module into a function body that returns its exports. */
export function moduleBody(code: string): string {
  const exported: string[] = [];
  const body = code
    .replace(
      /^import \{([^}]*)\} from "mayfail\/runtime";/,
      (_, list: string) => `const {${list.replaceAll(" as ", ": ")}} = $runtime;`,
    )
    .replace(
      /^import \{([^}]*)\} from "[^"]*";/gm,
      (_, list: string) => `const {${list.replaceAll(" as ", ": ")}} = $scope;`,
    )
    .replace(/^\s*export (const|function\*?) (\w+)/gm, (_, kind: string, name: string) => {
      exported.push(name);
      return `${kind} ${name}`;
    });
  return `"use strict"; ${body}\nreturn { ${exported.join(", ")} };`;
}

/** Evaluates a compiled module: `scope` gives what it imports from anywhere but the runtime. */
export function evaluate(
  code: string,
  runtime: object,
  scope: Record<string, unknown>,
): Record<string, (...args: unknown[]) => unknown> {
  const names = Object.keys(scope);
  return new Function("$runtime", "$scope", ...names, moduleBody(code))(runtime, scope, ...Object.values(scope));
}
