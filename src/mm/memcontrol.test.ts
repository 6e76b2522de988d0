import fc from "fast-check";
import { expect, test } from "vitest";
import { type Task, unchecked } from "../machine/core.ts";
import { buildSequential } from "../machine/sequential.ts";
import { checkKernel } from "./checks.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { drainStock, MEMCG_CHARGE_BATCH } from "./memcgStock.ts";
import { joinMemcg, memoryReclaim, setMemoryMax } from "./memcontrol.ts";
import type { Process } from "./mmTypes.ts";
import { lruAddDrain } from "./swap.ts";
import { mapAnon, runScript, writePages } from "./vmscan.testkit.ts";
import { packShadow, withinWorkingset } from "./workingset.ts";

/** Three levels of page tables, and the page that the structs are in. */
const KERNEL = 4;

const seen = { usage: 0, stock: 0, after: 0, answer: 0 };

function* charges(k: Kernel, p: Process): Task {
  joinMemcg(p, 1);
  yield* mapAnon(k, p, 100);
  yield* writePages(k, p, 0, 10);
  seen.usage = k.memcgs.usage[1];
  seen.stock = k.state.stockPages;
  yield* lruAddDrain(k);
  yield* setMemoryMax(k, 1, 4 + KERNEL);
  seen.after = k.memcgs.usage[1];
  drainStock(k);
}

test("pages are charged 64 at a time; a lower limit reclaims what is above it", () => {
  const k = runScript(charges, { frames: 512, swapPages: 512, memcgs: [{}] });
  expect(seen.usage).toBe(MEMCG_CHARGE_BATCH);
  expect(seen.stock).toBe(MEMCG_CHARGE_BATCH - 10 - KERNEL);
  expect(seen.after).toBeLessThanOrEqual(4 + KERNEL);
  expect(k.stat.memcg[1].pgsteal_anon).toBe(0); // memory.stat has kswapd and direct, not the types
  expect(k.stat.memcg[1].pgsteal_direct).toBeGreaterThanOrEqual(6);
  expect(checkKernel(k)).toBe(null);
});

function* reclaimParent(k: Kernel, p: Process): Task {
  joinMemcg(p, 2);
  yield* mapAnon(k, p, 100);
  yield* writePages(k, p, 0, 64);
  yield* lruAddDrain(k);
  seen.answer = yield* memoryReclaim(k, 1, 20);
  seen.after = k.memcgs.usage[2];
}

test("memory.min of a child is left alone by reclaim of its parent, memory.low only at first", () => {
  const options = { frames: 512, swapPages: 512 };
  runScript(reclaimParent, { ...options, memcgs: [{}, { parent: 1, min: 2 * MEMCG_CHARGE_BATCH }] });
  expect(seen).toMatchObject({ answer: -11, after: 2 * MEMCG_CHARGE_BATCH });
  const k = runScript(reclaimParent, { ...options, memcgs: [{}, { parent: 1, low: 2 * MEMCG_CHARGE_BATCH }] });
  expect(seen.answer).toBe(0);
  expect(seen.after).toBeLessThanOrEqual(2 * MEMCG_CHARGE_BATCH - 20);
  expect(k.stat.events[2].low).toBeGreaterThan(0);
  expect(k.stat.events[1].low).toBe(k.stat.events[2].low);
  unchecked(() => expect(k.memcgs.usage[1]).toBe(k.memcgs.usage[2]));
});

test("a shadow is below 0, and different for different pasts", () => {
  const made: Kernel[] = [];
  buildSequential((m) => {
    made[0] = createKernel(m, { frames: 64, nodes: 3, memcgs: [{}, {}, {}, {}] });
  });
  const age = fc.integer({ min: 0, max: 2 ** 20 });
  const past = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 2 }), age, fc.boolean());
  fc.assert(
    fc.property(past, past, (a, b) => {
      const one = packShadow(made[0], ...a);
      const two = packShadow(made[0], ...b);
      return one < 0 && two < 0 && (one === two) === (a.join() === b.join());
    }),
  );
});

test("what a refault competes with: the other lists, anonymous ones only where there is swap", () => {
  expect(withinWorkingset(40, true, 1, 2, 1000, 40, false)).toBe(true);
  expect(withinWorkingset(41, true, 1, 2, 1000, 40, false)).toBe(false);
  expect(withinWorkingset(43, true, 1, 2, 1000, 40, true)).toBe(true);
  expect(withinWorkingset(44, true, 1, 2, 1000, 40, true)).toBe(false);
  expect(withinWorkingset(1042, false, 1, 2, 1000, 40, true)).toBe(true);
  expect(withinWorkingset(1043, false, 1, 2, 1000, 40, true)).toBe(false);
});
