import { expect, test } from "vitest";
import { explore } from "../mm/explore.testkit.ts";
import { ATLAS } from "./index.ts";

for (const c of ATLAS) {
  for (const [name, v] of Object.entries(c.variants)) {
    test(`${c.id}:${name}`, () => {
      const r = explore((m) => c.setup(m, name));
      console.log(c.id, name, r.verdict, r.states, r.message, r.steps.length);
      expect(r.verdict).toBe(v.expect);
    });
  }
}
