import { fail } from "node:assert/strict";
import fc from "fast-check";
import { expect, test } from "vitest";
import { MayfailError } from "../errors.ts";
import type { Decision } from "./program.ts";
import { checksum, MAX_DECISIONS, parseSchedule, type Schedule, scheduleText } from "./schedule.ts";

const schedule = (decisions: readonly Decision[], rest: Partial<Schedule> = {}): Schedule => ({
  decisions,
  fine: false,
  extraChildren: 0,
  visibleLocks: [],
  ...rest,
});
/** "aab.2" in short: one letter a decision. */
const steps = (text: string): Decision[] => [...text].map((c) => ({ task: c.charCodeAt(0) - 97, choice: 0 }));

test("words stay the same from release to release", () => {
  const words = [
    schedule([]),
    schedule(steps("ab")),
    schedule(steps("aaabaaccca")),
    schedule([...steps("aa"), { task: 0, choice: 2 }, { task: 0, choice: 2 }, { task: 30, choice: 1 }]),
    schedule(steps("aaab".repeat(500))),
    schedule([
      { task: 25, choice: 0 },
      { task: 26, choice: 0 },
      { task: 51, choice: 0 },
      { task: 63, choice: 0 },
    ]),
    schedule(steps("abc"), { fine: true }),
    schedule(steps("abc"), { extraChildren: 2, visibleLocks: [0, 12] }),
  ].map(scheduleText);
  expect(words).toMatchInlineSnapshot(`
    [
      "1--h92c",
      "1-ab-tmfh",
      "1-a3ba2c3a-yjt6",
      "1-a2a2.2E.1-gq9w",
      "1-_a3b-500-kjjv",
      "1-zAZ~l-vbj5",
      "1f-abc-mrm9",
      "1x2v0v12-abc-v2br",
    ]
  `);
});

const decision = fc.record({ task: fc.nat(63), choice: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(9)) });
const anySchedule = fc.record({
  decisions: fc
    .array(fc.tuple(fc.array(decision, { maxLength: 6 }), fc.integer({ min: 1, max: 9 })), { maxLength: 8 })
    .map((groups) => groups.flatMap(([group, times]) => Array.from({ length: times }, () => group).flat())),
  fine: fc.boolean(),
  extraChildren: fc.nat(9),
  visibleLocks: fc.uniqueArray(fc.nat(40), { maxLength: 3 }).map((list) => list.sort((a, b) => a - b)),
});

test("every schedule comes back from its word, which can stand in a link as it is", () => {
  fc.assert(
    fc.property(anySchedule, (s) => {
      const word = scheduleText(s);
      expect(word).toMatch(/^[\w.~-]+$/);
      expect(parseSchedule(word)).toEqual(s);
      expect(parseSchedule(`${word.slice(0, 5)}\n  ${word.slice(5)}\n`)).toEqual(s);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test("2,000 steps of the usual kinds fit in a line or two", () => {
  const fewSwitches = Array.from({ length: 25 }, (_, i) => String.fromCharCode(97 + (i % 3)).repeat(80)).join("");
  const roundRobin = "abcde".repeat(400);
  const retryLoop = `${"aaaabbb".repeat(280)}cc${"aab".repeat(13)}`;
  for (const text of [fewSwitches, roundRobin, retryLoop]) {
    expect(text.length).toBeGreaterThanOrEqual(1999);
    expect(scheduleText(schedule(steps(text))).length).toBeLessThanOrEqual(150);
  }
});

function reasonFor(text: string): string {
  try {
    parseSchedule(text);
  } catch (e) {
    if (e instanceof MayfailError && e.code === "MF0401") return e.sentence;
    throw e;
  }
  return fail(`accepted: ${text}`);
}

test("a mistyped word is noticed: every wrong, missing, doubled or swapped character", () => {
  const word = scheduleText(schedule(steps("aaabaaccabcabcabca"), { fine: true }));
  for (let i = 0; i < word.length; i++) {
    for (const c of "ab19_-~Z") {
      if (c !== word[i]) reasonFor(word.slice(0, i) + c + word.slice(i + 1));
    }
    reasonFor(word.slice(0, i) + word.slice(i + 1));
    reasonFor(word.slice(0, i) + word[i] + word.slice(i));
    if (i > 0 && word[i] !== word[i - 1]) reasonFor(word.slice(0, i - 1) + word[i] + word[i - 1] + word.slice(i + 1));
  }
});

test("errors say what is wrong", () => {
  expect(reasonFor("")).toContain("form 1-…-xxxx");
  expect(reasonFor("2-ab-0000")).toContain("of version 2");
  expect(reasonFor("1-ab-0000")).toContain("last four characters");
  expect(reasonFor("x".repeat(100_000)).length).toBeLessThan(200);
});

test("hand-made words with a right checksum are refused where the grammar ends", () => {
  const reasonOfBody = (body: string): string => reasonFor(`1-${body}-${checksum(`1-${body}`)}`);
  expect(reasonOfBody("_-3")).toContain('"-" is not possible at character 2');
  expect(reasonOfBody("_ab")).toContain("it ends too early");
  expect(reasonOfBody("a.")).toContain("it ends too early");
  expect(reasonOfBody("a.b")).toContain('"b" is not possible at character 3');
  expect(reasonOfBody("7")).toContain('"7" is not possible at character 1');
  expect(reasonOfBody("_".repeat(10_000))).toContain("nested too deeply");
  expect(reasonOfBody(`_${"a".repeat(1000)}-${MAX_DECISIONS}`)).toContain("more than 1000000 decisions");
  expect(reasonOfBody("a99999999999999")).toContain("a number that is too large");
  expect(parseSchedule(`1-ab-${checksum("1-ab")}`).decisions).toEqual(steps("ab"));
});

test("10,000 random texts, most of them near a real word: an error or a schedule, never anything else", () => {
  const real = scheduleText(schedule(steps("aaabaaccabcabcabca")));
  const near = fc.tuple(fc.nat(real.length), fc.nat(4), fc.string({ maxLength: 5 }));
  let refused = 0;
  fc.assert(
    fc.property(fc.oneof(near, fc.string()), (input) => {
      const text =
        typeof input === "string" ? input : real.slice(0, input[0]) + input[2] + real.slice(input[0] + input[1]);
      try {
        parseSchedule(text);
      } catch (e) {
        if (!(e instanceof MayfailError)) throw e;
        refused++;
      }
    }),
    { seed: 2, numRuns: 10_000 },
  );
  expect(refused).toBeGreaterThan(8_000);
});
