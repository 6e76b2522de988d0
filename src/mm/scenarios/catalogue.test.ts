import { describe, expect, test } from "vitest";
import { checkProgram } from "../../search/check.ts";
import { caseProgram } from "../../search/program.ts";
import { SCENARIOS } from "./catalogue.ts";

describe.each(SCENARIOS)("$id", (scenario) => {
  test.each(Object.entries(scenario.variants))(
    "%s",
    async (name, { expect: verdict }) => {
      const r = await checkProgram(caseProgram(scenario, name), { maxStates: 2_000_000 });
      const why = r.finding?.message;
      // An exception of the model itself would pass for an expected assertion.
      expect(why?.startsWith("uncaught") ? why : "").toBe("");
      expect({ verdict: r.verdict, complete: r.complete, why }).toEqual({ verdict, complete: true, why });
    },
    120_000,
  );
});

test("each scenario is there once, with a variant that holds and one that does not", () => {
  expect(new Set(SCENARIOS.map((s) => s.id)).size).toBe(SCENARIOS.length);
  for (const { id, variants } of SCENARIOS) {
    const verdicts = Object.values(variants).map((v) => v.expect);
    expect([id, verdicts.includes("ok"), verdicts.some((v) => v !== "ok")]).toEqual([id, true, true]);
  }
});
