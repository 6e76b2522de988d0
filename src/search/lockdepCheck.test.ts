/** Would lockdep have seen the broken rule, and is there anything to what it reports? */
import { expect, test } from "vitest";
import type { Machine } from "../index.ts";
import { abba, gated } from "./check.testkit.ts";
import { type CheckOptions, checkProgram } from "./check.ts";
import { failsBeforeAbba, flushUnderLock, twice, waitAfterBothOrders, waitUnderLock } from "./lockdepCheck.testkit.ts";
import { setupProgram } from "./program.ts";

async function summary(setup: (m: Machine) => void, options: CheckOptions = { everyPath: true }) {
  const { verdict, lockdepSummary } = await checkProgram(setupProgram(setup), options);
  return [verdict, lockdepSummary] as const;
}
const none = { witnessed: 0, falseAlarms: 0, undecided: 0 };

test("a circle of locks is seen", async () => {
  expect(await summary(abba)).toEqual(["deadlock", { ...none, sees: "yes", witnessed: 1 }]);
  expect(await summary(twice(0))).toEqual(["deadlock", { ...none, sees: "yes", witnessed: 1 }]);
});

test("not where a nesting subclass says that it is another lock", async () => {
  expect(await summary(twice(1))).toEqual(["deadlock", { ...none, sees: "no" }]);
});

test("nor where something else than a lock is waited for", async () => {
  expect(await summary(waitUnderLock)).toEqual(["deadlock", { ...none, sees: "no" }]);
});

test("a flush is known to lockdep by the map of the work", async () => {
  expect(await summary(flushUnderLock)).toEqual(["deadlock", { ...none, sees: "yes", witnessed: 1 }]);
});

test("a circle of classes in the same run is another bug when a wait is for nothing that lockdep knows", async () => {
  expect(await summary(waitAfterBothOrders)).toEqual(["deadlock", { ...none, sees: "no", falseAlarms: 1 }]);
});

test("a report where no rule is broken is a false alarm", async () => {
  expect(await summary(gated)).toEqual(["ok", { ...none, sees: null, falseAlarms: 1 }]);
});

test("the paths after the first broken rule count, and what they show is about another bug", async () => {
  expect(await summary(failsBeforeAbba)).toEqual(["assertion", { ...none, sees: "no", witnessed: 1 }]);
  const [, early] = await summary(failsBeforeAbba, {});
  expect(early).toEqual({ ...none, sees: "no" });
});
