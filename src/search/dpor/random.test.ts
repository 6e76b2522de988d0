import { expect, test } from "vitest";
import { onMachine, setupProgram } from "../program.ts";
import { type DporOptions, searchDpor } from "./dpor.ts";
import { classes } from "./oracle.testkit.ts";
import { randomCodes, setup } from "./random.testkit.ts";

/** More of them, and larger ones, by environment variables. */
const FIRST = Number(process.env.FIRST_SEED ?? 1);
const SEEDS = Number(process.env.SEEDS ?? 500);
const LIMIT = Number(process.env.CLASSES ?? 3000);

test("random programs: exactly one run for each class of runs, and every last state", () => {
  const wrong: string[] = [];
  const seen = { classes: 0, blocked: 0, skipped: 0 };
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    const { codes, children } = randomCodes(seed, seed % 25 === 0 ? 1 : 0);
    onMachine(setupProgram(setup(codes, children)), { fine: true }, (m) => {
      const truth = classes(m, LIMIT);
      if (truth === null) {
        seen.skipped++;
        return;
      }
      seen.classes += truth.completed;
      seen.blocked += truth.blocked;
      for (const mode of ["optimal", "source"] satisfies DporOptions["mode"][]) {
        const ends = new Set<string>();
        const r = searchDpor(m, { all: true, mode, maxViolations: 1, onEnd: () => void ends.add(m.snapshot().join()) });
        const same = r.completed === truth.completed && r.blocked === truth.blocked && ends.size === truth.ends.size;
        if (!same || (mode === "optimal" && r.redundant > 0)) {
          wrong.push(
            `${mode} ${seed}: ${r.completed} + ${r.blocked}, ${r.redundant} in vain; ${JSON.stringify(codes)}`,
          );
        }
      }
    });
  }
  expect(wrong).toEqual([]);
  expect(seen.classes).toBeGreaterThan(3_000);
  expect(seen.blocked).toBeGreaterThan(500);
  expect(seen.skipped).toBeLessThan(SEEDS / 20);
});
