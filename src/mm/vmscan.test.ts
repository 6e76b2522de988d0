import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { unchecked } from "../machine/core.ts";
import { type MachineEvent, observeEvents } from "../machine/events.ts";
import type { Kernel } from "./kernel.ts";
import { joinMemcg } from "./memcontrol.ts";
import type { Process } from "./mmTypes.ts";
import { mapAnon, runScript, writePages } from "./vmscan.testkit.ts";
import { levels } from "./vmstat.ts";

function* fillCgroup(k: Kernel, p: Process): Task {
  joinMemcg(p, 1);
  yield* mapAnon(k, p, 1536);
  yield* writePages(k, p, 0, 1536);
}

test("a cgroup at its limit reclaims 32 pages and more at a time, the oldest first", () => {
  const events: MachineEvent[] = [];
  const before = observeEvents((e) => events.push(e));
  const k = runScript(fillCgroup, { frames: 4096, swapPages: 4096, memcgs: [{ max: 1024 }] });
  observeEvents(before);
  const { global, memcg, events: memcgEvents } = k.stat;
  unchecked(() => {
    expect(k.memcgs.usage[1]).toBeLessThanOrEqual(1024);
    expect(global.pgsteal_anon).toBeGreaterThanOrEqual(1536 - 1024);
    expect(memcg[1].pgsteal_direct).toBe(global.pgsteal_anon);
    expect(global.pgsteal_direct).toBe(0);
    expect(memcgEvents[1].max).toBe(events.filter((e) => e.name === "mm_vmscan_memcg_reclaim_begin").length);
    const l = levels(k);
    expect(l.nr_inactive_anon + l.nr_active_anon).toBeLessThanOrEqual(1024);
    expect(l.nr_free_pages).toBe(4095 - k.state.pagesInUse);
  });
  // New pages were used once: the first look keeps them, the second takes them. Page tables are charged too, so the list
  // has a few pages less than the limit: (1019 >> 7) * 0.3 and so on; the last one, 38, in batches of 32.
  const first = events.filter((e) => e.name === "mm_vmscan_lru_isolate").slice(0, 5);
  expect(first.map((e) => [e.fields.nr_requested, e.fields.nr_taken, e.fields.lru])).toEqual(
    [2, 4, 9, 18, 32].map((n) => [n, n, "inactive_anon"]),
  );
});
