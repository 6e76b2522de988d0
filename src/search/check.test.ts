import { describe, expect, test } from "vitest";
import { cell, type Machine, mutex } from "../index.ts";
import { abba, busy, gated, oneWrite, readers, stubborn } from "./check.testkit.ts";
import { type CheckOptions, type CheckResult, checkProgram } from "./check.ts";
import { setupProgram } from "./program.ts";

const check = (setup: (m: Machine) => void, options: CheckOptions = {}): Promise<CheckResult> =>
  checkProgram(setupProgram(setup), options);

describe("a check", () => {
  test("answers deadlock with the smallest schedule, proven", async () => {
    const r = await check(abba);
    expect(r).toMatchObject({ verdict: "deadlock", complete: true, engine: "stateful" });
    expect(r.minimal).toEqual({ preemptions: 1, switches: 1, steps: 2, certain: true });
    expect(r.schedule?.length).toBe(2);
  });

  test("answers ok for the whole state space, and says how sure that is", async () => {
    const r = await check(gated);
    expect(r).toMatchObject({ verdict: "ok", complete: true, finding: null, schedule: null });
    expect(r.covered).toContain("every behaviour");
    expect(r.covered).toContain("collision");
  });

  test("answers livelock with the step from which it repeats", async () => {
    const r = await check((m) => {
      const [a, b] = [mutex("a"), mutex("b")];
      m.spawn("t1", stubborn, [a, b]);
      m.spawn("t2", stubborn, [b, a]);
    });
    expect(r.verdict).toBe("livelock");
    expect(r.cycleStart).toBeLessThan(r.schedule?.length ?? 0);
  });

  test("chooses the stateless engine where states are many and traces few, and shows both figures", async () => {
    const r = await check(readers);
    expect(r).toMatchObject({ verdict: "ok", complete: true, engine: "dpor", states: 1 });
    expect(r.estimate?.traces).toBeCloseTo(1, 1);
    expect(r.estimate?.states).toBeGreaterThan(10_000);
  });

  test("does not choose it for a machine with invariants, and finds what only a state between shows", async () => {
    const r = await check(
      (m) => {
        readers(m);
        const [x, y] = [cell("x"), cell("y")];
        m.spawn("x", oneWrite, [x]);
        m.spawn("y", oneWrite, [y]);
        m.invariant("never x alone", () => !(x.value === 1 && y.value === 0));
      },
      { maxStates: 400_000 },
    );
    expect(r.engine).toBe("stateful");
    expect(r.verdict).toBe("assertion");
  });

  test("both engines give one answer", async () => {
    for (const setup of [abba, gated]) {
      const [s, d] = [await check(setup, { engine: "stateful" }), await check(setup, { engine: "dpor" })];
      expect(d.verdict).toBe(s.verdict);
      expect(d.minimal).toEqual(s.minimal);
    }
  });

  test("is honest about bounds", async () => {
    const states = await check(busy, { maxStates: 5000, engine: "stateful" });
    expect(states).toMatchObject({ verdict: "ok", complete: false });
    expect(states.covered).toContain("5000");
    const told = await check(busy, { shouldStop: () => "enough" });
    expect(told).toMatchObject({ verdict: "ok", complete: false });
    expect(told.covered).toContain("enough");
  });

  test("gives the same answer again", async () => {
    const strip = ({ seconds: _, ...r }: CheckResult) => r;
    expect(strip(await check(readers))).toEqual(strip(await check(readers)));
  });
});

describe("lockdep beside the search", () => {
  test("a report that a schedule bears out", async () => {
    const { lockdep } = await check(abba);
    expect(lockdep.map((r) => [r.classes, r.outcome])).toEqual([[["a", "b"], "witnessed"]]);
    expect(lockdep[0].schedule?.length).toBe(2);
  });

  test("a report that no schedule bears out is a false alarm", async () => {
    const { lockdep, verdict } = await check(gated);
    expect(verdict).toBe("ok");
    expect(lockdep.map((r) => [r.classes, r.outcome])).toEqual([[["a", "b"], "false alarm"]]);
    expect(lockdep[0].text).toContain("false alarm");
  });

  test("nothing of one check is left to the next", async () => {
    await check(abba);
    expect((await check(readers)).lockdep).toEqual([]);
  });
});
