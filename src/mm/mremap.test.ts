import { expect, test } from "vitest";
import { MADV_DONTNEED } from "./madvise.ts";
import { MAP_ANONYMOUS, MAP_LOCKED, MAP_PRIVATE } from "./mmTypes.ts";
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from "./mremap.ts";
import { results } from "./random/random.testkit.ts";

const map = { op: "mmap", prot: 3, flags: MAP_PRIVATE | MAP_ANONYMOUS } as const;
const move = { op: "mremap", n: 2, pages: 2, flags: MREMAP_MAYMOVE | MREMAP_FIXED } as const;

test("untouched memory that is moved into the hole before it merges with its copy and with what was before the hole", () => {
  const got = results([
    { ...map, at: 0, n: 4 },
    { ...map, at: 6, n: 4 },
    { ...move, at: 8, to: 4 },
    { op: "write", at: 4, value: 9 },
    { op: "read", at: 8 },
  ]);
  expect(got.slice(3)).toEqual([0, -14]);
});

test("places overlap with MREMAP_DONTUNMAP too", () => {
  const keeps = { ...move, flags: MREMAP_MAYMOVE | MREMAP_DONTUNMAP };
  expect(
    results([
      { ...map, at: 0, n: 4 },
      { ...keeps, at: 1, to: 2 },
    ])[1],
  ).toBe(-22);
});

test("memory does not grow in place beyond the end of the address space", () => {
  const last = { ...map, at: (1 << 14) - 1 - (1 << 10), n: 1 };
  expect(results([last, { op: "mremap", at: last.at, n: 1, pages: 2, flags: 0 }])[1]).toBe(-12);
});

test("old and new place of untouched locked memory become one area, and MREMAP_DONTUNMAP unlocks all of it", () => {
  const locked = { ...map, prot: 1, flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED };
  const keeps = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
  const got = results([
    { ...locked, at: 3, n: 5 },
    { op: "mremap", at: 5, n: 1, pages: 1, to: 6, flags: keeps },
    // Locked memory cannot be discarded.
    { op: "madvise", at: 7, n: 1, flags: MADV_DONTNEED },
  ]);
  expect(got[2]).toBe(0);
});
