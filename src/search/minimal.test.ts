import { expect, test } from "vitest";
import { minimise, shrinkSchedule } from "./minimal.ts";
import { type Decision, setupProgram } from "./program.ts";
import { abba, abbaSameOrder, crossing, interval, intervalBug, philosophers } from "./programs.testkit.ts";
import { randomRuns } from "./random/randomRuns.ts";

const fine = { machine: { fine: true } };
const cost = (preemptions: number, switches: number, steps: number) => ({ preemptions, switches, steps });
const tasks = (schedule: readonly Decision[] | undefined) => schedule?.map((d) => d.task);

test("AB-BA: 1 preemption, 2 steps", () => {
  const r = minimise(setupProgram(abba), "deadlock", fine);
  expect(r.best?.cost).toEqual(cost(1, 1, 2));
  expect(r.proven).toBe(true);
  expect(tasks(r.best?.schedule)).toEqual([0, 1]);
  expect(r.best?.finding.cycle.length).toBe(2);
});

test("five philosophers: 1 preemption, 5 steps", () => {
  const r = minimise(setupProgram(philosophers(5)), "deadlock", fine);
  expect(r.best?.cost).toEqual(cost(1, 4, 5));
});

test("two processes that reclaim each other's pages: 1 preemption, 4 steps", () => {
  expect(minimise(setupProgram(crossing), "deadlock", fine).best?.cost).toEqual(cost(1, 1, 4));
});

// The fewest preemptions (2), switches (3) and steps (16, 20) of these programs are not reached by one schedule: with 16
// steps the device is preempted before its last unlock. Both orders were confirmed by enumerating all trace prefixes.
test.each([
  [1, cost(2, 3, 17), cost(3, 3, 16)],
  [2, cost(2, 3, 21), cost(3, 3, 20)],
])(
  "sequence checked before the lock, %i devices: fewest preemptions, and fewest steps",
  (devices, fewest, shortest) => {
    const program = setupProgram(intervalBug(devices, 1));
    const r = minimise(program, "assertion", fine);
    expect(r.best?.cost).toEqual(fewest);
    expect(r.proven).toBe(true);
    expect(minimise(program, "assertion", { ...fine, order: "steps" }).best?.cost).toEqual(shortest);
  },
);

test("in coarse steps the four unlocks are no steps", () => {
  expect(minimise(setupProgram(intervalBug(1, 1)), "assertion").best?.cost).toEqual(cost(2, 3, 13));
});

test("no counterexample: proven that there is none, whatever its price", () => {
  const right = minimise(setupProgram(abbaSameOrder), "deadlock", fine);
  expect([right.best, right.proven, right.noneBelow]).toEqual([null, true, null]);
  const otherVerdict = minimise(setupProgram(abba), "data-race", fine);
  expect([otherVerdict.best, otherVerdict.proven]).toEqual([null, true]);
  expect(minimise(setupProgram(interval(1, 1)), "assertion", fine).best).toBeNull();
});

test("a bound is reported, with what is known below it, and the known schedule is kept", () => {
  const program = setupProgram(intervalBug(2, 2));
  const known = randomRuns(program, { runs: 1000, seed: 4, machine: fine.machine }).findings.get("assertion");
  expect(known).toBeDefined();
  const r = minimise(program, "assertion", { ...fine, known: known?.schedule, maxNodes: 300 });
  expect(r.proven).toBe(false);
  expect(r.stopped).toBe("the bound of 300 nodes was reached");
  expect(r.best?.finding.verdict).toBe("assertion");
  expect(r.noneBelow).toMatchObject({ preemptions: 0 });
  const told = minimise(program, "assertion", { ...fine, shouldStop: () => "told to" });
  expect([told.best, told.stopped]).toEqual([null, "told to"]);
});

test("what is known does not change the answer, but makes it cheaper", () => {
  const program = setupProgram(intervalBug(1, 1));
  const known = randomRuns(program, { runs: 1000, seed: 9, machine: fine.machine }).findings.get("assertion");
  const free = minimise(program, "assertion", fine);
  const bounded = minimise(program, "assertion", { ...fine, known: known?.schedule });
  expect(bounded.best?.cost).toEqual(free.best?.cost);
  expect(bounded.proven).toBe(true);
  expect(bounded.nodes).toBeLessThanOrEqual(free.nodes);
});

test("a schedule that does not fit, or shows something else, is ignored", () => {
  const r = minimise(setupProgram(abba), "deadlock", { ...fine, known: [{ task: 7, choice: 0 }] });
  expect(r.best?.cost).toEqual(cost(1, 1, 2));
  expect(shrinkSchedule(setupProgram(abba), [{ task: 0, choice: 0 }], fine)).toBeNull();
});

test("the events of a random failing run in their most readable order", () => {
  const program = setupProgram(philosophers(8));
  const found = randomRuns(program, { runs: 5000, seed: 3, machine: fine.machine }).findings.get("deadlock");
  expect(found).toBeDefined();
  const shrunk = shrinkSchedule(program, found?.schedule ?? [], fine);
  expect(shrunk?.cost).toEqual(cost(1, 7, 8));
  expect(shrunk?.finding.cycle.length).toBe(8);
});

test("shrinking keeps choices and leaves out what the finding does not need", () => {
  const program = setupProgram(intervalBug(2, 2));
  const found = randomRuns(program, { runs: 1000, seed: 4, machine: fine.machine }).findings.get("assertion");
  const schedule = found?.schedule ?? [];
  const shrunk = shrinkSchedule(program, schedule, fine);
  expect(shrunk?.finding.verdict).toBe("assertion");
  expect(shrunk?.cost.steps).toBeLessThan(schedule.length);
  expect(shrunk?.cost.preemptions).toBeLessThanOrEqual(3);
});
