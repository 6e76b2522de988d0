/** Swap slots: order, counts, the cache of slots, the swap cache. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { folioLockWord, hasFlag, PG_dirty, PG_swapcache } from "./page.ts";
import { allocPage } from "./pageAlloc.ts";
import { folioFreeSwap, freeSwapAndCache, getNrSwapPages, putSwapFolio, swapDuplicate, swapFree } from "./swapfile.ts";
import { drainSwapSlots, folioAllocSwap } from "./swapSlots.ts";
import { addToSwap, swapCacheGet } from "./swapState.ts";
import { SWAP_HAS_CACHE } from "./swapTypes.ts";

const out: number[] = [];
function run(swapPages: number, body: (k: Kernel) => Task): Kernel {
  let kernel: Kernel | null = null;
  out.length = 0;
  const m = buildSequential((machine) => {
    kernel = createKernel(machine, { frames: 16, tables: 4, gatherPages: 4, swapPages });
    machine.keep(body);
    machine.spawn("test", body, [kernel]);
  });
  expect(runSequentially(m)).toBeNull();
  return kernel as unknown as Kernel;
}
const tell = (...n: number[]): void => {
  out.push(...n);
};

function* takesAll(k: Kernel): Task {
  for (let i = 0; i < 4; i++) tell(yield* folioAllocSwap(k, 1));
  yield* putSwapFolio(k, 2);
  tell(yield* folioAllocSwap(k, 1), yield* folioAllocSwap(k, 1), getNrSwapPages(k));
}
test("slots are handed out in order, the header never, and a freed one again", () => {
  run(4, takesAll);
  expect(out).toEqual([1, 2, 3, 0, 2, 0, 0]);
});

function* counts(k: Kernel): Task {
  const slot = yield* folioAllocSwap(k, 1);
  tell(yield* swapDuplicate(k, slot), yield* swapDuplicate(k, slot), yield* swapDuplicate(k, slot + 1));
  yield* putSwapFolio(k, slot);
  yield* swapFree(k, slot);
  tell(k.swap.slots.map[slot]);
  yield* freeSwapAndCache(k, slot);
  tell(k.swap.slots.map[slot], getNrSwapPages(k));
}
test("a slot is free when neither entries nor the swap cache have it", () => {
  run(4, counts);
  expect(out).toEqual([0, 0, -2, 1, 0, 3]);
});

function* caches(k: Kernel): Task {
  const first = yield* folioAllocSwap(k, 1);
  tell(first, getNrSwapPages(k), yield* folioAllocSwap(k, 1), getNrSwapPages(k));
  yield* putSwapFolio(k, first);
  tell(k.swap.slots.map[first] === SWAP_HAS_CACHE ? 1 : 0, getNrSwapPages(k));
  yield* drainSwapSlots(k);
  tell(k.swap.slots.map[first], getNrSwapPages(k));
}
test("a large device hands out 64 at a time, and takes them back late", () => {
  run(1000, caches);
  expect(out).toEqual([1, 999 - 64, 2, 999 - 64, 1, 999 - 64, 0, 998]);
});

function* swapCache(k: Kernel): Task {
  const pfn = yield* allocPage(k, GFP_KERNEL);
  yield* lockFolio(folioLockWord(k, pfn));
  tell((yield* addToSwap(k, pfn)) ? 1 : 0, k.frames.private[pfn], k.frames.refcount[pfn]);
  yield* swapDuplicate(k, 1);
  tell((yield* folioFreeSwap(k, pfn)) ? 1 : 0);
  yield* unlockFolio(folioLockWord(k, pfn));
  tell((yield* swapCacheGet(k, 1)) === pfn ? 1 : 0, k.frames.refcount[pfn]);
  yield* freeSwapAndCache(k, 1);
  tell(hasFlag(k, pfn, PG_swapcache) ? 1 : 0, hasFlag(k, pfn, PG_dirty) ? 1 : 0, k.frames.refcount[pfn]);
  tell(k.swap.slots.map[1], yield* swapCacheGet(k, 1));
}
test("the swap cache keeps a folio while an entry leads there, and lets go with the last", () => {
  run(4, swapCache);
  expect(out).toEqual([1, 1, 2, 0, 1, 3, 0, 1, 2, 0, -1]);
});
