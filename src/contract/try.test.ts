import { describe, expect, test } from "vitest";
import skeleton from "../drivers/skeleton/skeleton.ts";
import { checkProgram } from "../search/check.ts";
import { caseProgram } from "../search/program.ts";
import { contractCase } from "./suite.ts";

const c = contractCase(skeleton);
describe("skeleton", () => {
  test.each(Object.keys(c.variants))("%s", async (name) => {
    const r = await checkProgram(caseProgram(c, name), { maxStates: 2_000_000 });
    console.log(name, r.verdict, r.complete, r.states, r.seconds.toFixed(2), r.finding?.message ?? "", r.finding?.task);
    expect(r.complete).toBe(true);
  });
});
