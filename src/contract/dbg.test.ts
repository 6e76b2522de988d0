import { test } from "vitest";
import skeleton from "../drivers/skeleton/skeleton.ts";
import { checkProgram } from "../search/check.ts";
import { caseProgram } from "../search/program.ts";
import { replayRun } from "../search/replay.ts";
import { contractCase } from "./suite.ts";
test("dbg", async () => {
  const c = contractCase(skeleton);
  const p = caseProgram(c, process.env["ROW"] ?? "good/second-page");
  const r = await checkProgram(p, { maxStates: 2_000_000 });
  const run = replayRun(p, r.schedule ?? [], { machine: r.machine });
  for (const s of run.steps) console.log(s.task, s.text, s.stack?.slice(0, 4).map((f: { function?: string; name?: string }) => f.function ?? f.name).join(" < "));
  console.log(r.verdict, r.finding?.message);
});
