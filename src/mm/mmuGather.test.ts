/** mmu_gather: what is flushed, when pages are freed, what a full gather does. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import type { Kernel } from "./kernel.ts";
import { inKernel, type KernelBody } from "./kernelRun.testkit.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { tlbAdjustRange, tlbFinish, tlbFlush, tlbGather, tlbRemovePage } from "./mmuGather.ts";
import { ALL_END } from "./mmuNotifier.ts";
import { allocPage } from "./pageAlloc.ts";

const found: (number | boolean)[] = [];
const run = (body: KernelBody, gatherPages = 8): (number | boolean)[] => {
  found.length = 0;
  inKernel(body, { gatherPages });
  return [...found];
};

function* ranges(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* downRead(mm.mmapLock);
  const tlb = tlbGather(k, mm);
  found.push(tlb.start > tlb.end, mm.tlbFlushPending);
  tlbAdjustRange(tlb, 10, 12);
  tlbAdjustRange(tlb, 5, 6);
  found.push(tlb.start, tlb.end);
  yield* tlbFlush(k, tlb);
  found.push(tlb.start > tlb.end);
  yield* tlbFinish(k, tlb);
  found.push(mm.tlbFlushPending);
  const all = tlbGather(k, mm, true);
  found.push(all.start, all.end === ALL_END);
  yield* tlbFinish(k, all);
  yield* upRead(mm.mmapLock);
}

test("the range grows from nothing, a flush empties it, a full-mm gather has all from the beginning", () => {
  expect(run(ranges)).toEqual([true, 1, 5, 12, true, 0, 0, true]);
});

function* frees(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* downRead(mm.mmapLock);
  const tlb = tlbGather(k, mm);
  const inUse = k.state.pagesInUse;
  const one = yield* allocPage(k, GFP_KERNEL);
  const two = yield* allocPage(k, GFP_KERNEL);
  found.push(tlbRemovePage(k, tlb, one), tlbRemovePage(k, tlb, two));
  found.push(k.state.pagesInUse - inUse);
  yield* tlbFlush(k, tlb);
  found.push(k.state.pagesInUse - inUse, tlb.pages);
  yield* tlbFinish(k, tlb);
  yield* upRead(mm.mmapLock);
}

test("pages are freed by the flush, not before; the one that fills the gather says so", () => {
  expect(run(frees, 2)).toEqual([false, true, 2, 0, 0]);
});

function* reuses(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* downRead(mm.mmapLock);
  for (let i = 0; i < 10; i++) yield* tlbFinish(k, tlbGather(k, mm));
  const first = tlbGather(k, mm);
  const second = tlbGather(k, mm);
  found.push(first === second, mm.tlbFlushPending);
  yield* tlbFinish(k, first);
  yield* tlbFinish(k, second);
  found.push(mm.tlbFlushPending);
  yield* upRead(mm.mmapLock);
}

test("gathers go back to their pool; two that are open count as two", () => {
  expect(run(reuses)).toEqual([false, 2, 0]);
});
