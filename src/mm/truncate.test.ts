/** Truncation and holes that end within pages: what is left of them, whom it concerns, what is written back. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import {
  cutsWord,
  punchesDisk,
  punchesEvicted,
  punchesSwapped,
  punchesTmpfs,
  shrinksDisk,
  shrinksTmpfs,
} from "./truncate.testkit.ts";
import { runProcess } from "./user/run.testkit.ts";

const lines = (program: () => Task): string[] =>
  runProcess(program)
    .map((each) => each.line)
    .filter((line) => /: page|^start/.test(line));
const found = (what: string, ...values: number[]): string[] => values.map((value, i) => `${what}: page ${i} ${value}`);

for (const [where, program] of [
  ["ext4", punchesDisk],
  ["tmpfs", punchesTmpfs],
] as const) {
  test(`a hole of part of a page zeroes what it covers, and no more: ${where}`, () => {
    expect(lines(program)).toEqual([
      ...found("behind the first word", 11, 12, 13),
      ...found("only the first word", 11, 0, 13),
      ...found("from page 0 into page 2", 11, 0, 0),
    ]);
  });
}

test("a page that is only on disk is read, zeroed in part and written; whole blocks are given back without it", () => {
  expect(lines(punchesEvicted)).toEqual(found("read again", 11, 0, 0));
});

test("a page in swap comes back for it", () => {
  expect(lines(punchesSwapped)).toEqual(found("from swap", 11, 0, 13));
});

test("tmpfs looks for mappings only when whole pages go, ext4 always", () => {
  const left = found("the first word is left", 11, 12, 13);
  expect(lines(shrinksTmpfs)).toEqual(left);
  expect(lines(shrinksDisk)).toEqual(["start CLEAR A+3/1", "start CLEAR A+3/1", ...left]);
});

test("half a word is more than the model can tell", () => {
  expect(() => runProcess(cutsWord)).toThrow("within the first word");
});
