"use plain generator";
/** Runs a module compiled and as plain generators, and tells what each has done. */
import { compileTaskModule } from "../compile.ts";
import { evaluate, mockRuntime, moduleBody } from "./mockRuntime.testkit.ts";

export interface Outcome {
  readonly events: unknown[][][];
  readonly results: unknown[];
}

export interface Options {
  /** Objects that slots may hold, by the names under which the program finds them. */
  readonly objects?: Record<string, object>;
  readonly maxSteps?: number;
  readonly tasks?: number;
  /** On a sequential machine: of each five operations four are done at once. */
  readonly sequential?: boolean;
}

/** What an operation answers: small numbers, some booleans, sometimes nothing. */
export function answer(task: number, count: number): unknown {
  const n = (task * 7919 + count * 104729 + 12289) % 1009;
  if (n % 11 === 0) return undefined;
  return n % 7 === 0 ? n % 2 === 0 : n % 5;
}

/** As plain generators; `main(task)` of every task, one after the other. */
export function runPlain(source: string, options: Options = {}): Outcome {
  const tasks = options.tasks ?? 2;
  const events: unknown[][][] = Array.from({ length: tasks }, () => []);
  const results: unknown[] = [];
  let current = 0;
  const op = function* (...args: unknown[]): Generator<unknown, unknown, unknown> {
    return yield args;
  };
  const note = (value: unknown): unknown => {
    events[current]?.push(["note", value]);
    return value;
  };
  const scope = { op, note, ...options.objects };
  const module = new Function("$runtime", "$scope", ...Object.keys(scope), moduleBody(source))(
    {},
    scope,
    ...Object.values(scope),
  );
  for (let task = 0; task < tasks; task++) {
    current = task;
    try {
      const it: Generator<unknown, unknown, unknown> = module.main(task);
      let next = it.next();
      for (let count = 0; !next.done; count++) {
        if (count > (options.maxSteps ?? 300)) {
          results[task] = "endless";
          break;
        }
        events[task]?.push(next.value as unknown[]);
        next = it.next(answer(task, count));
      }
      if (next.done) results[task] = next.value;
    } catch (error) {
      results[task] = { threw: error instanceof Error ? error.message : error };
    }
  }
  return { events, results };
}

export function compiled(source: string): string {
  return compileTaskModule(source, { filename: "random.ts" }).code;
}

/**
 * Compiled, on the mock machine. At every suspension the array is copied; another task runs and tramples over whatever is
 * not in it; the copy is put back; the step is run twice from the same copy, and must do the same twice.
 */
export function runCompiled(code: string, options: Options = {}): Outcome {
  const tasks = options.tasks ?? 2;
  // The first step has taken a count for itself.
  const atOnce = (task: number, count: number): { value: unknown } | undefined =>
    (count + 2 * task) % 5 === 0 ? undefined : { value: answer(task, count - 1) };
  const machine = mockRuntime(tasks, Object.values(options.objects ?? {}), options.sequential ? atOnce : null);
  const { W, events, results } = machine;
  const module = evaluate(code, machine.imports, { op: machine.op, note: machine.note, ...options.objects });
  const threw: boolean[] = [];
  for (let task = 0; task < tasks; task++) machine.spawn(task, () => module["main"]?.(task));

  const observedStep = (task: number): { words: Int32Array; seen: unknown[][]; failed: unknown } => {
    const before = events[task]?.length ?? 0;
    let failed: unknown;
    try {
      // The first step has no operation to answer.
      if ((W[task * 400 + 3] as number) === 0) {
        machine.step(task, () => undefined);
      } else machine.step(task, (t, count) => answer(t, count - 1));
    } catch (error) {
      failed = { threw: error instanceof Error ? error.message : error };
    }
    const seen = events[task]?.splice(before) ?? [];
    return { words: W.slice(), seen, failed };
  };

  for (let round = 0, active = true; active && round < (options.maxSteps ?? 100) + 1; round++) {
    active = false;
    for (let task = 0; task < tasks; task++) {
      if (machine.isDone(task) || threw[task]) continue;
      active = true;
      const copy = W.slice();
      const other = (task + 1) % tasks;
      if (!machine.isDone(other) && !threw[other]) observedStep(other);
      W.set(copy);
      const first = observedStep(task);
      const result = results[task];
      W.set(copy);
      const second = observedStep(task);
      if (
        JSON.stringify([first.seen, first.failed]) !== JSON.stringify([second.seen, second.failed]) ||
        !Object.is(result, results[task]) ||
        first.words.some((word, i) => word !== second.words[i])
      )
        throw new Error("the same words led to two different steps");
      events[task]?.push(...second.seen);
      if (second.failed !== undefined) {
        threw[task] = true;
        results[task] = second.failed;
      }
    }
  }
  for (let task = 0; task < tasks; task++) if (!machine.isDone(task) && !threw[task]) results[task] = "endless";
  return { events, results };
}

/** The first difference between two outcomes, in words; undefined when there is none. */
export function difference(plain: Outcome, compiled: Outcome): string | undefined {
  for (const [task, result] of plain.results.entries()) {
    const endless = result === "endless" || compiled.results[task] === "endless";
    const [left, right] = [plain.events[task] ?? [], compiled.events[task] ?? []];
    const length = endless ? Math.min(left.length, right.length) : Math.max(left.length, right.length);
    for (let i = 0; i < length; i++)
      if (text(left[i]) !== text(right[i])) return `task ${task}, event ${i}: ${text(left[i])} or ${text(right[i])}`;
    if (!endless && text(result) !== text(compiled.results[task]))
      return `task ${task}, result: ${text(result)} or ${text(compiled.results[task])}`;
  }
  return undefined;
}

/** undefined as itself. */
function text(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (each === undefined ? "undefined" : each)) ?? "nothing";
}
