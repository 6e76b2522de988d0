import { expect, test } from "vitest";
import { checkProgram } from "../search/check.ts";
import { caseProgram } from "../search/program.ts";
import { ATLAS } from "./index.ts";

for (const c of ATLAS) {
  for (const [name, v] of Object.entries(c.variants)) {
    test(`${c.id}:${name} is ${v.expect}`, async () => {
      const r = await checkProgram(caseProgram(c, name));
      console.log(
        "R",
        c.id,
        name,
        r.verdict,
        r.complete,
        r.engine,
        r.states,
        r.seconds.toFixed(2),
        JSON.stringify(r.minimal),
        r.covered,
      );
      expect(r).toMatchObject({ verdict: v.expect, complete: true });
    });
  }
}
