/** The batches of a CPU in front of the LRU lists: who holds which reference, and when a page gets onto its list. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import type { Kernel } from "./kernel.ts";
import { inKernel, type KernelBody } from "./kernelRun.testkit.ts";
import { BATCH_ADD, BATCH_SIZE } from "./lruTypes.ts";
import { hasFlag, PG_active, PG_lru, PG_referenced } from "./page.ts";
import { allocPage } from "./pageAlloc.ts";
import { folioAddLru, folioMarkAccessed, folioPut, lruAddDrain } from "./swap.ts";

const found: (number | boolean)[] = [];
const run = (body: KernelBody): (number | boolean)[] => {
  found.length = 0;
  inKernel(body);
  return [...found];
};
const look = (k: Kernel, pfn: number): void => {
  found.push(k.frames.refcount[pfn], hasFlag(k, pfn, PG_lru));
};

function* fills(k: Kernel): Task {
  const first = yield* allocPage(k, GFP_KERNEL);
  yield* folioAddLru(k, first);
  look(k, first);
  for (let i = 1; i < BATCH_SIZE - 1; i++) {
    const pfn = yield* allocPage(k, GFP_KERNEL);
    yield* folioAddLru(k, pfn);
    yield* folioPut(k, pfn);
  }
  look(k, first);
  const inUse = k.state.pagesInUse;
  const last = yield* allocPage(k, GFP_KERNEL);
  yield* folioAddLru(k, last);
  look(k, first);
  look(k, last);
  // Those in between had no other reference than the batch's.
  found.push(k.state.pagesInUse - inUse, k.lru.batches.count[BATCH_ADD]);
  yield* folioPut(k, first);
  yield* folioPut(k, last);
}

test("a batch has a reference to each page, and empties itself with its fifteenth", () => {
  expect(run(fills)).toEqual([2, false, 2, false, 1, true, 1, true, 2 - BATCH_SIZE + 1, 0]);
});

function* drains(k: Kernel): Task {
  const pfn = yield* allocPage(k, GFP_KERNEL);
  yield* folioAddLru(k, pfn);
  yield* lruAddDrain(k);
  look(k, pfn);
  yield* folioPut(k, pfn);
  found.push(k.frames.refcount[pfn], hasFlag(k, pfn, PG_lru), k.state.pagesInUse);
}

test("lru_add_drain empties it at once; the last put takes the page off its list", () => {
  expect(run(drains)).toEqual([1, true, 0, false, 0]);
});

function* twice(k: Kernel): Task {
  const pfn = yield* allocPage(k, GFP_KERNEL);
  yield* folioAddLru(k, pfn);
  yield* lruAddDrain(k);
  yield* folioMarkAccessed(k, pfn);
  found.push(hasFlag(k, pfn, PG_referenced), hasFlag(k, pfn, PG_active));
  yield* folioMarkAccessed(k, pfn);
  yield* lruAddDrain(k);
  found.push(hasFlag(k, pfn, PG_referenced), hasFlag(k, pfn, PG_active));
  yield* folioPut(k, pfn);
}

test("accessed once is referenced, twice is active", () => {
  expect(run(twice)).toEqual([true, false, false, true]);
});
