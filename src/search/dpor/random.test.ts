import { expect, test } from "vitest";
import { onMachine, setupProgram } from "../program.ts";
import { searchDpor } from "./dpor.ts";
import { classes } from "./oracle.testkit.ts";
import { randomCodes, setup } from "./random.testkit.ts";

test("random", () => {
  const from = Number(process.env.FROM ?? 1),
    n = Number(process.env.N ?? 300);
  let skipped = 0,
    blockedSeen = 0,
    bad = 0,
    redundant = 0;
  for (let seed = from; seed < from + n; seed++) {
    const { codes, children } = randomCodes(seed);
    onMachine(setupProgram(setup(codes, children)), { fine: true }, (m) => {
      const truth = classes(m, 3000);
      if (!truth) return void skipped++;
      for (const mode of ["optimal", "source"] as const) {
        const ends = new Set<string>();
        let r;
        try {
          r = searchDpor(m, { all: true, mode, onEnd: () => ends.add(m.snapshot().join()), maxExecutions: 20000 });
        } catch (e) {
          console.log(seed, JSON.stringify(codes), String(e));
          bad++;
          return;
        }
        if (truth.blocked) blockedSeen++;
        if (mode === "optimal" && r.redundant) redundant++;
        if (
          r.completed !== truth.completed ||
          r.blocked !== truth.blocked ||
          (mode === "optimal" && r.redundant) ||
          ends.size !== truth.ends.size
        ) {
          bad++;
          if (bad < 10)
            console.log(
              mode,
              seed,
              children,
              JSON.stringify(codes),
              r.completed,
              r.blocked,
              r.redundant,
              ends.size,
              "truth",
              truth.completed,
              truth.blocked,
              truth.ends.size,
              truth.prefixes,
            );
        }
      }
    });
  }
  console.log({ skipped, blockedSeen, bad, redundant });
}, 600000);
