import { describe, expect, test } from "vitest";
import { type Cell, cell, readOnce, writeOnce } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { estimate, preferDpor } from "./estimate.ts";
import { setupProgram } from "./program.ts";
import { abba, crossingTry, interval, lastZero, philosophers, readers } from "./programs.testkit.ts";

type Setup = (m: Machine) => void;

/** Geometric mean over a few seeds. */
function figures(setup: Setup, seeds: number): { traces: number; states: number } {
  const list = Array.from({ length: seeds }, (_, i) => estimate(setupProgram(setup), { seed: i + 1 }));
  const mean = (part: "traces" | "states") => Math.exp(list.reduce((sum, e) => sum + Math.log(e[part]), 0) / seeds);
  return { traces: mean("traces"), states: mean("states") };
}

describe("the number of traces, within a factor", () => {
  test.each<[string, Setup, number, number]>([
    ["AB-BA", abba, 3, 1.1],
    ["crossing with trylock", crossingTry, 7, 1.3],
    ["readers(8)", readers(8), 256, 1.5],
    ["readers(13)", readers(13), 8192, 3],
    ["lastzero(8)", lastZero(8), 704, 4],
    ["lastzero(15)", lastZero(15), 147_456, 15],
    ["philosophers(5)", philosophers(5), 31, 3],
    ["philosophers(10)", philosophers(10), 1023, 10],
    ["interval(2,1)", interval(2, 1), 275, 4],
    ["interval(1,2)", interval(1, 2), 1086, 4],
    ["interval(2,2)", interval(2, 2), 185_336, 10],
  ])("%s", (_name, setup, traces, factor) => {
    const got = figures(setup, 3).traces;
    expect(got).toBeGreaterThan(traces / factor);
    expect(got).toBeLessThan(traces * factor);
  });

  test("the mean over many seeds is right: no systematic error", () => {
    const seeds = 60;
    let sum = 0;
    for (let seed = 1; seed <= seeds; seed++)
      sum += estimate(setupProgram(philosophers(4)), { seed, walks: 50 }).traces;
    expect(Math.abs(sum / seeds - 15)).toBeLessThan(2);
  });
});

describe("the number of coarse states: a lower bound", () => {
  test.each<[string, Setup, number, number]>([
    ["AB-BA", abba, 9, 1.2],
    ["philosophers(5)", philosophers(5), 243, 1.1],
    ["philosophers(8)", philosophers(8), 6561, 1.5],
    ["interval(1,2)", interval(1, 2), 1130, 1.5],
    ["interval(2,2)", interval(2, 2), 26_394, 5],
    ["lastzero(8)", lastZero(8), 82_600, 4],
  ])("%s", (_name, setup, states, factor) => {
    const got = figures(setup, 2).states;
    expect(got).toBeGreaterThan(states / factor);
    expect(got).toBeLessThan(states * 1.2);
  });

  test("said to be one where most states were not met", () => {
    const unsure = (setup: Setup) => estimate(setupProgram(setup)).statesAtLeast;
    expect([abba, philosophers(5), interval(1, 2)].map(unsure)).toEqual([false, false, false]);
    expect([lastZero(8), lastZero(10), readers(13)].map(unsure)).toEqual([true, true, true]);
  });
});

describe("which engine", () => {
  const prefers = (setup: Setup) => preferDpor(estimate(setupProgram(setup)));

  test("few traces and many states: traces", () => {
    expect([philosophers(10), lastZero(8), lastZero(10)].map(prefers)).toEqual([true, true, true]);
  });

  test("few states and many traces: states", () => {
    expect([interval(2, 2), interval(1, 2), interval(3, 1)].map(prefers)).toEqual([false, false, false]);
  });

  test("runs that may be infinite are for states", () => {
    const e = estimate(
      setupProgram((m) => {
        const x = cell("x");
        m.spawn("spinner", spin, [x]);
        m.spawn("writer", raise, [x]);
      }),
    );
    expect(e).toMatchObject({ cyclic: true, traces: Number.POSITIVE_INFINITY });
    expect(preferDpor(e)).toBe(false);
  });
});

test("the walks report a broken rule that they meet, and the same seed gives the same figures", () => {
  const e = estimate(setupProgram(abba), { seed: 3 });
  expect(e.violation?.finding.verdict).toBe("deadlock");
  expect(estimate(setupProgram(abba), { seed: 3 })).toEqual(e);
  expect(estimate(setupProgram(crossingTry)).violation).toBeNull();
});

test("a listener sees every step of the walks through states", () => {
  let steps = 0;
  estimate(setupProgram(abba), { walks: 10, onStep: (m, t) => (steps += m.enabled(t) ? 1 : 0) });
  expect(steps).toBeGreaterThan(20);
});

function* spin(x: Cell): Task {
  while ((yield* readOnce(x)) === 0) {
    // Until the writer has written.
  }
}

function* raise(x: Cell): Task {
  yield* writeOnce(x, 1);
}
