import { describe, expect, test } from "vitest";
import { assert, choose, lock, type Machine, mutex, type Task, unlock, writeOnce } from "../index.ts";
import { type Cell, cell } from "../machine/cell.ts";
import type { Mutex } from "../machine/mutex.ts";
import { onMachine, setupProgram } from "./program.ts";
import { type StatefulOptions, type StatefulResult, searchStateful } from "./stateful.ts";

function search(setup: (m: Machine) => void, options: Partial<StatefulOptions> = {}): StatefulResult {
  return onMachine(setupProgram(setup), {}, (m) => searchStateful(m, options));
}

function* takeBoth(a: Mutex, b: Mutex): Task {
  yield* lock(a);
  yield* lock(b);
  yield* unlock(b);
  yield* unlock(a);
}

function* writeMany(c: Cell, n: number): Task {
  for (let i = 1; i <= n; i++) yield* writeOnce(c, i);
}

function* threeWrites(c: Cell): Task {
  yield* writeOnce(c, 1);
  yield* writeOnce(c, 2);
  yield* writeOnce(c, 3);
}

function* pick(c: Cell): Task {
  const n = yield* choose(3);
  yield* writeOnce(c, n);
  assert(n !== 2, "two was chosen");
}

describe("stateful search", () => {
  test("finds the deadlock of two orders, and none in one order", () => {
    const ab = (crossed: boolean) => (m: Machine) => {
      const a = mutex("a");
      const b = mutex("b");
      m.spawn("t1", takeBoth, [a, b]);
      m.spawn("t2", takeBoth, crossed ? [b, a] : [a, b]);
    };
    const bad = search(ab(true));
    expect(bad.violations[0].finding.verdict).toBe("deadlock");
    expect(bad.violations[0].finding.cycle.length).toBe(2);
    expect(bad.violations[0].schedule.length).toBe(2);
    const good = search(ab(false));
    expect(good.violations).toEqual([]);
    expect(good.complete).toBe(true);
  });

  test("a schedule leads to the violation again", () => {
    const setup = (m: Machine): void => void m.spawn("t", pick, [cell("c")]);
    const { violations } = search(setup);
    expect(violations[0].finding.message).toBe("two was chosen");
    const program = setupProgram(setup);
    expect(() =>
      onMachine(program, {}, (m) => {
        for (const d of violations[0].schedule) m.step(d.task, d.choice);
      }),
    ).toThrow("two was chosen");
  });

  test("explores local steps alone, and sees the same ends", () => {
    const ends = (localSteps: boolean): { states: number; ends: string[] } => {
      const seen = new Set<string>();
      const setup = (m: Machine): void => {
        m.spawn("t1", threeWrites, [cell("x")]);
        m.spawn("t2", threeWrites, [cell("y")]);
        m.spawn("t3", threeWrites, [cell("z")]);
      };
      const program = setupProgram(setup);
      const states = onMachine(program, {}, (m) => {
        const r = searchStateful(m, { localSteps, onEnd: () => seen.add(m.snapshot().join()) });
        return r.states;
      });
      return { states, ends: [...seen] };
    };
    expect(ends(false).states).toBe(64);
    expect(ends(true).states).toBe(10);
    expect(ends(true).ends).toEqual(ends(false).ends);
  });

  test("says honestly that a bound was reached", () => {
    const r = search(
      (m) => {
        m.spawn("t1", writeMany, [cell("x"), 200]);
        m.spawn("t2", writeMany, [cell("y"), 200]);
      },
      { maxStates: 3000 },
    );
    expect(r.complete).toBe(false);
    expect(r.stopped).toContain("3000");
    expect(r.states).toBeLessThan(5000);
  });

  test("goes on after violations when asked for all", () => {
    const r = search(
      (m) => {
        m.spawn("t1", pick, [cell("x")]);
        m.spawn("t2", pick, [cell("y")]);
      },
      { all: true },
    );
    expect(r.violations.length).toBeGreaterThan(1);
    expect(r.complete).toBe(true);
  });
});
