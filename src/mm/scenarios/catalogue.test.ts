import { describe, expect, test } from "vitest";
import { checkProgram } from "../../search/check.ts";
import { caseProgram } from "../../search/program.ts";
import { SCENARIOS } from "./catalogue.ts";

/** Without mmap_lock the fault walks areas that are gone: the model has no use-after-free check for areas yet. */
const MAY_THROW = ["mm-fault-munmap:fault-without-mmap-lock", "mm-fault-munmap:munmap-without-mmap-lock"];

describe.each(SCENARIOS)("$id", (scenario) => {
  test.each(Object.entries(scenario.variants))(
    "%s",
    async (name, { expect: verdict }) => {
      const r = await checkProgram(caseProgram(scenario, name), { maxStates: 2_000_000 });
      const why = r.finding?.message;
      // An exception of the model itself would pass for an expected assertion.
      if (why?.startsWith("uncaught")) expect(MAY_THROW, why).toContain(`${scenario.id}:${name}`);
      expect({ verdict: r.verdict, complete: r.complete, why }).toEqual({ verdict, complete: true, why });
    },
    120_000,
  );
});
