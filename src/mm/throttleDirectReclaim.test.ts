/** throttle_direct_reclaim: who waits for kswapd when the reserves are nearly gone. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { __GFP_MEMALLOC, GFP_ATOMIC, GFP_KERNEL } from "../machine/gfp.ts";
import { becomeProcess } from "./current.ts";
import type { Kernel, KernelOptions } from "./kernel.ts";
import { inKernel } from "./kernelRun.testkit.ts";
import type { Process } from "./mmTypes.ts";
import { allocPage } from "./pageAlloc.ts";
import { allowDirectReclaim, tryToFreePages } from "./vmscan.ts";

const SMALL: KernelOptions = { nodes: 1, zones: [{ name: "NORMAL", pages: 40 }], minFreeKbytes: 48 };
const seen: number[] = [];

function* throttled(k: Kernel): Task {
  yield* tryToFreePages(k, GFP_KERNEL, 0);
  seen.push(k.stat.global.pgscan_direct_throttle);
}

function* both(k: Kernel, p: Process): Task {
  // With more than half of the reserves nobody waits.
  becomeProcess(p);
  yield* throttled(k);
  while (allowDirectReclaim(k, 0)) yield* allocPage(k, GFP_ATOMIC | __GFP_MEMALLOC);
  yield* throttled(k);
}

function* kernelThread(k: Kernel): Task {
  while (allowDirectReclaim(k, 0)) yield* allocPage(k, GFP_ATOMIC | __GFP_MEMALLOC);
  yield* throttled(k);
}

test("a process waits when half of the reserves are gone", () => {
  seen.length = 0;
  inKernel(both, SMALL);
  expect(seen).toEqual([0, 1]);
});

test("a thread of the kernel never does", () => {
  seen.length = 0;
  inKernel(kernelThread, SMALL);
  expect(seen).toEqual([0]);
});
