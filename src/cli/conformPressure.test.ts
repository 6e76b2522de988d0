/** The command over records of a real kernel, with fake models that do the same, or something else. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import type { PressureJob } from "../conform/pressure/job.ts";
import type { PressureResult } from "../conform/pressure/model.ts";
import { parseVmscan } from "../conform/pressure/vmscan.ts";
import { parseRecord } from "../conform/record.ts";
import type { ConformJson } from "../conform/report.ts";
import { NUMBERED, runCli, smallEngines } from "./cli.testkit.ts";
import { engines as realEngines } from "./engines.ts";

const records = fileURLToPath(new URL("../../conformance/golden/pressure/", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "mayfail-pressure-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const golden = join(folder, "golden");
mkdirSync(join(golden, "pressure/extra"), { recursive: true });
mkdirSync(join(golden, "pressure/memcg"));
for (const name of [
  "extra/machine.json",
  "extra/small_loop.classic.json",
  "extra/small_loop.classic.vmscan.jsonl.gz",
  "memcg/machine.json",
  "memcg/jobs.txt",
  "memcg/seq_fit.classic.json",
  "memcg/zipf_notify_young.classic.first256.jsonl",
])
  cpSync(join(records, name), join(golden, "pressure", name));

const trace = parseVmscan(
  gunzipSync(readFileSync(join(records, "extra/small_loop.classic.vmscan.jsonl.gz"))).toString(),
);
const log = parseRecord(readFileSync(join(records, "memcg/zipf_notify_young.classic.first256.jsonl"), "utf8"));

/** What the kernel did. */
const faithful: Readonly<Record<string, Partial<PressureResult>>> = {
  "extra/small_loop": {
    run: {
      majflt: 1502,
      minflt: 6,
      pgsteal: 1520,
      pswpin: 1502,
      pswpout: 1520,
      workingset_refault_anon: 1502,
      pgscan: 2892,
    },
    vmscan: trace,
  },
  "memcg/seq_fit": { run: { minflt: 6 } },
  "memcg/zipf_notify_young": { callbacks: log },
};

function run(words: readonly string[], results = faithful, jobs: PressureJob[] = []) {
  const pressureModel = async () => ({
    run(job: PressureJob): PressureResult {
      jobs.push(job);
      return { failed: null, prefill: {}, run: {}, vmscan: [], callbacks: [], ...results[job.name] };
    },
  });
  const engines = { ...smallEngines, pressureModel };
  return runCli(["conform", "--pressure", ...words, "--golden", golden], { engines });
}

test("a model that does what the kernel did: both columns, and exit code 0", async () => {
  const { code, out, err } = await run([]);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toBe(`job                      counter             record  model  allowed
extra/small_loop         majflt                1502   1502   ±5.0 %  within
                         minflt                   6      6   ±5.0 %  within
                         pgsteal               1520   1520   ±5.0 %  within
                         pswpin                1502   1502   ±5.0 %  within
                         pswpout               1520   1520   ±5.0 %  within
                         workingset_refault    1502   1502   ±5.0 %  within
                         pgscan                2892   2892  ±15.0 %  within
                         pgrefill                 0      0  ±15.0 %  within
                         pgdeactivate             0      0  ±15.0 %  within
memcg/seq_fit            majflt                   0      0   ±5.0 %  within
                         minflt                   6      6   ±5.0 %  within
                         pgsteal                  0      0   ±5.0 %  within
                         pswpin                   0      0   ±5.0 %  within
                         pswpout                  0      0   ±5.0 %  within
                         workingset_refault       0      0   ±5.0 %  within
                         pgscan                   0      0  ±15.0 %  within
                         pgrefill                 0      0  ±15.0 %  within
                         pgdeactivate             0      0  ±15.0 %  within
memcg/zipf_notify_young  callbacks              248    248    equal  within

3 of 3 jobs within the limits.
`);
});

test("the model is told the parameters of the record, or of the list of jobs, and the machine of the set", async () => {
  const jobs: PressureJob[] = [];
  await run([], faithful, jobs);
  const [loop, , young] = jobs;
  expect(loop?.params).toMatchObject({ pattern: "seq", anon: 300, memcgMaxPages: 256, notifier: false, prefill: true });
  expect(loop?.machine.faultAroundBytes).toBe(4096);
  expect(young?.params).toMatchObject({ pattern: "zipf", accesses: 20000, notifier: true, secondaryYoung: true });
  expect(young?.machine.faultAroundBytes).toBe(65536);
});

test("a job outside: exit code 1, and the first step of reclaim that differs", async () => {
  const vmscan = trace.map((e, i) => (i === 5 ? { ...e, nr_taken: 7, nr_scanned: 7 } : e));
  const results = { ...faithful, "extra/small_loop": { run: { majflt: 9 }, vmscan } };
  const { code, out } = await run(["small_loop"], results);
  expect(code).toBe(1);
  expect(out).toMatch(/^extra\/small_loop +majflt +1502 +9 +±5\.0 % +outside$/m);
  expect(out).toMatch(/^The trace of the record is equal for 5 events; the next one, in reclaim 1, is another:$/m);
  expect(out).toMatch(/^ {4}record {2}pressure: mm_vmscan_lru_isolate: .* nr_taken=9 order=0$/m);
  expect(out).toMatch(/^ {4}model {3}pressure: mm_vmscan_lru_isolate: .* nr_taken=7 order=0$/m);
  expect(out).toMatch(/\n0 of 1 jobs within the limits\.\n$/);
});

test("a run that comes to no end is outside, whatever it had counted", async () => {
  const results = { ...faithful, "memcg/seq_fit": { run: { minflt: 6 }, failed: "deadlock: P waits for itself" } };
  const { code, out } = await run(["seq_fit"], results);
  expect(code).toBe(1);
  expect(out).toMatch(/^memcg\/seq_fit +majflt +0 +0 +±5\.0 % +outside$/m);
  expect(out).toMatch(/^The run in the model failed: deadlock: P waits for itself$/m);
});

test("callbacks in another order are outside, and the first one is told", async () => {
  const { code, out } = await run(["memcg"], {
    ...faithful,
    "memcg/zipf_notify_young": { callbacks: log.slice(0, 20) },
  });
  expect(code).toBe(1);
  expect(out).toMatch(/^memcg\/zipf_notify_young +callbacks +248 +12 +equal +outside$/m);
  expect(out).toMatch(/^callback 13: the record has "clear_flush_young P A\+12\/1 ret=1", the model ends$/m);
});

test("a job that is listed in DIFFERENCES.md may be outside", async () => {
  const results = { ...faithful, "memcg/seq_fit": {} };
  expect((await run(["seq_fit"], results)).code).toBe(1);
  writeFileSync(join(golden, "DIFFERENCES.md"), "## pressure/memcg/seq_fit\n\nThe program's own pages.\n");
  const { code, out } = await run(["seq_fit"], results);
  rmSync(join(golden, "DIFFERENCES.md"));
  expect(code).toBe(0);
  expect(out).toMatch(/^memcg\/seq_fit: listed: The program's own pages\.$/m);
  expect(out).toMatch(/\n0 of 1 jobs within the limits, 1 outside as listed in DIFFERENCES\.md\.\n$/);
});

test("--json: one document, each counter a row", async () => {
  const { code, out } = await run(["--json", "extra/small_loop"]);
  expect(code).toBe(0);
  const json = JSON.parse(out) as ConformJson;
  expect(json.schema).toBe("mayfail/conform/1");
  expect(json.workloads).toEqual([]);
  expect(json.pressure).toHaveLength(9);
  expect(json.pressure[0]).toEqual({
    name: "extra/small_loop",
    counter: "majflt",
    record: 1502,
    model: 1502,
    allowed: 0.05,
    within: true,
  });
});

test("bad input is answered by numbers: names, folders, files", async () => {
  const answers = async (words: readonly string[], text: string) => {
    const { code, out, err } = await run(words);
    expect([code, out]).toEqual([2, ""]);
    expect(err).toMatch(NUMBERED);
    expect(err).toContain(text);
  };
  await answers(["small_lop"], 'There is no pressure job "small_lop" with a record (did you mean "small_loop"?).');
  const empty = join(folder, "empty");
  mkdirSync(empty);
  const none = await runCli(["conform", "--pressure", "--golden", empty]);
  expect(none.err).toMatch(/^MF0115: .*pressure records/);
  const file = join(golden, "pressure/memcg/seq_fit.classic.json");
  const good = readFileSync(file, "utf8");
  writeFileSync(file, good.replace('"anon": 900', '"anon": -1'));
  await answers(["seq_fit"], "params.anon is not a whole number");
  writeFileSync(file, good.slice(0, 100));
  await answers(["seq_fit"], "is malformed");
  writeFileSync(file, good);
  const gz = join(golden, "pressure/extra/small_loop.classic.vmscan.jsonl.gz");
  writeFileSync(gz, "no gzip");
  await answers(["small_loop"], "is malformed");
  cpSync(join(records, "extra/small_loop.classic.vmscan.jsonl.gz"), gz);
  writeFileSync(join(golden, "pressure/memcg/jobs.txt"), "n - name=other max=x\n");
  await answers(["zipf_notify_young"], "is malformed");
  cpSync(join(records, "memcg/jobs.txt"), join(golden, "pressure/memcg/jobs.txt"));
});

test("the memory management itself runs the job that fits", async () => {
  const { code, out } = await runCli(["conform", "--pressure", "seq_fit"], { engines: realEngines });
  expect([code, out.match(/within/g)?.length]).toEqual([0, 10]);
});
