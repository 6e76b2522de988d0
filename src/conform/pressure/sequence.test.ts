/** The accesses against those of the C program: by its own checksums in the records, and by what it printed of each job. */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseParams } from "./job.ts";
import { accessesOf, checksumOf } from "./sequence.ts";

const home = new URL("../../../conformance/golden/pressure/", import.meta.url);
const read = (name: string) => JSON.parse(readFileSync(new URL(name, home), "utf8"));

const records = ["memcg", "extra", "global"].flatMap((set) =>
  readdirSync(new URL(`${set}/`, home))
    .filter((name) => name.endsWith(".classic.json"))
    .map((name) => `${set}/${name}`),
);

test.each(records)("%s: every run in the kernel read what a run without a lost write reads", (name) => {
  const record = read(name);
  const expected = checksumOf(parseParams(record.params));
  expect(record.runs.length).toBeGreaterThan(0);
  for (const run of record.runs) expect(run.checksum).toBe(expected);
});

interface Printed {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Page * 2, + 1 for a write. */
  readonly first: readonly number[];
  readonly fnv1a: string;
  readonly x: string;
}
const rest = { pinnedPercent: 0, memcgMaxPages: 0, notifier: 0, secondaryYoung: 0, prefill: 1, madvRandom: 0 };

test.each(read("sequences.json") as Printed[])(
  "$name: the sequence of the C program",
  ({ params, first, fnv1a, x }) => {
    const { page, write, x: last } = accessesOf(parseParams({ ...rest, ...params }));
    const words = Array.from(page, (p, i) => p * 2 + (write[i] ?? 0));
    expect(words.slice(0, first.length)).toEqual(first);
    expect(hash(words)).toBe(fnv1a);
    expect(last.toString(16)).toBe(x);
  },
);

/** FNV-1a over the words, four bytes each, the lowest first. */
function hash(words: readonly number[]): string {
  let h = 0x811c9dc5;
  for (const word of words) {
    for (let shift = 0; shift < 32; shift += 8) h = Math.imul(h ^ ((word >>> shift) & 255), 0x01000193);
  }
  return (h >>> 0).toString(16).padStart(8, "0");
}
