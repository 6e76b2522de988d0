import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { programFrom } from "./ast.testkit.ts";
import { compare } from "./compare.testkit.ts";
import { engines, oracle, wrongEngines } from "./engines.testkit.ts";
import { mixes, unguarded } from "./mixes.testkit.ts";

/** For each mix of statements; ten mixes. */
const PROGRAMS = 520;
const genomes = fc.array(fc.nat(255), { minLength: 20, maxLength: 60 });

describe(`${PROGRAMS} random programs: every engine finds the verdicts and the final states of the naive search`, () => {
  const met = new Set<string>();

  test.each(Object.entries(mixes))("%s", (_name, mix) => {
    const compared = new Map(Object.keys(engines).map((name) => [name, 0]));
    let deadlocks = 0;
    let others = 0;
    fc.assert(
      fc.property(genomes, (genome) => {
        const c = compare(programFrom(genome, mix), oracle, engines);
        expect(c.differences).toEqual([]);
        for (const name of c.compared) compared.set(name, (compared.get(name) ?? 0) + 1);
        for (const v of c.verdicts ?? []) met.add(v);
        if (c.verdicts?.has("deadlock")) deadlocks++;
        else others++;
      }),
      { seed: 20, numRuns: PROGRAMS },
    );
    // The comparison is worth something: hardly any program was too large, and deadlocks are neither rare nor the rule.
    for (const [name, n] of compared) expect(n, name).toBeGreaterThan(0.8 * PROGRAMS);
    expect(Math.min(deadlocks, others)).toBeGreaterThan(0.03 * PROGRAMS);
  });

  test("between them, the programs break every rule that the machine itself knows", () => {
    expect([...met].sort()).toEqual(["assertion", "atomic-sleep", "data-race", "deadlock", "leak", "use-after-free"]);
  });
});

test("a field without a guard: every engine notices when two tasks use it", () => {
  let races = 0;
  fc.assert(
    fc.property(genomes, (genome) => {
      const c = compare(programFrom(genome, unguarded), oracle, engines, "data-race");
      expect(c.differences).toEqual([]);
      if (c.verdicts?.has("data-race")) races++;
    }),
    { seed: 20, numRuns: PROGRAMS },
  );
  expect(races).toBeGreaterThan(0.1 * PROGRAMS);
  expect(races).toBeLessThan(0.9 * PROGRAMS);
});

test.each(Object.entries(wrongEngines))("an engine that %s is noticed", (name, { engine, mix }) => {
  const result = fc.check(
    fc.property(genomes, (genome) => {
      expect(compare(programFrom(genome, mixes[mix]), oracle, { [name]: engine }).differences).toEqual([]);
    }),
    { seed: 20, numRuns: 100, endOnFailure: true },
  );
  expect(result.failed).toBe(true);
});
