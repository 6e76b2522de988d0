import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type CounterRow, compareCounters } from "./counters.ts";
import type { Counters } from "./model.ts";
import { parsePressureRecord } from "./record.ts";

const home = new URL("../../../conformance/golden/pressure/", import.meta.url);
const record = (name: string) => parsePressureRecord(readFileSync(new URL(`${name}.classic.json`, home), "utf8"));
const rowsOf = (name: string, model: Counters): Readonly<Record<string, CounterRow>> =>
  Object.fromEntries(compareCounters(name, record(name), model).map((row) => [row.counter, row]));

test("the record is the mean of the repetitions, without the traced one", () => {
  const { runs, traced } = record("memcg/zipf_1.5x");
  expect(runs.map((run) => run.rusage["majflt"])).toEqual([3882, 3927, 3868, 3965]);
  expect(traced?.rusage["majflt"]).toBe(3927);
  const { majflt } = rowsOf("memcg/zipf_1.5x", {});
  expect(majflt).toMatchObject({ record: 3910.5, model: 0, within: false });
});

test("the larger of the limit and the spread of the repetitions is allowed", () => {
  const s1 = rowsOf("memcg/zipf_1.5x", {});
  expect(s1["majflt"]?.allowed).toBe(0.05); // 2.5 % of spread
  expect(s1["pgscan"]?.allowed).toBe(0.15);
  const pinned = rowsOf("memcg/zipf_pin25", {});
  expect(pinned["majflt"]?.allowed).toBeCloseTo(0.098, 3);
  expect(pinned["pgdeactivate"]?.allowed).toBeGreaterThan(1.6);
});

test("the limits count both ways, and up to the last page", () => {
  const at = (majflt: number) => rowsOf("memcg/loop_2x", { majflt })["majflt"]?.within;
  expect([9729, 9730, 10242, 10754, 10755].map(at)).toEqual([false, true, true, true, false]);
});

test("a counter that did not move in the kernel may not move in the model", () => {
  expect(rowsOf("memcg/seq_fit", {})["pgsteal"]).toMatchObject({ record: 0, within: true });
  expect(rowsOf("memcg/seq_fit", { pgsteal: 1 })["pgsteal"]).toMatchObject({ within: false });
});

test("refaults of both kinds are one counter; of a cgroup its own statistics count, not those of the machine", () => {
  const model = { workingset_refault_anon: 1142, workingset_refault_file: 2977 };
  const { workingset_refault: row } = rowsOf("extra/mix_rand_1.5x", model);
  expect(row?.model).toBe(4119);
  expect(row?.record).toBeGreaterThan(4119);
  // The machine's /proc/vmstat has 1498 and 1505: it lags behind by the pages in the buffers of the CPU.
  expect(rowsOf("extra/small_loop", {})["workingset_refault"]?.record).toBe(1502);
});

test("global jobs: 15 % for every counter; what kswapd and direct reclaim did together", () => {
  const rows = rowsOf("global/g_seq", { pgsteal_kswapd: 70_000, pgsteal_direct: 11_000, majflt: 81_946 });
  expect(rows["pgsteal"]).toMatchObject({ model: 81_000, within: true });
  expect(rows["majflt"]?.allowed).toBe(0.15);
});
