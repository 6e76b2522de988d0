/** The command over a small folder of records, with a fake model that replays them, or something else. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parseRecord } from "../conform/record.ts";
import type { ConformJson } from "../conform/report.ts";
import { NUMBERED, runCli, smallEngines } from "./cli.testkit.ts";
import type { Engines } from "./jobs.ts";

const folder = mkdtempSync(join(tmpdir(), "mayfail-conform-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const workloads = join(folder, "workloads");
const golden = join(folder, "golden");
mkdirSync(join(golden, "notifier"), { recursive: true });
mkdirSync(join(golden, "notifier-movable"));
mkdirSync(workloads);

const one = `{"workload":"one","exit":0}
{"ev":"register","mm":"P","flags":0}
{"ev":"start","mm":"P","why":"CLEAR","at":"A","page":0,"n":2,"ctx":"self","via":["x"]}
{"ev":"page","label":"after","at":"A","page":0,"n":1,"state":"pte","bits":"wd","frame":7,"refs":2,"maps":1,"flags":["anon"]}
`;
const batched = one.replace('"refs":2,"maps":1,"flags":["anon"]', '"refs":1,"maps":1,"flags":["anon","lru"]');
for (const name of ["one", "two", "unwritten"]) writeFileSync(join(golden, "notifier", `${name}.jsonl`), one);
writeFileSync(join(golden, "notifier-movable/one.jsonl"), one);
for (const name of ["one", "two", "unrecorded"]) writeFileSync(join(workloads, `${name}.ts`), "export {};\n");
writeFileSync(join(golden, "notifier/index.json"), '[{"name":"two","repeats":"sequence"}]');
const FOLDERS = ["--workloads", workloads, "--golden", golden];

/** A model that does what `texts` says, by name of the workload; where it says nothing, what the record says. */
function model(texts: Readonly<Record<string, string>> = {}, failed: string | null = null): Engines {
  return {
    ...smallEngines,
    load: async (path) => ({ default: () => basename(path, ".ts") }),
    runWorkload: async (workload, { movable }) => {
      const name = String(workload.default());
      const text = texts[movable === undefined ? name : `movable ${name}`] ?? one;
      return { events: parseRecord(text), failed };
    },
  };
}
const run = (words: readonly string[], engines = model()) => runCli(["conform", ...words, ...FOLDERS], { engines });

test("a model that does what the records say: a table, what is missing, and exit code 0", async () => {
  const { code, out, err } = await run([]);
  expect([code, err]).toEqual([0, ""]);
  expect(out).toBe(`workload              events  snapshots
one                   match   match
two                   match   match
notifier-movable/one  match   match

3 of 3 match.
Workloads without a record: unrecorded.
Records without a workload: unwritten.
`);
});

test("a difference: exit code 1, its first line in the table, and both sequences beside each other", async () => {
  const { code, out } = await run(["one"], model({ one: one.replace("CLEAR", "UNMAP") }));
  expect(code).toBe(1);
  expect(out).toMatch(/^one +differ +match +the record has "start P CLEAR A\+0\/2", the model "start P$/m);
  expect(out).toMatch(
    /^record +model\nregister P flags=0 +register P flags=0\nstart P CLEAR A\+0\/2 +\| start P UNMAP/m,
  );
  expect(out).toMatch(/\n1 of 2 match\.\n$/);
});

test("names: a workload with all its records, or one of them; the movable record is run on such a machine", async () => {
  const engines = model({ "movable one": one.replace('"refs":2', '"refs":3') });
  expect((await run(["two"], engines)).out).toMatch(/\n1 of 1 match\.\n$/);
  expect((await run(["one"], engines)).out).toMatch(/notifier-movable\/one +match +differ/);
  expect((await run(["notifier-movable/one"], engines)).code).toBe(1);
  const unknown = await run(["on"], engines);
  expect(unknown.code).toBe(2);
  expect(unknown.err).toMatch(NUMBERED);
  expect(unknown.err).toContain('There is no workload "on" with a record (did you mean "one"?).');
});

test("the LRU batch is tolerated where the record does not repeat in it, and that is said", async () => {
  const { code, out } = await run([], model({ one: batched, two: batched }));
  expect(code).toBe(1);
  expect(out).toMatch(/^one +match +differ/m);
  expect(out).toMatch(/^two +match +match +1 but for the LRU batch/m);
});

test("a run that does not come to its end differs, whatever it did before", async () => {
  const { code, out } = await run(["one"], model({}, "deadlock: P waits for itself"));
  expect(code).toBe(1);
  expect(out).toMatch(/^one +differ +differ +the run in the model failed: deadlock: P waits for itself$/m);
});

test("what is listed with its reason does not count, and a listed one that matches is pointed out", async () => {
  const list = join(golden, "DIFFERENCES.md");
  writeFileSync(
    list,
    "# Differences\n\n## two\n\nThe model has\nno such thing.\n\nMore.\n\n## notifier-movable/one\n\nOld.\n",
  );
  try {
    const { code, out } = await run([], model({ two: one.replace("CLEAR", "UNMAP") }));
    expect(code).toBe(0);
    expect(out).toMatch(/^two +differ +match +listed: The model has no such thing\.$/m);
    expect(out).toMatch(/^notifier-movable\/one +match +match +listed in DIFFERENCES\.md, but it matches$/m);
    expect(out).toMatch(/\n2 of 3 match, 1 differ as listed in DIFFERENCES\.md\.\n/);
    expect(out).not.toContain("record                  ");
    expect((await run(["one", "--json"], model({ one: "" }))).code).toBe(1);
  } finally {
    rmSync(list);
  }
});

test("--json: the document of the design", async () => {
  const { code, out } = await run(["--json"], model({ two: one.replace('"refs":2', '"refs":9') }));
  expect(code).toBe(1);
  const json = JSON.parse(out) as ConformJson;
  expect(json).toMatchObject({ schema: "mayfail/conform/1", pressure: [], matched: 2, total: 3 });
  expect(json.workloads.map((w) => [w.name, w.events, w.snapshots])).toEqual([
    ["one", "match", "match"],
    ["two", "match", "differ"],
    ["notifier-movable/one", "match", "match"],
  ]);
  expect(json.workloads[0]?.first).toBeNull();
  expect(json.workloads[1]?.first).toMatch(/^the record has "page after A\+0\/1 pte wd f1 r2m1 anon", the model/);
  expect([json.unrecorded, json.unwritten]).toEqual([["unrecorded"], ["unwritten"]]);
});

test("bad input is one numbered message", async () => {
  const empty = join(folder, "empty");
  mkdirSync(empty);
  const broken = join(folder, "broken");
  mkdirSync(broken);
  writeFileSync(join(broken, "one.jsonl"), "{");
  for (const words of [
    ["--golden", empty],
    ["--golden", broken],
    ["--golden", join(folder, "nowhere")],
    ["--workloads", empty],
    ["--workloads", ""],
    ["--workloads"],
  ]) {
    const { code, out, err } = await runCli(["conform", "--workloads", workloads, "--golden", golden, ...words], {
      engines: model(),
    });
    expect([words, code, out]).toEqual([words, 2, ""]);
    expect(err).toMatch(NUMBERED);
  }
  const noWorkload = await run(["one"], { ...model(), load: async () => ({}) });
  expect([noWorkload.code, noWorkload.err]).toEqual([
    2,
    expect.stringMatching(/^MF0113: .*one\.ts exports no workload/),
  ]);
});

test("Ctrl-C: what is known, and exit code 130", async () => {
  const { code, out } = await runCli(["conform", ...FOLDERS], { engines: model(), interrupt: true });
  expect(code).toBe(130);
  expect(out).toContain("0 of 3 match, 3 not compared.");
});
