import { expect, test } from "vitest";
import { memallocRestore, memallocSave, PF_MEMALLOC } from "../machine/context.ts";
import { type Task, unchecked } from "../machine/core.ts";
import { __GFP_NORETRY, GFP_ATOMIC, GFP_KERNEL, GFP_NOIO, GFP_NOWAIT } from "../machine/gfp.ts";
import { checkKernel } from "./checks.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { MADV_FREE, sysMadvise } from "./madvise.ts";
import { joinMemcg, memoryReclaim } from "./memcontrol.ts";
import { sysMlock } from "./mlock.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { allocPage } from "./pageAlloc.ts";
import { type PresetName, rules } from "./rules.ts";
import { freeScanControl, newScanControl } from "./scanControl.ts";
import { folioPut, lruAddDrain } from "./swap.ts";
import { BASE, mapAnon, runScript, writePages } from "./vmscan.testkit.ts";
import { doTryToFreePages } from "./vmscan.ts";
import { outcomeOf, TABLE } from "./vmscanTable.ts";

const N = 40;
const PINNED = 5;
const box: { pages: Pages | null; reclaimed: number; taken: number[]; kept: number[] } = {
  pages: null,
  reclaimed: 0,
  taken: [],
  kept: [],
};

test("rows are in order, each once, and those that nothing reaches say why", () => {
  const rows = TABLE.map((row) => row.row);
  expect([...rows].sort((a, b) => a - b)).toEqual(rows);
  expect(new Set(rows).size).toBe(rows.length);
  for (const { row, outcome } of TABLE) expect(outcomeOf[row]).toBe(outcome);
});

/** Forty pages, five of them pinned; then everything that can be is reclaimed, twice. */
function* pinAndReclaim(k: Kernel, p: Process): Task {
  joinMemcg(p, 1);
  yield* mapAnon(k, p, N);
  yield* writePages(k, p, 0, N);
  const pages = box.pages as Pages;
  yield* getUserPagesFast(k, p.mm as Mm, BASE, PINNED, FOLL_PIN | FOLL_WRITE, pages);
  yield* lruAddDrain(k);
  yield* memoryReclaim(k, 1, N);
  yield* unpinUserPages(k, pages, PINNED, FOLL_PIN, false);
}

function rowsUnder(preset: PresetName, changes: Parameters<typeof rules>[1] = {}): Kernel {
  return runScript(pinAndReclaim, { frames: 256, swapPages: 512, memcgs: [{}], rules: rules(preset, changes) }, (m) => {
    box.pages = createPages("pinned", PINNED);
    m.keep(box.pages);
  });
}

test("pinned anonymous pages: kept before anything happens to them, since v5.11", () => {
  const k = rowsUnder("linux-6.1");
  expect(k.stat.rows[13]).toBeGreaterThanOrEqual(PINNED);
  expect(k.stat.rows[18] ?? 0).toBe(0);
  expect(k.stat.rows[26]).toBe(N - PINNED);
  expect(checkKernel(k)).toBe(null);
});

test("without that check they get a place in swap, and the unmap restores them", () => {
  const k = rowsUnder("linux-6.1", { reclaimPinCheck: "none" });
  expect(k.stat.rows[13] ?? 0).toBe(0);
  expect(k.stat.rows[18]).toBeGreaterThanOrEqual(PINNED);
  expect(k.stat.rows[26]).toBe(N - PINNED);
});

test("without any check they are unmapped; only the reference keeps the frame", () => {
  const k = rowsUnder("linux-5.7");
  expect(k.stat.rows[13] ?? 0).toBe(0);
  expect(k.stat.rows[18] ?? 0).toBe(0);
  // Written, and then not freed: somebody has a reference.
  expect((k.stat.rows[22] ?? 0) + (k.stat.rows[25] ?? 0)).toBeGreaterThanOrEqual(PINNED);
});

function* mlockAndFree(k: Kernel, p: Process): Task {
  joinMemcg(p, 1);
  yield* mapAnon(k, p, N);
  yield* writePages(k, p, 0, N);
  yield* sysMlock(k, p, BASE, 8);
  yield* sysMadvise(k, p, BASE + 8, 16, MADV_FREE);
  yield* lruAddDrain(k);
  yield* memoryReclaim(k, 1, N);
}

test("lazily freed pages are discarded without swap, mlocked ones stay", () => {
  const k = runScript(mlockAndFree, { frames: 256, memcgs: [{}] });
  expect(k.stat.global.pglazyfreed).toBe(16);
  expect(k.stat.global.pgsteal_file).toBe(16);
  expect(k.stat.global.pgsteal_anon).toBe(0);
  unchecked(() => expect(k.frames.flags.filter((f) => (f & (1 << 9)) !== 0).length).toBe(8));
  expect(checkKernel(k)).toBe(null);
});

/** Everything is swapped out that the mask allows. */
function* reclaimNoIo(k: Kernel, p: Process): Task {
  yield* mapAnon(k, p, N);
  yield* writePages(k, p, 0, N);
  yield* lruAddDrain(k);
  for (let i = 0; i < 3; i++) {
    const sc = newScanControl(k, GFP_NOIO);
    const flags = memallocSave(PF_MEMALLOC);
    box.reclaimed += yield* doTryToFreePages(k, sc);
    memallocRestore(PF_MEMALLOC, flags);
    freeScanControl(k, sc);
  }
}

test("without __GFP_IO anonymous pages stay where they are", () => {
  box.reclaimed = 0;
  const k = runScript(reclaimNoIo, { frames: 256, swapPages: 512 });
  expect(box.reclaimed).toBe(0);
  expect(k.stat.rows[12]).toBeGreaterThanOrEqual(N);
  expect(k.stat.global.allocstall_normal + k.stat.global.allocstall_movable).toBeGreaterThan(0);
});

/** How many pages each kind of caller gets out of an empty machine, in this order; nothing can be reclaimed. */
function* takeAll(k: Kernel): Task {
  yield* takeWith(k, GFP_KERNEL | __GFP_NORETRY);
  yield* takeWith(k, GFP_NOWAIT);
  yield* takeWith(k, GFP_ATOMIC);
  const flags = memallocSave(PF_MEMALLOC);
  yield* takeWith(k, GFP_KERNEL);
  memallocRestore(PF_MEMALLOC, flags);
  for (let i = 0; i < box.kept.length; i++) yield* folioPut(k, box.kept[i]);
}

function* takeWith(k: Kernel, gfp: number): Task {
  let n = 0;
  for (let pfn = yield* allocPage(k, gfp); pfn >= 0; pfn = yield* allocPage(k, gfp)) {
    box.kept.push(pfn);
    n++;
  }
  box.taken.push(n);
}

test("reserves: ordinary callers stop at min, atomic ones at 3/8 of it, reclaim itself takes the last page", () => {
  box.taken = [];
  box.kept = [];
  const k = runScript(takeAll, { zones: [{ name: "NORMAL", pages: 1000 }], minFreeKbytes: 400 });
  expect(k.zones[0].marks.min).toBe(100);
  // min 100, less half, less a quarter of the rest: 38 stay.
  expect(box.taken).toEqual([900, 0, 62, 38]);
  unchecked(() => expect(k.zoneState.free[0]).toBe(1000));
});

function* takeAsVictim(k: Kernel): Task {
  yield* takeWith(k, GFP_KERNEL);
  for (let i = 0; i < box.kept.length; i++) yield* folioPut(k, box.kept[i]);
}

test("whoever is killed for lack of memory gets half of what is kept, and then nothing", () => {
  box.taken = [];
  box.kept = [];
  const k = runScript(takeAsVictim, { zones: [{ name: "NORMAL", pages: 1000 }], minFreeKbytes: 400 });
  expect(box.taken).toEqual([950]);
  expect(k.stat.global.oom_kill).toBe(1);
});
