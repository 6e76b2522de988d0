import { expect, test } from "vitest";
import { MAP_ANONYMOUS, MAP_PRIVATE } from "./mmTypes.ts";
import { results } from "./random/random.testkit.ts";

/** The heap begins so many pages after the first page for mappings. */
const HEAP = -512;

test("the heap keeps a page away from what follows it", () => {
  const above = { op: "mmap", at: 0, n: 1, prot: 3, flags: MAP_PRIVATE | MAP_ANONYMOUS } as const;
  const got = results([above, { op: "brk", to: 512 }, { op: "brk", to: 511 }]);
  expect([got[1] - got[0], got[2] - got[0]]).toEqual([HEAP, -1]);
});

test("the break does not move down over a heap that was unmapped", () => {
  const got = results([
    { op: "brk", to: 4 },
    { op: "munmap", at: HEAP, n: 4 },
    { op: "brk", to: 2 },
  ]);
  expect(got[2]).toBe(got[0]);
});
