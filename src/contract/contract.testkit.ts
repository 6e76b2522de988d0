/** For tests: the report card of a driver, without the command line. */
import type { Driver } from "../drivers/underTest.ts";
import { checkProgram } from "../search/check.ts";
import { caseProgram } from "../search/program.ts";
import { replayRun } from "../search/replay.ts";
import { BATTERY } from "./battery/index.ts";
import { type Card, cardOf, type EntryResult } from "./card.ts";
import { resultOf } from "./result.ts";
import { contractCase, rowName } from "./suite.ts";

export async function checkDriverCard(driver: Driver, variant: string): Promise<Card> {
  const c = contractCase(driver);
  const entries: EntryResult[] = [];
  for (const { name } of BATTERY) {
    const program = caseProgram(c, rowName(variant, name));
    const r = await checkProgram(program, { maxStates: 2_000_000 });
    const partial = r.verdict === "livelock";
    const run = r.schedule === null ? null : replayRun(program, r.schedule, { machine: r.machine, partial });
    entries.push(resultOf(name, r, run, r.finding));
  }
  return cardOf(entries);
}
