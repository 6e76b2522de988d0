import { describe, expect, test } from "vitest";
import { explore, rows } from "./explore.testkit.ts";

test("most programs have such numbers", () => {
  expect(rows.filter((r) => r.completeWithin !== undefined).length).toBe(113);
});

describe("numbers of runs by fewest preemptions", () => {
  for (const row of rows.filter((r) => r.completeWithin !== undefined)) {
    test(`${row.program}(${row.n})`, () => {
      const r = explore(row.program, row.n, { preemptions: Number.POSITIVE_INFINITY });
      expect(r.preemptions).toEqual({ completed: row.completeWithin, blocked: row.blockedWithin });
    });
  }
});
