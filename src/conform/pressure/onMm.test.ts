/** Jobs in the memory management, against the records: both columns, as the command compares them. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { parseRecord } from "../record.ts";
import { compareCallbacks } from "./callbacks.ts";
import { compareCounters } from "./counters.ts";
import { type PressureJob, parseJobs, parseMachine } from "./job.ts";
import type { PressureResult } from "./model.ts";
import { pressureModel } from "./onMm.ts";
import { parsePressureRecord } from "./record.ts";
import { firstDivergence, parseVmscan } from "./vmscan.ts";

const home = new URL("../../../conformance/golden/pressure/", import.meta.url);
const bytes = (name: string): Buffer => readFileSync(new URL(name, home));
const read = (name: string): string => bytes(name).toString("utf8");

function jobOf(name: string): PressureJob {
  const [set, job] = name.split("/") as [string, string];
  const params = parseJobs(read(`${set}/jobs.txt`)).get(job);
  if (params === undefined) throw new Error(`no job ${name}`);
  return { name, params, machine: parseMachine(JSON.parse(read(`${set}/machine.json`))) };
}

const runJob = async (name: string): Promise<PressureResult> => await pressureModel.run(jobOf(name), () => {});

/** Counters of a job that are outside of what the record allows. */
async function outside(name: string): Promise<string[]> {
  const rows = compareCounters(name, parsePressureRecord(read(`${name}.classic.json`)), (await runJob(name)).run);
  return rows.filter((row) => !row.within).map((row) => `${row.counter}: ${row.model}, not ${row.record}`);
}

test("the set that fits: nothing is reclaimed, and it says that it is alive", async () => {
  const record = parsePressureRecord(read("memcg/seq_fit.classic.json"));
  let signs = 0;
  const result = await pressureModel.run(jobOf("memcg/seq_fit"), () => void signs++);
  expect(compareCounters("memcg/seq_fit", record, result.run).filter((row) => !row.within)).toEqual([]);
  // 900 pages, 6 of the program's statistics, as in the record: it read those of the start before it wrote them down.
  expect(result.prefill["minflt"]).toBe(900);
  expect(result.vmscan).toEqual([]);
  expect(signs).toBeGreaterThan(30);
});

test("a loop over a bit more than fits: every step of reclaim is that of the kernel", async () => {
  const record = parseVmscan(gunzipSync(bytes("extra/small_loop.classic.vmscan.jsonl.gz")).toString("utf8"));
  const result = await runJob("extra/small_loop");
  expect(record).toHaveLength(616);
  expect(firstDivergence(record, result.vmscan)).toBeNull();
  expect(result.failed).toBeNull();
});

test.each(["extra/small_zipf", "memcg/zipf_1.5x", "memcg/zipf_pin25", "memcg/seq_over", "extra/mix_rand_1.5x"])(
  "%s is within the limits",
  async (name) => {
    expect(await outside(name)).toEqual([]);
  },
);

test("the first callbacks are those that the probe has logged", async () => {
  const log = parseRecord(read("memcg/zipf_notify.classic.first256.jsonl"));
  const { row } = compareCallbacks("memcg/zipf_notify", log, (await runJob("memcg/zipf_notify")).callbacks);
  expect(row).toMatchObject({ record: 248, model: 248, within: true });
});

test("when a secondary MMU says that every page is in use, nothing is reclaimed, and the OOM killer ends the job", async () => {
  const log = parseRecord(read("memcg/zipf_notify_young.classic.first256.jsonl"));
  const result = await runJob("memcg/zipf_notify_young");
  expect(compareCallbacks("memcg/zipf_notify_young", log, result.callbacks).row.within).toBe(true);
  expect(result.failed).toBeNull();
  expect(result.run).toEqual({});
  expect(result.callbacks.at(-1)).toMatchObject({ ev: "release" });
});
