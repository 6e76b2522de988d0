/** Jobs in the memory management, against the records: both columns, as the command compares them. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compareCounters } from "./counters.ts";
import { parseMachine } from "./job.ts";
import { pressureModel } from "./onMm.ts";
import { parsePressureRecord } from "./record.ts";

const home = new URL("../../../conformance/golden/pressure/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, home), "utf8");

test("the set that fits: nothing is reclaimed, and it says that it is alive", async () => {
  const record = parsePressureRecord(read("memcg/seq_fit.classic.json"));
  const machine = parseMachine(JSON.parse(read("memcg/machine.json")));
  let signs = 0;
  const result = await pressureModel.run({ name: "memcg/seq_fit", params: record.params, machine }, () => void signs++);
  expect(compareCounters("memcg/seq_fit", record, result.run).filter((row) => !row.within)).toEqual([]);
  // 900 pages, 6 of the program's statistics, as in the record: it read those of the start before it wrote them down.
  expect(result.prefill["minflt"]).toBe(900);
  expect(result.vmscan).toEqual([]);
  expect(signs).toBeGreaterThan(30);
});
