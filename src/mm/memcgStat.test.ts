import fc from "fast-check";
import { expect, test } from "vitest";
import { type Task, unchecked } from "../machine/core.ts";
import { buildSequential } from "../machine/sequential.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { LRU_ACTIVE_ANON, LRU_INACTIVE_ANON } from "./lruTypes.ts";
import { nodePageState } from "./lruvec.ts";
import { flushMemcgStats, lruvecPageState, memCgroupFlushStats, memcgRstatUpdated } from "./memcgStat.ts";
import { joinMemcg, memoryReclaim } from "./memcontrol.ts";
import type { Process } from "./mmTypes.ts";
import { lruAddDrain } from "./swap.ts";
import { mapAnon, runScript, writePages } from "./vmscan.testkit.ts";

function kernel(batchedStats: boolean): Kernel {
  const made: Kernel[] = [];
  buildSequential((m) => {
    made[0] = createKernel(m, { frames: 64, nodes: 1, memcgs: [{}, { parent: 1 }], batchedStats });
  });
  return made[0];
}

/** As if the list of cgroup 2 had `n` folios. */
function setSize(k: Kernel, n: number): void {
  k.lru.lists.size[2 * 5 + LRU_ACTIVE_ANON] = n;
}
const activeOf = (k: Kernel, memcg: number): number => lruvecPageState(k, memcg, 0, LRU_ACTIVE_ANON);

test("two times more than 64 updates make a flush due, one time does not; what is flushed counts for all cgroups above", () => {
  unchecked(() => {
    const k = kernel(true);
    setSize(k, 7);
    for (let i = 0; i < 129; i++) memcgRstatUpdated(k, -1);
    memCgroupFlushStats(k);
    expect([0, 1, 2].map((memcg) => activeOf(k, memcg))).toEqual([0, 0, 0]);
    memcgRstatUpdated(k, 1);
    memCgroupFlushStats(k);
    expect([0, 1, 2].map((memcg) => activeOf(k, memcg))).toEqual([7, 7, 7]);
    setSize(k, 3);
    memCgroupFlushStats(k);
    expect(activeOf(k, 2)).toBe(7);
    flushMemcgStats(k);
    expect(activeOf(k, 1)).toBe(3);
  });
});

test("many at once are as urgent as many one by one", () => {
  unchecked(() => {
    const k = kernel(true);
    setSize(k, 7);
    memcgRstatUpdated(k, 127);
    memCgroupFlushStats(k);
    expect(activeOf(k, 2)).toBe(0);
    memcgRstatUpdated(k, 65);
    memCgroupFlushStats(k);
    expect(activeOf(k, 2)).toBe(7);
  });
});

test("whatever happens, there are finitely many situations, and 130 updates are always enough", () => {
  const k = kernel(true);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -4096, max: 4096 })), (changes) =>
      unchecked(() => {
        setSize(k, 0);
        flushMemcgStats(k);
        for (const n of changes) memcgRstatUpdated(k, n);
        const { updates, threshold } = (k.lru.stats as NonNullable<Kernel["lru"]["stats"]>).counts;
        expect(updates[0]).toBeLessThanOrEqual(64);
        expect(threshold[0]).toBeLessThanOrEqual(2);
        setSize(k, 5);
        for (let i = 0; i < 130; i++) memcgRstatUpdated(k, 1);
        memCgroupFlushStats(k);
        expect(activeOf(k, 2)).toBe(5);
      }),
    ),
  );
});

test("without the option every value is that of now", () => {
  unchecked(() => {
    const k = kernel(false);
    setSize(k, 7);
    expect([0, 1, 2].map((memcg) => activeOf(k, memcg))).toEqual([7, 7, 7]);
  });
});

const seen = { stale: 0, now: 0 };

function* fewPages(k: Kernel, p: Process): Task {
  joinMemcg(p, 1);
  yield* mapAnon(k, p, 8);
  yield* writePages(k, p, 0, 8);
  yield* lruAddDrain(k);
  seen.stale = lruvecPageState(k, 1, 0, LRU_INACTIVE_ANON);
  seen.now = nodePageState(k, 0, LRU_INACTIVE_ANON);
  yield* memoryReclaim(k, 1, 4);
}

test("reclaim scans lists that statistics do not know of yet", () => {
  const k = runScript(fewPages, { frames: 512, swapPages: 512, memcgs: [{}], batchedStats: true });
  // 32 updates: a fault, a charge, a mapping and a list for each page.
  expect(seen).toMatchObject({ stale: 0, now: 8 });
  expect(unchecked(() => k.stat.memcg[1].pgsteal_direct)).toBeGreaterThanOrEqual(4);
});
