import { expect, test } from "vitest";
import { type Cell, cell, Machine, readOnce, type Task, writeOnce } from "../../machine/api.ts";
import { Accesses, NOTHING } from "./accesses.ts";
import { AGAINST, COMMUTES, initial, Sequence } from "./sequence.ts";

function* read(c: Cell): Task {
  yield* readOnce(c);
}

function* write(c: Cell): Task {
  yield* writeOnce(c, 1);
}

function accesses(): { a: Accesses; readX: number; writeX: number; writeY: number } {
  const m = Machine.build((b) => {
    const x = cell("x");
    b.spawn("r", read, [x]);
    b.spawn("w", write, [x]);
    b.spawn("v", write, [cell("y")]);
  });
  m.activate();
  const a = new Accesses(m);
  return { a, readX: a.of(0), writeX: a.of(1), writeY: a.of(2) };
}

test("which events can begin a sequence", () => {
  const { a, readX, writeX, writeY } = accesses();
  const v = new Sequence(2); // grows
  v.push(0, 0, 1, readX);
  v.push(1, 0, 1, writeX);
  v.push(2, 0, 1, writeY);
  v.push(0, 0, 1, writeY);
  expect(initial(a, v, 0, 0, 1, readX)).toBe(0);
  expect(initial(a, v, 1, 0, 1, writeX)).toBe(AGAINST); // the read comes first
  expect(initial(a, v, 2, 0, 1, writeY)).toBe(2);
  expect(initial(a, v, 5, 0, 1, readX)).toBe(AGAINST); // the write would come after it
  expect(initial(a, v, 5, 0, 1, NOTHING)).toBe(COMMUTES);
  v.removeAt(0);
  expect([v.length, initial(a, v, 1, 0, 1, writeX)]).toEqual([3, 0]);
});

test("one outcome of a choice stands for itself only", () => {
  const { a, writeY } = accesses();
  const v = new Sequence();
  v.push(3, 1, 2, NOTHING);
  v.push(2, 0, 1, writeY);
  expect(initial(a, v, 3, 1, 2, NOTHING)).toBe(0);
  expect(initial(a, v, 3, 0, 2, NOTHING)).toBe(AGAINST);
  expect(initial(a, v, 4, 0, 2, NOTHING)).toBe(AGAINST);
});

test("a copy has its own events", () => {
  const v = new Sequence();
  v.push(1, 2, 3, 4);
  const w = v.copy();
  v.removeAt(0);
  expect([v.length, w.length, w.task[0], w.choice[0], w.outcomes[0], w.access[0]]).toEqual([0, 1, 1, 2, 3, 4]);
});
