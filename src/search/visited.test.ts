import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { VisitedSet } from "./visited.ts";

describe("the visited set", () => {
  test("behaves like a set of 63-bit numbers, marks included", () => {
    const half = fc.oneof(fc.integer(), fc.constantFrom(0, 1, -1, 2));
    fc.assert(
      fc.property(fc.array(fc.tuple(half, half, fc.boolean()), { maxLength: 400 }), (entries) => {
        const set = new VisitedSet(4);
        const oracle = new Map<string, boolean>();
        for (const [low, high, mark] of entries) {
          const key = `${low === 0 ? 1 : low},${high & ~1}`;
          expect(set.has(low, high)).toBe(oracle.has(key));
          expect(set.insert(low, high)).toBe(!oracle.has(key));
          expect(set.lastIsMarked()).toBe(oracle.get(key) ?? false);
          if (mark) set.markLast();
          oracle.set(key, mark || (oracle.get(key) ?? false));
          if (!mark && oracle.get(key)) {
            set.unmark(low, high);
            oracle.set(key, false);
          }
        }
        expect(set.size).toBe(oracle.size);
      }),
      { seed: 1 },
    );
  });

  test("takes at most 16 bytes for each state once it has grown", () => {
    const set = new VisitedSet(16);
    let x = 1;
    for (let i = 0; i < 100_000; i++) {
      x = Math.imul(x, 0x9e3779b1) + 12345;
      set.insert(x, Math.imul(x, 0x85ebca6b) ^ i);
      if (i > 1000) expect(set.bytes() / set.size).toBeLessThanOrEqual(16);
    }
  });
});
