import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseMachine } from "./job.ts";
import { parsePressureRecord } from "./record.ts";

const home = new URL("../../../conformance/golden/pressure/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, home), "utf8");
const SETS = ["memcg", "extra", "global"];

test.each(SETS)("%s: all records and the machine are read", (set) => {
  const names = readdirSync(new URL(`${set}/`, home)).filter((name) => name.endsWith(".classic.json"));
  for (const name of names) {
    const record = parsePressureRecord(read(`${set}/${name}`));
    expect(`${record.name}.classic.json`).toBe(name);
    expect(record.runs.length).toBe(record.traced === null ? 6 : 4);
    expect(record.params.memcgMaxPages > 0).toBe(set !== "global");
    for (const run of record.runs) expect(run.memstat === null).toBe(set === "global");
  }
  expect(names.length).toBeGreaterThan(2);
});

test("the machine: zones with watermarks, swap in pages, sysctls, and how far the kernel reads around a file fault", () => {
  const memcg = parseMachine(JSON.parse(read("memcg/machine.json")));
  expect(memcg.zones["0/DMA32"]).toEqual({
    free: 103603,
    min: 5613,
    low: 7016,
    high: 8419,
    managed: 113264,
    protection: [0, 0, 0, 0, 0],
  });
  expect([memcg.swapPages, memcg.sysctl["swappiness"], memcg.faultAroundBytes]).toEqual([65535, 60, 65536]);
  expect(parseMachine(JSON.parse(read("extra/machine.json"))).faultAroundBytes).toBe(4096);
});

type Path = readonly (string | number)[];
function changed(text: string, path: Path, value: unknown): string {
  const root = JSON.parse(text);
  let at = root;
  for (const key of path.slice(0, -1)) at = at[key];
  at[path.at(-1) as string] = value;
  return JSON.stringify(root);
}

test.each<[Path, unknown, string]>([
  [["lru"], "mglru", "lru is not classic"],
  [["name"], 1, "name is not a text"],
  [["params"], [], "params is not an object"],
  [["params", "pattern"], "spiral", "params.pattern is none of seq, uniform, zipf, phase"],
  [["params", "anon"], 1.5, "params.anon is not a whole number from 0 to 4194304"],
  [["params", "accesses"], 1e9, "params.accesses is not a whole number from 0 to 10000000"],
  [["params", "writePercent"], 101, "params.writePercent is not a whole number from 0 to 100"],
  [["params", "seed"], "1", "params.seed is not a number"],
  [["params", "anon"], 0, "params has no pages"],
  [["runs"], {}, "runs is not a list"],
  [["runs", 1], null, "runs[1] is not an object"],
  [["runs", 0, "rusage_run", "majflt"], -1, "runs[0].rusage_run.majflt is not a whole number"],
  [["runs", 2, "memstat_run"], undefined, "runs[2].memstat_run is not an object"],
  [["realtimeRuns", 0, "vmstat_run", "pswpin"], "x", "realtimeRuns[0].vmstat_run.pswpin is not a number"],
])("malformed: %j = %j", (path, value, message) => {
  const text = changed(read("memcg/loop_2x.classic.json"), path, value);
  expect(() => parsePressureRecord(text)).toThrow(message);
});

test("malformed: a record of which only the traced repetition is left", () => {
  const record = { ...JSON.parse(read("extra/small_zipf.classic.json")), realtimeRuns: [] };
  expect(() => parsePressureRecord(JSON.stringify({ ...record, runs: record.runs.slice(0, 1) }))).toThrow(
    "runs has no repetition without tracing",
  );
});

test.each<[Path, unknown, string]>([
  [["zones"], {}, "zones is empty"],
  [["zones", "0/DMA", "low"], "x", "zones.0/DMA.low is not a number"],
  [["swaps", 0, 2], "much", "swaps: the third word is no size in kB"],
  [["sysctl", "swappiness"], null, "sysctl.swappiness is not a number"],
])("malformed machine: %j = %j", (path, value, message) => {
  expect(() => parseMachine(JSON.parse(changed(read("memcg/machine.json"), path, value)))).toThrow(message);
});
