import fc from "fast-check";
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { GFP_ATOMIC, GFP_KERNEL } from "../machine/gfp.ts";
import type { Kernel } from "./kernel.ts";
import { drainStock } from "./memcgStock.ts";
import { joinMemcg, setMemoryHigh, tryCharge } from "./memcontrol.ts";
import { highDelay, overage } from "./memcontrolHigh.ts";
import type { Process } from "./mmTypes.ts";
import { uncharge1 } from "./pageCounter.ts";
import { mapAnon, runScript, writePages } from "./vmscan.testkit.ts";

const OPTIONS = { frames: 512, swapPages: 512, memcgs: [{}] };
const seen: number[] = [];

function note(k: Kernel, p: Process): void {
  seen.push(p.overHigh, k.stat.events[1].high);
}

function* faults(k: Kernel, p: Process): Task {
  joinMemcg(p, 1);
  yield* setMemoryHigh(k, 1, 100);
  yield* mapAnon(k, p, 200);
  yield* writePages(k, p, 0, 40);
  note(k, p);
  yield* writePages(k, p, 40, 100);
  note(k, p);
  drainStock(k);
}

test("charging above the limit reclaims as much, before user code goes on", () => {
  seen.length = 0;
  const k = runScript(faults, OPTIONS);
  expect(seen.slice(0, 2)).toEqual([0, 0]);
  expect(seen[2]).toBe(0);
  expect(seen[3]).toBeGreaterThan(0);
  expect(k.stat.memcg[1].pgsteal_direct).toBeGreaterThanOrEqual(32);
});

function* debts(k: Kernel, p: Process): Task {
  joinMemcg(p, 1);
  yield* mapAnon(k, p, 200);
  drainStock(k);
  k.memcgs.high[1] = 1;
  // One batch of 64 is owed, which is not too much for later.
  yield* tryCharge(k, 1, GFP_KERNEL, 1);
  note(k, p);
  drainStock(k);
  // More than that, but it may not wait.
  yield* tryCharge(k, 1, GFP_ATOMIC, 1);
  note(k, p);
  drainStock(k);
  yield* tryCharge(k, 1, GFP_KERNEL, 1);
  note(k, p);
  drainStock(k);
  yield* tryCharge(k, 1, GFP_KERNEL, 1);
  note(k, p);
  yield* writePages(k, p, 0, 1);
  note(k, p);
  drainStock(k);
  uncharge1(k, 1, 4);
}

test("what is owed is paid at the end of a fault, and at once when it is more than a batch and the caller may wait", () => {
  seen.length = 0;
  runScript(debts, OPTIONS);
  const owed = seen.filter((_, i) => i % 2 === 0);
  const events = seen.filter((_, i) => i % 2 === 1);
  expect(owed).toEqual([64, 128, 0, 64, 0]);
  expect(events[0]).toBe(0);
  expect(events[1]).toBe(0);
  expect(events[2]).toBeGreaterThan(0);
  expect(events[3]).toBe(events[2]);
  expect(events[4]).toBeGreaterThan(events[3]);
});

test("the penalty grows with the square of the overage, and with what the task itself has charged", () => {
  // 3 % above: 0.03^2 * 2^6 seconds for a batch.
  expect(highDelay(64, overage(10300, 10000))).toBe(Math.floor(0.03 ** 2 * 64 * 250));
  const pages = fc.integer({ min: 0, max: 2 ** 20 });
  fc.assert(
    fc.property(pages, pages, fc.integer({ min: 1, max: 64 }), (usage, high, n) => {
      const over = overage(usage, high);
      expect(over > 0).toBe(usage > Math.max(high, 1) && (usage - high) * 2 ** 20 >= high);
      expect(highDelay(2 * n, over)).toBeGreaterThanOrEqual(highDelay(n, over));
      expect(highDelay(n, overage(usage + 1, high))).toBeGreaterThanOrEqual(highDelay(n, over));
    }),
  );
});
