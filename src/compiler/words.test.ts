"use plain generator";
/** What a suspended task function leaves in the array. */
import { expect, test } from "vitest";
import { compileTaskModule } from "./compile.ts";
import { evaluate, mockRuntime } from "./testing/mockRuntime.testkit.ts";

const objects = { OBJ: { list: [1, 2] }, LIST: [10, 20] };

/** A task `main(arg)` that can be stepped by hand. */
function start(source: string, ...args: unknown[]) {
  const machine = mockRuntime(1, Object.values(objects));
  const compiled = compileTaskModule(source, { filename: "words.ts" });
  const module = evaluate(compiled.code, machine.imports, { op: machine.op, note: machine.note, ...objects });
  machine.spawn(0, () => module["main"]?.(...args));
  return { machine, compiled, step: (value?: unknown) => machine.step(0, () => value) };
}

test("parameters come first, then what lives across a suspension, under the author's names", () => {
  const { compiled } = start(`export function* main(a, unused, c = 3) {
    let across = a + c, dead = 1;
    note(dead);
    yield* op(across);
    return across;
  }`);
  expect(compiled.functions[0]?.params).toEqual(["a", "unused", "c"]);
  expect(compiled.functions[0]?.slots).toEqual(["a", "unused", "c", "across"]);
});

test("at a suspension the slots of live locals hold their values and all others 0", () => {
  const { machine, step } = start(
    `export function* main(a, b) {
      let x = a + 1, y = b;
      yield* op("first");
      note(x);
      let z = 7;
      yield* op("second");
      return y + z;
    }`,
    4,
    5,
  );
  step();
  expect(machine.topSlots(0)).toEqual({ a: 0, b: 0, x: 5, y: 5, z: 0 });
  step();
  expect(machine.topSlots(0)).toEqual({ a: 0, b: 0, x: 0, y: 5, z: 7 });
  step();
  expect(machine.wordsOf(0).filter((word) => word !== 0 && word !== 5)).toEqual([2, 3]); // state and count only
  expect(machine.results[0]).toBe(12);
});

test("two paths to one point with equal live values leave equal words", () => {
  const source = `export function* main(path) {
    let x = 1, left = 0;
    if (path === 1) { left = 5; for (const each of LIST) { const k = each; yield* op(k, left); } }
    else if (path === 2) { try { let right = 9; yield* op(right); yield* op(right); } finally { left = 3; note(left); } }
    else { yield* op(0); yield* op(0); }
    path = 0;
    yield* op("here", x);
    return x;
  }`;
  const words = [1, 2, 3].map((path) => {
    const { machine, step } = start(source, path);
    step();
    step();
    step();
    expect(machine.events[0]?.at(-1)).toEqual(["here", 1]);
    return machine.wordsOf(0);
  });
  expect(words[1]).toEqual(words[0]);
  expect(words[2]).toEqual(words[0]);
});

test("how a try statement ends takes words only from its end to that of its finally block", () => {
  const { machine, step } = start(`export function* main() {
    outer: for (const round of LIST) {
      try {
        yield* op("body");
        for (const x of LIST) if (x === round) break;
        for (const x of LIST) if (x > 10) { if (round > 10) throw 8; continue outer; }
      } catch (e) { yield* op("catch", e); } finally { yield* op("finally"); }
    }
  }`);
  const inBody = { round: 0, "(index of LIST)": 0, "(completion)": 0, "(completion value)": 0, e: 0 };
  const known = (): Record<string, unknown> => ({ ...inBody, ...machine.topSlots(0) });
  step();
  expect(known()).toMatchObject({ "(completion)": 0, "(completion value)": 0 });
  step();
  expect(machine.events[0]?.at(-1)).toEqual(["finally"]);
  step();
  expect(known()).toMatchObject({ "(completion)": 0, "(completion value)": 0, "(index of LIST)": 1 });
  expect(
    machine
      .wordsOf(0)
      .slice(6)
      .filter((word) => word === 1),
  ).toEqual([]); // nothing is undefined
  step();
  expect(machine.events[0]?.at(-1)).toEqual(["catch", 8]);
});

test("locals of one name that never live at the same time share a slot", () => {
  const { compiled } = start(`export function* main(a) {
    for (let i = 0; i < 2; i++) yield* op(i);
    for (let i = 0; i < 2; i++) { for (let i = 0; i < 2; i++) yield* op(i); }
    return a;
  }`);
  expect(compiled.functions[0]?.slots).toEqual(["a", "i", "i"]);
});

test("a parameter that nobody assigns is not stored again, and what a step does not touch is not loaded", () => {
  const { code } = compileTaskModule(
    `export function* main(a, b) { for (let i = 0; i < b; i++) { yield* op(1); yield* op(2); } return a; }`,
    { filename: "words.ts" },
  );
  expect(code).not.toMatch(/\$W\[\$f \+ [23]\] = /);
  const middle = /case 1:([\s\S]*?)case/.exec(code)?.[1];
  expect(middle).toContain("op(2)");
  expect(middle).not.toContain("$decode");
});

test("objects known to the machine are kept as handles", () => {
  const { machine, step } = start(
    `export function* main() { let o = OBJ; const l = LIST; o = OBJ; yield* op(1); return o === OBJ && l[1]; }`,
  );
  step();
  expect(machine.topSlots(0)).toEqual({ o: objects.OBJ, l: objects.LIST });
  step();
  expect(machine.results[0]).toBe(20);
});

test.each([
  ["an object made at run time", "{ a: 1 }", "x holds [object Object]"],
  ["a string", '"text"', "x holds text"],
  ["a fraction", "0.5", "x holds 0.5"],
  ["not a number", "0 / 0", "x holds NaN"],
  ["a large number", "2 ** 30", "x holds 1073741824"],
  ["a bigint", "1n", "x holds 1"],
  ["an array", "[1, 2]", "x holds 1,2"],
])("%s cannot live across a suspension, and the error names the variable", (_, value, message) => {
  const { step } = start(`export function* main() { const x = ${value}; yield* op(1); return x; }`);
  expect(() => step()).toThrow(`main: ${message}`);
});

test("a value that is kept for a larger expression is named by its source", () => {
  const { step } = start(
    `export function* main(a) { return OBJ.list.concat([a]).length + JSON.stringify(OBJ) + (yield* op(1)); }`,
  );
  expect(() => step()).toThrow("main: (OBJ.list.concat([a]).length + JSON.stri…) holds");
});

test("a for of loop over what is no array says so", () => {
  const { step } = start(`export function* main() { for (const x of new Set([1])) yield* op(x); }`);
  expect(() => step()).toThrow(/can only go over an array/);
});

test("until: the condition is tested in place, with the locals of the task, and changes nothing", () => {
  const { machine, step } = start(
    `import { until } from "mayfail";
    export function* main(limit) {
      let n = limit * 2;
      try {
        yield* until(() => LIST[0] > n);
        note("over");
      } catch (e) { note(e); }
      return n;
    }`,
    10,
  );
  expect(step()).toBe(true); // runs up to the wait
  expect(step()).toBe(false);
  expect(machine.events[0]).toEqual([]);
  objects.LIST[0] = 21;
  expect(step()).toBe(true);
  expect(machine.events[0]).toEqual([["note", "over"]]);
  expect(machine.results[0]).toBe(20);
  objects.LIST[0] = 10;
});

test("until: a hint about the owner is evaluated when the wait begins", () => {
  const { code } = compileTaskModule(
    `import { until } from "./wait.ts"; export function* main(o) { yield* until(() => o.n > 0, o.owner); }`,
    { filename: "words.ts" },
  );
  expect(code).toContain("$awaitPoint(o.owner)");
});

test("the machine's own exceptions pass through catch clauses, of task code and of plain code", () => {
  const source = `function plain(x) { try { return x(); } catch { return 1; } }
  export function* main(a) {
    try { yield* op(1); note(plain(() => op.fail(a))); yield* op(2); } catch (e) { note(e); } finally { note("finally"); }
    try { op.fail(a); } catch ({ message }) { note(message); }
  }`;
  const { machine, step } = start(source);
  const thrown = new (Object.getPrototypeOf(catchOf(() => machine.imports.encodeSlow("x"))).constructor)("a finding");
  Object.assign(machine.op, {
    fail: () => {
      throw thrown;
    },
  });
  step();
  expect(() => step()).toThrow("a finding");
  expect(machine.events[0]).toEqual([[1]]);
});

function catchOf(f: () => unknown): unknown {
  try {
    f();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}
