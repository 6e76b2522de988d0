import { describe, expect, test } from "vitest";
import { bootRegisters, bootReleases, bootSpawns, bootTries, bootWaits, finds, forgets, uses } from "./boot.testkit.ts";
import { cell } from "./cell.ts";
import { explore } from "./explore.testkit.ts";
import { Machine } from "./machine.ts";
import { mutex } from "./mutex.ts";
import { int, struct } from "./struct.ts";

const boxStruct = struct("box", { value: int() });

describe("boot", () => {
  test("is done before any task, in order, and is no step of any run", () => {
    const set = (m: Machine, booted: boolean): void => {
      const value = cell("value", booted ? 0 : 7);
      const l = mutex("lock");
      if (booted) {
        m.boot(bootRegisters, [value, l, 3]);
        m.boot(bootRegisters, [value, l, 4]);
      }
      m.spawn("task", finds, [value, 7]);
    };
    const plain = explore((m) => set(m, false));
    const booted = explore((m) => set(m, true));
    expect(booted).toEqual(plain);
    expect(booted.verdicts).toEqual(["ok"]);
  });

  test("the private fields that it uses belong to nobody afterwards", () => {
    const r = explore((m) => {
      const box = boxStruct.create("box");
      m.boot(uses, [box]);
      m.spawn("task", uses, [box]);
    });
    expect(r.verdicts).toEqual(["ok"]);
  });

  test("a lock that it tries need not be visible in the runs", () => {
    const m = Machine.build((each) => each.boot(bootTries, [mutex("lock")]));
    expect([m.options.visibleReleases, m.initialFinding, m.tried.includes(1)]).toEqual([[], null, false]);
    expect(m.tasks).toEqual([]);
  });

  test("what it breaks is a finding without steps", () => {
    const forgotten = Machine.build((m) => m.boot(forgets, [mutex("lock")]));
    expect(forgotten.initialFinding?.message).toBe("a boot ends and holds lock");
    const unheld = Machine.build((m) => m.boot(bootReleases, [mutex("lock")]));
    expect(unheld.initialFinding?.verdict).toBe("assertion");
  });

  test("it may not wait, nor spawn", () => {
    expect(() => Machine.build((m) => m.boot(bootWaits, [cell("never")]))).toThrow(
      /MF0215.*bootWaits waits: wait for never/,
    );
    expect(() => Machine.build((m) => m.boot(bootSpawns, [cell("x")]))).toThrow(/MF0215.*bootSpawns spawns/);
  });
});
