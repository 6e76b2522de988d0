/** Going on at once after taking a lock (`Machine.continues`): where it is done, and where it must not be. */
import { describe, expect, test } from "vitest";
import { type Cell, cell, readOnce, writeOnce } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { cpu } from "../machine/cpu.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutex, trylock, unlock } from "../machine/mutex.ts";
import { int, struct } from "../machine/struct.ts";
import { until } from "../machine/wait.ts";
import { onMachine, setupProgram } from "./program.ts";
import { searchStateful } from "./stateful.ts";

function ends(setup: (m: Machine) => void, localSteps = true): { states: number; ends: string[]; verdicts: string[] } {
  return onMachine(setupProgram(setup), {}, (m) => {
    const seen = new Set<string>();
    const r = searchStateful(m, { localSteps, all: true, onEnd: () => seen.add(m.snapshot().join()) });
    return { states: r.states, ends: [...seen].sort(), verdicts: r.violations.map((v) => v.finding.verdict).sort() };
  });
}

function* addUnderLock(l: Mutex, c: Cell): Task {
  yield* lock(l);
  const n = yield* readOnce(c);
  yield* writeOnce(c, n + 1);
  yield* unlock(l);
}
function* double(c: Cell): Task {
  const n = yield* readOnce(c);
  yield* writeOnce(c, 2 * n);
}
function* tryOnce(l: Mutex, c: Cell): Task {
  if (yield* trylock(l)) yield* unlock(l);
  else yield* writeOnce(c, 7);
}
const Flag = struct("flag", { up: int({ ordered: "for this test" }) });
function* raise(l: Mutex, flag: { up: number }, c: Cell): Task {
  yield* lock(l);
  flag.up = 1;
  yield* writeOnce(c, 1);
  yield* unlock(l);
}
function* seeFlag(flag: { up: number }, c: Cell, out: Cell): Task {
  yield* until(() => flag.up === 1);
  const n = yield* readOnce(c);
  yield* writeOnce(out, n + 1);
}
function* lockBoth(a: Mutex, b: Mutex): Task {
  yield* lock(a);
  yield* lock(b);
  yield* unlock(b);
  yield* unlock(a);
}
function* handOver(a: Mutex, b: Mutex, c: Cell): Task {
  yield* lock(a);
  yield* unlock(a);
  yield* lock(b);
  yield* writeOnce(c, 1);
  yield* unlock(b);
}

const programs: Record<string, (m: Machine) => void> = {
  "cells under a lock, and without": (m) => {
    const l = mutex("l");
    const c = cell("c");
    m.spawn("a", addUnderLock, [l, c]);
    m.spawn("b", addUnderLock, [l, c]);
    m.spawn("d", double, [c]);
  },
  "a lock that is tried": (m) => {
    const l = mutex("l");
    const c = cell("c");
    m.spawn("a", addUnderLock, [l, c]);
    m.spawn("t", tryOnce, [l, c]);
  },
  "an ordered field that somebody waits for": (m) => {
    const flag = Flag.create("flag");
    const c = cell("c");
    m.spawn("r", raise, [mutex("l"), flag, c]);
    m.spawn("s", seeFlag, [flag, c, cell("out")]);
  },
  "two locks in two orders": (m) => {
    const [a, b] = [mutex("a"), mutex("b")];
    m.spawn("t", lockBoth, [a, b]);
    m.spawn("u", lockBoth, [b, a]);
  },
  "one lock after the other": (m) => {
    const [a, b] = [mutex("a"), mutex("b")];
    const c = cell("c");
    m.spawn("t", handOver, [a, b, c]);
    m.spawn("u", handOver, [b, a, c]);
    m.spawn("d", double, [c]);
  },
  "tasks of one CPU": (m) => {
    const l = mutex("l");
    const c = cell("c");
    const c0 = cpu("cpu0", { preemptive: true });
    m.spawn("a", addUnderLock, [l, c], { cpu: c0 });
    m.spawn("b", double, [c], { cpu: c0 });
    m.spawn("d", double, [c]);
  },
};

describe.each(Object.entries(programs))("%s", (_name, setup) => {
  test("ends and verdicts are those of the search of all steps", () => {
    const all = ends(setup, false);
    const some = ends(setup);
    expect(some.ends).toEqual(all.ends);
    expect([...new Set(some.verdicts)]).toEqual([...new Set(all.verdicts)]);
  });
});

test("it saves states where it is done", () => {
  const saved = (name: string): number => ends(programs[name], false).states - ends(programs[name]).states;
  expect(saved("cells under a lock, and without")).toBeGreaterThan(0);
  expect(saved("a lock that is tried")).toBe(0);
  expect(saved("tasks of one CPU")).toBe(0);
});
