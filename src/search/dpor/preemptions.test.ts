import { describe, expect, test } from "vitest";
import counts from "./counts.json" with { type: "json" };
import { explore, type Row } from "./explore.testkit.ts";

const rows = (counts as Row[]).filter((row) => row.completeWithin !== undefined);

describe("numbers of runs by fewest preemptions", () => {
  for (const row of rows) {
    test(`${row.program}(${row.n})`, () => {
      const r = explore(row.program, row.n, { preemptions: Number.POSITIVE_INFINITY });
      expect(r.preemptions).toEqual({ completed: row.completeWithin, blocked: row.blockedWithin });
    });
  }
});
