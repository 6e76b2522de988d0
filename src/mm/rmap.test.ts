/** Counting mappings, and where a VMA maps an index. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import type { Kernel } from "./kernel.ts";
import { inKernel } from "./kernelRun.testkit.ts";
import type { Vma } from "./mmTypes.ts";
import { allocPage } from "./pageAlloc.ts";
import { nextFileVmaOf, pageAddRmap, pageRemoveRmap, vmaAddress } from "./rmap.ts";

function* loses(k: Kernel): Task {
  const pfn = yield* allocPage(k, GFP_KERNEL);
  yield* pageAddRmap(k, pfn);
  yield* pageRemoveRmap(k, pfn);
  yield* pageRemoveRmap(k, pfn);
}

test("a mapping that was not counted cannot go", () => {
  expect(() => inKernel(loses)).toThrow("loses a mapping that was not counted");
});

const vma = (start: number, end: number, pgoff: number, nextShared: Vma | null = null): Vma =>
  ({ start, end, pgoff, nextShared }) as Vma;

test("the window of a VMA begins with its offset and ends before its end", () => {
  const each = vma(100, 104, 10);
  expect([9, 10, 13, 14].map((index) => vmaAddress(each, index))).toEqual([-1, 100, 103, -1]);
});

test("the walk stops at VMAs that cover the index, and passes by the others", () => {
  const last = vma(300, 302, 11);
  const first = vma(100, 104, 10, vma(200, 201, 20, last));
  expect(nextFileVmaOf(first, 11)).toBe(first);
  expect(nextFileVmaOf(first.nextShared, 11)).toBe(last);
  expect(nextFileVmaOf(first, 30)).toBe(null);
});
