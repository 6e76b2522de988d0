import { expect, test } from "vitest";
import { type Cell, cell, writeOnce } from "./cell.ts";
import { type Code, current, type Task } from "./core.ts";
import { Finding } from "./finding.ts";
import { placeOfTask, stackOfTask } from "./place.ts";
import { buildSequential, runSequentially } from "./sequential.ts";
import { fell, trackCalls } from "./straight.ts";
import { until } from "./wait.ts";

function* outer(go: Cell, out: Cell, value: number): Task {
  yield* until(() => go.value === 1);
  yield* middle(out, value);
}

function* middle(out: Cell, value: number): Task {
  yield* inner(out, 0);
  yield* inner(out, value);
}

function* inner(out: Cell, value: number): Task {
  yield* look();
  yield* writeOnce(out, value * 2 ** 20);
  if (value === 7) throw new Finding("assertion", "seven is too many");
}

let seen: string[] = [];

function* look(): Task {
  yield* nothing();
  note();
}

function note(): void {
  seen = stackOfTask(current).map((place) => place.function);
}

function* nothing(): Task {}

function start(value: number) {
  let go: Cell | undefined;
  const m = buildSequential((machine) => {
    go = cell("go");
    machine.spawn("t", outer, [go, cell("out"), value]);
  });
  (go as Cell).value = 1;
  return m;
}

test("a rule that is broken far from any frame is found where it is broken", () => {
  const m = start(7);
  expect(() => m.step(0)).toThrow("seven is too many");
  expect(placeOfTask(m, 0)).toMatchObject({ function: "inner", line: 22 });
  expect(stackOfTask(0).map(({ function: name, text }) => [name, text])).toEqual([
    ["inner", "yield* writeOnce(out, value * 2 ** 20)"],
    ["middle", "yield* inner(out, value)"],
    ["outer", "yield* middle(out, value)"],
  ]);
});

test("a value that fits no word is reported at the operation that got it", () => {
  const m = start(2 ** 12);
  expect(() => m.step(0)).toThrow(/^MF0214: \S*straight\.test\.ts:22:3: /);
});

test("observers may ask for the whole stack", () => {
  trackCalls(true);
  try {
    expect(runSequentially(start(3))).toBeNull();
    expect(seen).toEqual(["look", "inner", "middle", "outer"]);
  } finally {
    trackCalls(false);
  }
  expect(runSequentially(start(3))).toBeNull();
  expect(seen).toEqual(["outer"]);
});

test("errors without a place in task code stay as they are", () => {
  const error = new Error("mine");
  const code = { meta: { points: [], name: "f" } } as unknown as Code;
  expect(fell(code, 0, error)).toBe(error);
});
