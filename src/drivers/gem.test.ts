import { expect, test } from "vitest";
import { unchecked } from "../machine/core.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { explore } from "../mm/explore.testkit.ts";
import { allocatesLocked, allocatesWhileBusy, type GemWorld, gemWorld, unloads } from "./gem.testkit.ts";
import type { GemPolicy } from "./gem.ts";

const locked = (policy: GemPolicy) =>
  explore((m) => {
    m.spawn("T", allocatesLocked, [m.keep(gemWorld(m, [1, 1], policy, 3))]);
  });

test("the locked object is skipped, the other one gives its page, and its contents are kept", () => {
  expect([locked("trylock").verdict, locked("trylock").message]).toEqual(["ok", ""]);
});

test("who waits for the lock in reclaim waits for himself", () => {
  expect(locked("lock").verdict).toBe("deadlock");
  expect(locked("ww-acquire").verdict).toBe("deadlock");
});

const busy = (policy: GemPolicy, retires: boolean) =>
  explore((m) => {
    m.spawn("T", allocatesWhileBusy, [m.keep(gemWorld(m, [1, 1], policy, 3)), retires], { children: 1 });
  });

test("direct reclaim never waits for the GPU; with the other rule it waits as long as the GPU takes", () => {
  expect([busy("trylock", true).verdict, busy("trylock", false).verdict]).toEqual(["ok", "ok"]);
  expect([busy("waits-for-gpu", true).verdict, busy("waits-for-gpu", false).verdict]).toEqual(["ok", "deadlock"]);
});

test("unloading waits for reclaim that is at it, in every interleaving", () => {
  const r = explore((m) => {
    m.spawn("module", unloads, [m.keep(gemWorld(m, [1], "trylock", 3))], { children: 1 });
  });
  expect([r.verdict, r.message]).toEqual(["ok", ""]);
});

test("the batch is two average objects, but at least 128; scans are counted in pages", () => {
  let world: GemWorld | undefined;
  const m = buildSequential((machine) => {
    world = machine.keep(gemWorld(machine, [300, 100], "trylock", 401));
    machine.spawn("T", allocatesLocked, [world]);
  });
  expect(runSequentially(m)).toBe(null);
  const { k, gpu } = world as GemWorld;
  // 4096, halved towards 400 = 2 * 400 / 2 at each count, and towards 600 after the smaller one has gone: never below 400.
  unchecked(() => {
    expect(gpu.shrinker.batch).toBeGreaterThanOrEqual(400);
    expect(gpu.shrinker.batch).toBeLessThan(4096);
  });
  expect(k.stat.global.slabs_scanned).toBe(100);
});
