import { describe, expect, test } from "vitest";
import { type Cell, cell, readOnce, writeOnce } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { note } from "../machine/events.ts";
import { assert } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutex, trylock, unlock } from "../machine/mutex.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { minimise } from "./minimal.ts";
import { type Decision, setupProgram } from "./program.ts";
import { abba, abbaSameOrder, intervalBug } from "./programs.testkit.ts";
import { replayRun, replayWord } from "./replay.ts";
import { wordsAfter } from "./run.ts";
import { parseSchedule, scheduleText } from "./schedule.ts";

/** One digit a decision: the task's slot. */
const steps = (text: string): Decision[] => [...text].map((c) => ({ task: Number(c), choice: 0 }));
const fine = { machine: { fine: true } };

describe("AB-BA, step by step", () => {
  const program = setupProgram(abba);
  const run = replayRun(program, steps("01"), fine);

  test("steps: what, where, who could have", () => {
    expect(run.steps.map((s) => [s.step, s.task, s.text, s.operation, s.switched, s.preempted, s.enabled])).toEqual([
      [1, 0, "lock a", "lock", false, false, [0, 1]],
      [2, 1, "lock b", "lock", true, true, [0, 1]],
    ]);
    expect(run.steps[1].stack).toEqual([
      {
        name: "takeBoth",
        place: { file: "src/search/programs.testkit.ts", line: 10, column: 3, text: "yield* lock(first)" },
      },
    ]);
    expect([run.preemptions, run.switches, run.ended]).toEqual([1, 1, true]);
  });

  test("locks: taken in which step, held since where", () => {
    expect(run.steps.map((s) => s.acquired)).toEqual([
      [{ task: 0, lock: "a", shared: false }],
      [{ task: 1, lock: "b", shared: false }],
    ]);
    expect(run.holds.map((list) => list.map((h) => [h.lock, h.kind, h.step, h.place?.line]))).toEqual([
      [["a", "mutex", 1, 10]],
      [["b", "mutex", 2, 10]],
    ]);
  });

  test("the end: who waits for whom, where", () => {
    expect(run.finding).toMatchObject({ verdict: "deadlock", cycle: [1, 0] });
    expect(run.waiters.map((w) => [w.task, w.wants, w.object, w.owners, w.waits, w.stack[0].place.line])).toEqual([
      [0, "lock b", "b", [1], "all", 11],
      [1, "lock a", "a", [0], "all", 11],
    ]);
    expect(run.tasks.map((t) => [t.name, t.state])).toEqual([
      ["t0", "waiting"],
      ["t1", "waiting"],
    ]);
  });

  test("the word of the run replays it", () => {
    expect(run.schedule).toMatch(/^1f-ab-/);
    expect(replayWord(program, run.schedule)).toEqual(run);
  });

  test("plain data: it survives a way through JSON, all but the words themselves", () => {
    const { initial: _, ...plain } = run;
    expect(JSON.parse(JSON.stringify(plain))).toEqual(plain);
  });
});

test("words before and after every step can be had again", () => {
  const program = setupProgram(intervalBug(1, 1));
  const best = minimise(program, "assertion").best;
  const run = replayRun(program, best?.schedule ?? []);
  expect(run.finding?.verdict).toBe("assertion");
  const ends = run.steps.map((_, i) => {
    const m = program({});
    m.activate();
    for (const { task, choice } of run.decisions.slice(0, i)) m.step(task, choice);
    return m.words.join();
  });
  expect(run.steps.map((_, i) => wordsAfter(run, i).join())).toEqual(ends);
  expect(run.steps.some((s) => s.changes.some((c) => c.name === "subs" && c.before === 32 && c.after === 49))).toBe(
    true,
  );
});

test("a critical section within one coarse step is seen, and what is released in a later one", () => {
  const run = replayRun(setupProgram(abbaSameOrder), steps("0011"));
  expect(run.finding).toBeNull();
  expect(run.ended).toBe(true);
  expect(run.steps.map((s) => [s.acquired.map((c) => c.lock), s.released.map((c) => c.lock)])).toEqual([
    [["a"], []],
    [["b"], ["a", "b"]],
    [["a"], []],
    [["b"], ["a", "b"]],
  ]);
  expect(run.tasks.map((t) => t.state)).toEqual(["ended", "ended"]);
});

function* inner(x: Cell): Task {
  note("about to write");
  yield* writeOnce(x, 1);
}

function* outer(x: Cell): Task {
  const n = yield* choose(3);
  yield* inner(x);
  const v = yield* readOnce(x);
  assert(v === n, "what was written");
}

function* parent(x: Cell): Task {
  const child = spawn(outer, x);
  yield* join(child);
}

function family(m: Machine): void {
  m.spawn("parent", parent, [cell("x")], { children: 2 });
}

test("choices, calls, children, notes, and the place of a failed assertion", () => {
  const run = replayRun(setupProgram(family), [
    { task: 1, choice: 2 },
    { task: 1, choice: 0 },
    { task: 1, choice: 0 },
  ]);
  expect(run.steps.map((s) => s.choice)).toEqual([{ taken: 2, of: 3 }, null, null]);
  expect(run.steps[0].events).toEqual(["about to write"]);
  expect(run.steps[1].stack.map((f) => f.name)).toEqual(["inner", "outer"]);
  expect(run.finding).toMatchObject({ verdict: "assertion", message: "what was written", task: 1, cycle: [] });
  expect(run.finding?.stack[0].place.text).toBe("const v = yield* readOnce(x)");
  expect(run.tasks.map((t) => [t.name, t.parent, t.state])).toEqual([
    ["parent", -1, "waiting"],
    ["parent/0", 0, "stopped"],
    ["parent/1", 0, "unused"],
  ]);
  expect(run.waiters).toMatchObject([{ task: 0, wants: "join parent/0", owners: [1], waits: "all" }]);
});

function* tryIt(a: Mutex, x: Cell): Task {
  const free = yield* trylock(a);
  yield* writeOnce(x, free ? 1 : 2);
}

function* holdShortly(a: Mutex): Task {
  yield* lock(a);
  yield* unlock(a);
}

test("settings that another path of the search needed travel with the word", () => {
  // The schedule never reaches the trylock, but steps are numbered as on a machine with visible releases of that lock.
  const program = setupProgram((m) => {
    const a = mutex("a");
    m.spawn("holder", holdShortly, [a]);
    m.spawn("late", tryIt, [a, cell("x")]);
  });
  const machine = { visibleReleases: ["a"], extraChildren: 1 };
  const run = replayRun(program, steps("00"), { machine, partial: true });
  expect(run.steps.map((s) => s.text)).toEqual(["lock a", "unlock a"]);
  expect(parseSchedule(run.schedule)).toMatchObject({ extraChildren: 1, visibleLocks: [expect.any(Number)] });
  expect(replayWord(program, run.schedule, { partial: true })).toEqual(run);
});

describe("a schedule that does not fit is refused by number and step", () => {
  const replaying = (decisions: readonly Decision[], setup: (m: Machine) => void = abba) =>
    expect(() => replayRun(setupProgram(setup), decisions, fine));
  const refusal = "MF0402: The schedule does not fit the program: ";
  const cases: readonly [string, readonly Decision[], string][] = [
    ["no such task", steps("05"), "at step 2, there is no task 6, only 2"],
    ["ended", steps("000011011"), "at step 7, t0 has ended"],
    ["must wait", steps("001"), "at step 3, t1 must wait (lock b)"],
    ["no choice", [{ task: 0, choice: 1 }], "at step 1, t0 has 1 outcome (lock a), and the schedule takes number 2"],
    ["too long", steps("010"), "at step 3, the run is over (deadlock), and the schedule goes on"],
    ["too short", steps("0"), "at step 2, the schedule ends, and t0 can still go on"],
  ];
  test.each(cases)("%s", (_name, decisions, says) => {
    replaying(decisions).toThrow(refusal + says);
  });

  test("a task that must wait, and one that was never started", () => {
    replaying(steps("011"), abbaSameOrder).toThrow(`${refusal}at step 2, t1 must wait (lock a)`);
    replaying(steps("2"), family).toThrow(`${refusal}at step 1, parent/1 has not been started`);
  });

  test("a word that speaks of objects that are not there", () => {
    const word = scheduleText({ decisions: steps("01"), fine: false, extraChildren: 0, visibleLocks: [99] });
    expect(() => replayWord(setupProgram(abba), word)).toThrow(/^MF0402: .*it speaks of object 100/);
  });
});
