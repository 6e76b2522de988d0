import { describe, expect, test } from "vitest";
import type { Machine } from "../../machine/machine.ts";
import { findLivelock, type Lasso } from "../liveness.ts";
import { onMachine, setupProgram } from "../program.ts";
import { type StatefulOptions, type StatefulResult, searchStateful } from "../stateful.ts";
import { type I915Variant, i915 } from "./i915.ts";
import { type IntervalBugs, interval } from "./interval.ts";
import { intervalExact } from "./intervalExact.ts";
import { philosophers } from "./philosophers.ts";

type Setup = (m: Machine) => void;

const search = (setup: Setup, options: Partial<StatefulOptions> = {}, fine = false): StatefulResult =>
  onMachine(setupProgram(setup), { fine }, (m) => searchStateful(m, options));

const verdict = (r: StatefulResult): string => r.violations[0]?.finding.verdict ?? (r.complete ? "ok" : "unknown");

const livelock = (setup: Setup): Lasso | null | "unknown" =>
  onMachine(setupProgram(setup), {}, (m) => findLivelock(m, 1_000_000, () => false));

describe("the interval protocol, one operation a step, has as many states as in Spin and TLC", () => {
  test.each([
    [1, 1, 147],
    [2, 1, 2_633],
    [1, 2, 1_908],
    [2, 2, 52_622],
    [3, 1, 48_933],
    [1, 3, 20_842],
    [2, 3, 868_987],
    [3, 2, 1_411_645],
  ])("%i devices, %i invalidators: %i", (devices, invalidators, states) => {
    const r = search(intervalExact(devices, invalidators), { localSteps: false }, true);
    expect(verdict(r)).toBe("ok");
    expect(r.states).toBe(states);
  });
});

describe("the programs have the same verdicts as in Spin", () => {
  test.each([2, 3, 5])("%i philosophers deadlock, all of them", (n) => {
    const r = search(philosophers(n));
    expect(verdict(r)).toBe("deadlock");
    expect(r.violations[0].finding.cycle.length).toBe(n);
  });

  test.each([
    [1, 1],
    [2, 1],
    [1, 2],
    [2, 2],
  ])("the interval protocol with %i devices and %i invalidators is right", (devices, invalidators) => {
    expect(verdict(search(interval(devices, invalidators)))).toBe("ok");
  });

  const bugs: [string, IntervalBugs][] = [
    ["check before the lock", { earlyCheck: true }],
    ["no lock in the callback", { noLock: true }],
  ];
  test.each(bugs)("its seeded bug is found: %s", (_name, bug) => {
    const found = [search(interval(1, 1, bug)), search(interval(2, 1, bug)), search(interval(2, 2, bug))].map(verdict);
    expect(found).toEqual(["stale-mapping", "stale-mapping", "stale-mapping"]);
  });

  test.each([1, 2, 3])("i915 with %i processes: the blocking callback deadlocks, the others are safe", (processes) => {
    const verdicts = ([0, 1, 2, 3] as const).map((variant) => verdict(search(i915(variant, processes))));
    expect(verdicts).toEqual(["deadlock", "ok", "ok", "ok"]);
  });

  test.each([1, 2])("i915 with %i processes: only the endless retry is a livelock", (processes) => {
    const found = ([1, 2, 3] as const satisfies I915Variant[]).map((variant) => livelock(i915(variant, processes)));
    expect(found[0]).toMatchObject({ cycle: expect.arrayContaining([{ task: 0, choice: 0 }]) });
    expect(found.slice(1)).toEqual([null, null]);
  });
});
