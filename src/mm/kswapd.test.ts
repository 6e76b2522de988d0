import { expect, test } from "vitest";
import { type Task, unchecked } from "../machine/core.ts";
import { checkKernel } from "./checks.ts";
import type { Kernel } from "./kernel.ts";
import { pgdatBalanced, startKswapd } from "./kswapd.ts";
import type { Process } from "./mmTypes.ts";
import { mapAnon, runScript, writePages } from "./vmscan.testkit.ts";

const N = 3000;
const failed = { n: 0 };

function* fill(k: Kernel, p: Process): Task {
  yield* mapAnon(k, p, N);
  failed.n = yield* writePages(k, p, 0, N);
}

const SMALL = { zones: [{ name: "DMA32", pages: 2048 }], minFreeKbytes: 400, swapPages: 8192 } as const;

test("without kswapd every reclaim is direct, and nothing fails while there is swap", () => {
  const k = runScript(fill, SMALL);
  const { global } = k.stat;
  expect(failed.n).toBe(0);
  expect(global.pgsteal_direct).toBeGreaterThan(N - 2048);
  expect(global.pgsteal_kswapd).toBe(0);
  expect(global.allocstall_movable).toBeGreaterThan(10);
  expect(checkKernel(k)).toBe(null);
  unchecked(() => expect(k.zoneState.free[0]).toBeGreaterThanOrEqual(k.zones[0].marks.min));
});

test("kswapd is woken below the low watermark, and reclaims up to the high one", () => {
  const k = runScript(fill, SMALL, (m, kernel) => startKswapd(m, kernel));
  const { global } = k.stat;
  expect(failed.n).toBe(0);
  expect(global.pageoutrun).toBeGreaterThan(0);
  expect(global.pgsteal_kswapd).toBeGreaterThan(0);
  expect(global.pgscan_kswapd + global.pgscan_direct).toBe(global.pgscan_anon + global.pgscan_file);
  unchecked(() => {
    expect(pgdatBalanced(k, 0, 3)).toBe(true);
    expect(k.pgdats[0].kswapdSleeps).toBe(true);
    expect(k.pgdats[0].kswapdFailures).toBe(0);
  });
  expect(checkKernel(k)).toBe(null);
});

test("without swap anonymous memory cannot be reclaimed: the process is killed in the end, and its allocations fail", () => {
  const k = runScript(fill, { ...SMALL, swapPages: 0 }, (m, kernel) => startKswapd(m, kernel));
  expect(failed.n).toBeGreaterThan(N - 2048);
  expect(k.stat.global.oom_kill).toBe(1);
  expect(k.stat.global.pgsteal_anon).toBe(0);
  unchecked(() => expect(k.pgdats[0].kswapdFailures).toBeGreaterThan(0));
});
