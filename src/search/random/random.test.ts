import { describe, expect, test } from "vitest";
import { MayfailError } from "../../errors.ts";
import { type Cell, cell, readOnce } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { assert } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import { choose } from "../../machine/wait.ts";
import { setupProgram } from "../program.ts";
import { abba, abbaSameOrder, crossing, intervalBug, philosophers } from "../programs.testkit.ts";
import { replayRun } from "../replay.ts";
import { randomRuns, type StrategyName } from "./randomRuns.ts";
import { Rng } from "./rng.ts";

describe("numbers", () => {
  test("a seed gives the same numbers for ever", () => {
    const numbers = (seed: number) => {
      const rng = new Rng(seed);
      return Array.from({ length: 4 }, () => rng.next());
    };
    expect([numbers(1), numbers(2), numbers(2 ** 40 + 1)]).toMatchInlineSnapshot(`
      [
        [
          2420951833,
          2513034076,
          3847892949,
          4064752930,
        ],
        [
          1115575315,
          1439910933,
          603264563,
          2110063166,
        ],
        [
          4072275059,
          3438489595,
          1241568390,
          3753839207,
        ],
      ]
    `);
  });

  test("below() and real() are spread evenly", () => {
    const rng = new Rng(5);
    const counts = new Array<number>(10).fill(0);
    let sum = 0;
    for (let i = 0; i < 100_000; i++) {
      counts[rng.below(10)]++;
      sum += rng.real();
    }
    for (const c of counts) expect(Math.abs(c - 10_000)).toBeLessThan(400);
    expect(Math.abs(sum / 100_000 - 0.5)).toBeLessThan(0.005);
  });
});

// Probabilities over 20,000 runs each, measured with an independent implementation over generator functions.
const RUNS = 2000;
const REFERENCE_RUNS = 20_000;
const strategies: readonly (readonly [StrategyName, number])[] = [
  ["walk", 1],
  ["pct", 2],
  ["pct", 3],
  ["pos", 1],
];

describe("how often the known bugs are met", () => {
  test.each<[string, (m: Machine) => void, readonly number[], number]>([
    ["AB-BA", abba, [0.5, 0.12, 0.22, 0.34], 0.01],
    ["crossing", crossing, [0.76, 0.2, 0.35, 0.5], 0.01],
    ["philosophers(3)", philosophers(3), [0.33, 0.04, 0.081, 0.2], 0.01],
    ["philosophers(5)", philosophers(5), [0.15, 0.0024, 0.0057, 0.07], 0.01],
    ["philosophers(8)", philosophers(8), [0.051, 0, 0.0001, 0.013], 0.001],
    ["interval_bug(1,1)", intervalBug(1, 1), [0.035, 0.023, 0.043, 0.038], 0.001],
    ["interval_bug(2,1)", intervalBug(2, 1), [0.15, 0.027, 0.05, 0.11], 0.01],
    ["interval_bug(2,2)", intervalBug(2, 2), [0.13, 0.025, 0.043, 0.095], 0.01],
  ])("%s", (_name, setup, reference, digit) => {
    strategies.forEach(([strategy, depth], i) => {
      const r = randomRuns(setupProgram(setup), {
        strategy,
        depth,
        runs: RUNS,
        stopAtFirst: false,
        machine: { fine: true },
      });
      const count = [...r.findings.values()].reduce((sum, f) => sum + f.count, 0);
      const p = Math.max(reference[i], 1 / REFERENCE_RUNS);
      const sigma = Math.sqrt(p * (1 - p) * (1 / RUNS + 1 / REFERENCE_RUNS));
      expect(Math.abs(count / RUNS - reference[i]), `${r.strategy}: ${count} of ${RUNS}`).toBeLessThan(
        3 * sigma + digit / 2,
      );
    });
  });
});

describe("a series of runs", () => {
  const program = setupProgram(abba);

  test("is the same for the same seed, and another for another", () => {
    const once = (seed: number) => randomRuns(program, { strategy: "pos", runs: 50, seed, stopAtFirst: false });
    expect(once(3)).toEqual(once(3));
    expect(once(3).steps).not.toEqual(once(4).steps);
  });

  test("ends with the first finding unless told otherwise, and its schedule replays", () => {
    for (const strategy of ["walk", "pct", "pos"] as const) {
      const r = randomRuns(program, { strategy });
      const found = r.findings.get("deadlock");
      expect(found).toMatchObject({ firstRun: r.runs, count: 1 });
      const run = replayRun(program, found?.schedule ?? [], { machine: r.machine });
      expect(run.finding?.message).toEqual(found?.finding.message);
    }
    const all = randomRuns(program, { stopAtFirst: false, runs: 100 });
    expect(all.runs).toBe(100);
    expect(all.findings.get("deadlock")?.count).toBeGreaterThan(20);
  });

  test("finds nothing where there is nothing", () => {
    const r = randomRuns(setupProgram(abbaSameOrder), { runs: 200 });
    expect([r.runs, r.findings.size, r.cut, r.stopped]).toEqual([200, 0, 0, null]);
    expect(r.longestRun).toBe(4);
  });

  test("draws the choices of the environment too", () => {
    const r = randomRuns(
      setupProgram((m) => {
        m.spawn("t", guess, []);
      }),
    );
    expect(r.findings.get("assertion")?.schedule).toEqual([{ task: 0, choice: 2 }]);
  });

  test("cuts runs that do not end, and stops when told to", () => {
    const endless = setupProgram((m) => {
      m.spawn("t", spin, [cell("x")]);
    });
    const r = randomRuns(endless, { runs: 3, maxSteps: 50 });
    expect([r.cut, r.steps, r.longestRun]).toEqual([3, 150, 50]);
    let asked = 0;
    const told = randomRuns(endless, { maxSteps: 5, shouldStop: () => (++asked === 4 ? "enough" : null) });
    expect([told.runs, told.stopped]).toEqual([4, "enough"]);
  });

  test("refuses senseless bounds by number", () => {
    for (const bad of [{ runs: 0 }, { runs: 1.5 }, { depth: 0 }, { maxSteps: Number.NaN }]) {
      expect(() => randomRuns(program, bad)).toThrow(MayfailError);
    }
    expect(() => randomRuns(program, { runs: 0 })).toThrow("MF0403");
  });
});

function* guess(): Task {
  const n = yield* choose(3);
  assert(n !== 2, "two");
}

function* spin(x: Cell): Task {
  while ((yield* readOnce(x)) === 0) {
    // Nobody ever writes it.
  }
}
