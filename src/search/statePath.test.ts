import { expect, test } from "vitest";
import type { Machine } from "../machine/machine.ts";
import { enabledTasks } from "./judge.ts";
import { i915 } from "./models/i915.ts";
import { interval } from "./models/interval.ts";
import { intervalExact } from "./models/intervalExact.ts";
import { onMachine, setupProgram } from "./program.ts";
import { StatePath } from "./statePath.ts";

const programs: [string, (m: Machine) => void, boolean][] = [
  ["interval, fine", intervalExact(2, 2), true],
  ["interval, coarse", interval(2, 2), false],
  ["i915, trylock", i915(2, 3), false],
];

/** A generator of random numbers for tests: the same sequence for the same seed. */
function numbers(seed: number): (below: number) => number {
  let x = seed;
  return (below) => {
    x = (Math.imul(x, 1664525) + 1013904223) | 0;
    return (x >>> 8) % below;
  };
}

test.each(programs)("levels come back word by word, fingerprints too: %s", (_name, setup, fine) => {
  const pops = onMachine(setupProgram(setup), { fine }, (m) => {
    const path = new StatePath(m);
    const random = numbers(7);
    const seen: { words: string; low: number; high: number }[] = [];
    const enabled: number[] = [];
    let pops = 0;
    for (let i = 0; i < 2_000; i++) {
      if (enabledTasks(m, enabled) === 0 || random(4) === 0) {
        if (path.depth === 0) continue;
        path.pop();
        pops++;
        const level = seen.pop();
        expect({ words: m.words.join(), low: path.low, high: path.high }).toEqual(level);
        continue;
      }
      const before = { words: m.words.join(), low: path.low, high: path.high };
      const t = enabled[random(enabled.length)];
      m.step(t);
      path.compare(t);
      const fresh = new StatePath(m);
      expect([path.low, path.high]).toEqual([fresh.low, fresh.high]);
      if (random(3) === 0) {
        path.undo();
        expect({ words: m.words.join(), low: path.low, high: path.high }).toEqual(before);
      } else {
        path.push();
        seen.push(before);
      }
    }
    return pops;
  });
  expect(pops).toBeGreaterThan(100);
});

test("each half of the fingerprint spreads small related words like chance", () => {
  // 2^17 states that differ in 17 binary words: by chance 2 pairs with equal halves are to be expected in each half.
  const low = new Map<number, number>();
  const high = new Map<number, number>();
  const pairs = onMachine(setupProgram(interval(3, 2)), {}, (m) => {
    const path = new StatePath(m);
    const first = m.tasks[0].base + 12;
    let equal = 0;
    for (let s = 0; s < 1 << 17; s++) {
      for (let bit = 0; bit < 17; bit++) m.words[first + bit] = (s >> bit) & 1;
      path.compare(-1);
      for (const [halves, half] of [
        [low, path.low],
        [high, path.high],
      ] as const) {
        const n = halves.get(half) ?? 0;
        equal += n;
        halves.set(half, n + 1);
      }
      path.undo();
    }
    return equal;
  });
  expect(pairs).toBeLessThan(16);
});
