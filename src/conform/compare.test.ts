/** The comparison against a fake model that replays a record, and against every kind of mutation of it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { root } from "../../scripts/project.mjs";
import { compareRecords } from "./compare.ts";
import { lineOf, normalise, parseRecord, type RecordEvent } from "./record.ts";

const golden = (name: string) =>
  parseRecord(readFileSync(join(root, "conformance/golden/notifier", `${name}.jsonl`), "utf8"));

/** The record with the first event that `where` selects changed. */
function mutated(
  record: readonly RecordEvent[],
  where: (e: RecordEvent) => boolean,
  change: (e: RecordEvent) => readonly RecordEvent[],
): RecordEvent[] {
  const at = record.findIndex(where);
  expect(at).toBeGreaterThanOrEqual(0);
  return record.flatMap((e, i) => (i === at ? change(e) : [e]));
}

const matching = { events: "match", snapshots: "match", first: null };
const is = (ev: string) => (e: RecordEvent) => e.ev === ev;
const page = (state: string) => (e: RecordEvent) => e.ev === "page" && e.state === state && e.refs !== undefined;
const merge = (more: object) => (e: RecordEvent) => [{ ...e, ...more }];

test.each(["anon_touch", "interval", "hmm", "process_mrelease", "pin_fork_write", "oom_reaper_refuse"])(
  "%s: a model that replays the record matches",
  (name) => {
    expect(compareRecords(golden(name), golden(name))).toMatchObject(matching);
  },
);

test("who ran a callback, in which function, and the numbers of frames do not matter", () => {
  const record = golden("anon_touch");
  const other = record.map((e) => ({
    ...e,
    ...(e["ctx"] === undefined ? {} : { ctx: "kthread:x", via: [] }),
    ...(e.frame === undefined ? {} : { frame: 1000 - e.frame }),
  }));
  expect(compareRecords(record, other)).toMatchObject(matching);
});

test("callbacks outside of the windows do not matter", () => {
  const record = golden("anon_touch");
  const more: RecordEvent[] = [{ ev: "start", why: "UNMAP", at: "heap", n: 2 }, ...record, { ev: "totals" }];
  expect(compareRecords(record, more)).toMatchObject(matching);
});

const eventMutations: readonly [string, string, (e: RecordEvent) => boolean, (e: RecordEvent) => RecordEvent[]][] = [
  ["a missing start", "anon_touch", is("start"), () => []],
  ["an event twice", "anon_touch", is("range"), (e) => [e, e]],
  ["another reason", "anon_touch", is("start"), merge({ why: "UNMAP" })],
  ["another first page", "anon_touch", is("end"), merge({ page: 2 })],
  ["another window", "anon_touch", is("end"), merge({ at: "B" })],
  ["more pages", "munmap_partial", is("range"), merge({ n: 4 })],
  ["not blockable", "anon_touch", is("start"), merge({ blockable: 0 })],
  ["refused", "anon_touch", is("start"), merge({ ret: -11 })],
  ["another result of a call", "odirect", (e) => e.ev === "mark" && e.ret === 4096, merge({ ret: -14 })],
  ["another label", "anon_touch", is("mark"), merge({ label: "> write page 9" })],
  ["another subscriber", "fork_cow_child", (e) => e.mm === "C" && e.ev === "start", merge({ mm: "P" })],
  ["an unwritable change_pte", "anon_touch", is("change_pte"), merge({ writable: 0 })],
  ["another sequence", "interval", is("interval"), merge({ curseq: 99 })],
  ["a refusing interval", "interval", is("interval"), merge({ ok: 0 })],
  ["fewer pages pinned", "pin_counts", is("pin"), merge({ got: 1 })],
  ["another kind of pin", "pin_counts", is("pin"), merge({ mode: "get" })],
  ["an unpin that dirties", "pin_munmap", is("unpin"), merge({ dirty: 1 })],
  ["another value for the device", "pin_munmap", is("dma"), merge({ val: 7 })],
  ["another result of hmm", "hmm", is("hmm"), merge({ ret: -16 })],
];
test.each(eventMutations)("%s is a difference of events", (_what, name, where, change) => {
  const record = golden(name);
  const result = compareRecords(record, mutated(record, where, change));
  expect(result.events).toBe("differ");
  expect(result.first).not.toBeNull();
});

test("two events in the other order are a difference", () => {
  const record = golden("anon_touch");
  const at = record.findIndex(is("range"));
  const swapped = record.toSpliced(at, 2, record[at + 1] as RecordEvent, record[at] as RecordEvent);
  const result = compareRecords(record, swapped);
  expect(result).toMatchObject({ events: "differ", snapshots: "match" });
  expect(result.first).toBe('the record has "range P A+1/1", the model "change_pte P A+1/1 writable=1"');
});

const pageMutations: readonly [string, (e: RecordEvent) => boolean, (e: RecordEvent) => RecordEvent[]][] = [
  ["a missing snapshot", page("pte"), () => []],
  ["another state", page("pte"), merge({ state: "swap" })],
  ["fewer bits", page("pte"), merge({ bits: "da" })],
  ["more references", page("pte"), (e) => [{ ...e, refs: (e.refs ?? 0) + 1 }]],
  ["more mappings", page("pte"), merge({ maps: 2 })],
  ["another flag", page("pte"), merge({ flags: ["anon", "excl", "swapbacked", "dirty"] })],
  ["another frame", (e) => e.ev === "page" && e.frame === 2, merge({ frame: 1 })],
  ["no frame", page("pte"), merge({ frame: undefined })],
];
test.each(pageMutations)("%s is a difference of snapshots only", (_what, where, change) => {
  const record = golden("fork_cow_parent");
  expect(compareRecords(record, mutated(record, where, change))).toMatchObject({
    events: "match",
    snapshots: "differ",
  });
});

test("a snapshot at another time is a difference", () => {
  const record = golden("anon_touch");
  const at = record.findIndex((e) => e.ev === "page" && e.label === "after");
  const moved = record.toSpliced(at, 1);
  moved.splice(at - 1, 0, record[at] as RecordEvent);
  expect(compareRecords(record, moved)).toMatchObject({ events: "match", snapshots: "differ" });
});

test("a page in the LRU batch or out of it: tolerated only where records do not repeat in it, and counted", () => {
  const record = golden("pin_fork_write");
  const batched = (e: RecordEvent) => e.ev === "page" && Array.isArray(e.flags) && e.flags.includes("lru");
  const change = (e: RecordEvent): RecordEvent[] => [
    { ...e, refs: (e.refs ?? 0) + 1, flags: (e.flags as string[]).filter((f) => f !== "lru") },
  ];
  const model = mutated(record, batched, change);
  expect(compareRecords(record, model).snapshots).toBe("differ");
  expect(compareRecords(record, model, { batchVaries: true })).toMatchObject({ ...matching, tolerated: 1 });
  const wrong = mutated(record, batched, (e) => [{ ...(change(e)[0] as RecordEvent), bits: "" }]);
  expect(compareRecords(record, wrong, { batchVaries: true }).snapshots).toBe("differ");
});

test("lines name what an event is; records that are none are refused with their line", () => {
  expect(normalise(golden("munmap_partial")).slice(2, 6).map(lineOf)).toEqual([
    "start P UNMAP A+2/3",
    "range P A+2/3",
    "end P UNMAP A+2/3",
    "range P A+2/3",
  ]);
  expect(() => parseRecord('{"ev":"mark"}\n{')).toThrow(/^line 2: /);
  expect(() => parseRecord("[]")).toThrow("line 1: not an object");
});
