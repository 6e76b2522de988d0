/** Pages that a compressed device takes while memory is reclaimed, and gives back. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import { inKernel } from "./kernelRun.testkit.ts";
import { zramFree, zramStore } from "./zram.ts";

const free = (k: Kernel): number => k.zoneState.free[0];
const seen: number[] = [];

/** Free pages after each store (a slot) or free (minus a slot), less than at the start. */
function* play(k: Kernel): Task {
  const start = free(k);
  for (let i = 0; i < STEPS.length; i++) {
    if (STEPS[i] > 0) yield* zramStore(k, STEPS[i]);
    else yield* zramFree(k, -STEPS[i]);
    seen.push(start - free(k));
  }
}

const STEPS = [
  // Three to a page; the fourth needs another one.
  ...[1, 2, 3, 4],
  // A hole in the full page is the first to be filled, before the other page is.
  ...[-2, 5, 6],
  // Overwritten: the old content goes first. It was the only one in no page.
  ...[4],
  // The last one of a page gives it back; what was never stored is nothing.
  ...[-4, -6, -7, -1, -3, -5],
];

test("a page for every three, holes are filled, and the last one gives the page back", () => {
  seen.length = 0;
  inKernel(play, { zramObjectsPerPage: 3, swapPages: 8 });
  expect(seen).toEqual([1, 1, 1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 0]);
});

function* exhausted(k: Kernel): Task {
  for (let slot = 1; slot < 64; slot++) seen.push((yield* zramStore(k, slot)) ? 1 : 0);
}

test("without memory nothing is stored, and what was stored stays", () => {
  seen.length = 0;
  inKernel(exhausted, { frames: 16, zramObjectsPerPage: 1, swapPages: 64 });
  const stored = seen.indexOf(0);
  expect(stored).toBeGreaterThan(3);
  expect(stored).toBeLessThan(16);
  expect(seen.slice(stored).every((each) => each === 0)).toBe(true);
});
