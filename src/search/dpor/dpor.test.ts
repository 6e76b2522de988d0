import { expect, test } from "vitest";
import { onMachine, setupProgram } from "../program.ts";
import counts from "./counts.json" with { type: "json" };
import { type DporOptions, type DporResult, searchDpor } from "./dpor.ts";
import { programs } from "./programs.ts";

interface Row {
  readonly program: string;
  readonly n: number[];
  readonly complete: number;
  readonly blocked: number;
  readonly maxEvents?: number;
}
const rows = counts as Row[];

function explore(program: string, n: number[], options: Partial<DporOptions> = {}): DporResult {
  return onMachine(setupProgram(programs[program](...n)), { fine: true }, (m) =>
    searchDpor(m, { all: true, maxViolations: 1, ...options }),
  );
}

for (const row of rows) {
  if (row.complete + row.blocked > 30000) continue;
  test(`${row.program}(${row.n})`, () => {
    const t0 = performance.now();
    const r = explore(row.program, row.n, { maxExecutions: 2 * (row.complete + row.blocked) + 10 });
    const t = performance.now() - t0;
    if (t > 200)
      console.log(
        `${row.program}(${row.n}) ${Math.round(t)} ms, ${Math.round((r.executions / t) * 1000)}/s, events ${r.events}`,
      );
    expect({ c: r.completed, b: r.blocked, r: r.redundant, d: row.maxEvents ? r.maxDepth : undefined }).toEqual({
      c: row.complete,
      b: row.blocked,
      r: 0,
      d: row.maxEvents,
    });
  });
}
