import { expect, test } from "vitest";
import { MADV_FREE, MADV_POPULATE_READ, MADV_POPULATE_WRITE } from "./madvise.ts";
import { MAP_ANONYMOUS, MAP_LOCKED, MAP_PRIVATE, MAP_SHARED } from "./mmTypes.ts";
import { results } from "./random/random.testkit.ts";

const ANON = MAP_PRIVATE | MAP_ANONYMOUS;

test("MADV_FREE refuses locked memory", () => {
  const map = { op: "mmap", at: 0, n: 2, prot: 3, flags: ANON | MAP_LOCKED } as const;
  expect(results([map, { op: "madvise", at: 0, n: 2, flags: MADV_FREE }])[1]).toBe(-22);
});

test("populating behind the end of a file is a fault, whatever came before it", () => {
  const map = { op: "mmap", at: 0, n: 8, prot: 3, flags: MAP_SHARED, path: 0, index: 8 } as const;
  const populate = { op: "madvise", at: 0, n: 8 } as const;
  const got = results([
    map,
    { ...populate, flags: MADV_POPULATE_READ },
    { ...populate, flags: MADV_POPULATE_WRITE },
    { ...populate, n: 4, flags: MADV_POPULATE_READ },
  ]);
  expect(got.slice(1)).toEqual([-14, -14, 0]);
});
