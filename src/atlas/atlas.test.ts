import { expect, test } from "vitest";
import { explore } from "../mm/explore.testkit.ts";
import c from "./gupReclaimRecursiveWait.ts";

for (const [name, v] of Object.entries(c.variants)) {
  test(name, () => {
    const r = explore((m) => c.setup(m, name));
    console.log(name, r.verdict, r.states, r.message, r.steps.length);
    expect(r.verdict).toBe(v.expect);
  });
}
