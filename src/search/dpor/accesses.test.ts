import { expect, test } from "vitest";
import {
  type Cell,
  cell,
  cmpxchg,
  lock,
  Machine,
  mutex,
  point,
  readOnce,
  type Task,
  touch,
} from "../../machine/api.ts";
import { choose } from "../../machine/wait.ts";
import { Accesses, EVERYTHING, NOTHING } from "./accesses.ts";

function* read(c: Cell): Task {
  yield* readOnce(c);
}

function* update(a: Cell, b: Cell): Task {
  yield* touch(a, b);
}

function* swap(c: Cell, expected: number): Task {
  yield* cmpxchg(c, expected, 9);
}

function* anything(): Task {
  yield* point();
}

function* pick(): Task {
  yield* choose(2);
}

test("sets of accesses are numbered, and conflict where a shared word is written", () => {
  const m = Machine.build((b) => {
    const x = cell("x");
    const y = cell("y");
    const z = cell("z");
    const l = mutex("l");
    function* take(): Task {
      yield* lock(l);
    }
    b.spawn("read x", read, [x]);
    b.spawn("read x too", read, [x]);
    b.spawn("read z", read, [z]);
    b.spawn("update x, y", update, [x, y]);
    b.spawn("update y, x", update, [y, x]);
    b.spawn("swap y", swap, [y, 0]);
    b.spawn("try to swap y", swap, [y, 1]);
    b.spawn("lock", take, []);
    b.spawn("anything", anything, []);
    b.spawn("pick", pick, []);
  });
  m.activate();
  const a = new Accesses(m);
  const [readX, readX2, readZ, xy, yx, swapY, trySwapY, take, all, none] = m.tasks.map((t) => a.of(t.slot));
  expect([readX2, yx, all, none]).toEqual([readX, xy, EVERYTHING, NOTHING]);
  const conflict = (s: number, t: number): boolean => a.conflict[s * a.stride + t] === 1;
  const pairs = [readX, readZ, xy, swapY, trySwapY, take].map((s) =>
    [readX, readZ, xy, swapY, trySwapY, take, all, none].map((t) => (conflict(s, t) ? "x" : "-")).join(""),
  );
  expect(pairs).toEqual(["--x---x-", "------x-", "x-xxx-x-", "--xxx-x-", "--xx--x-", "-----xx-"]);
  expect([readX, xy, trySwapY, all].map((s) => a.writes[s])).toEqual([0, 1, 0, 1]);
  expect([a.within(readX, xy), a.within(xy, readX), a.within(xy, EVERYTHING), a.within(all, xy)]).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

test("the table grows", () => {
  const m = Machine.build((b) => {
    for (let i = 0; i < 50; i++) {
      const c = cell(`c${i}`);
      const d = cell(`d${i}`);
      b.spawn(`t${i}`, update, [c, d]);
    }
  });
  m.activate();
  const a = new Accesses(m);
  const ids = m.tasks.flatMap((t) => {
    const one = a.of(t.slot);
    m.step(t.slot);
    return [one];
  });
  expect(new Set(ids).size).toBe(50);
  expect(ids.every((s) => ids.every((t) => (a.conflict[s * a.stride + t] === 1) === (s === t)))).toBe(true);
});
