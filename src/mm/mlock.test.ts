import { expect, test } from "vitest";
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED } from "./mmTypes.ts";
import { results } from "./random/random.testkit.ts";

test("mlock tells that pages could not be had, and locks all the same", () => {
  const got = results([
    { op: "mmap", at: 0, n: 2, prot: 0, flags: MAP_PRIVATE | MAP_ANONYMOUS },
    { op: "mlock", at: 0, n: 2 },
    { op: "mmap", at: 8, n: 6, prot: 3, flags: MAP_SHARED, path: 0, index: 10 },
    { op: "mlock", at: 8, n: 6 },
    { op: "mlock", at: 8, n: 2 },
  ]);
  expect([got[1], got[3], got[4]]).toEqual([-12, -12, 0]);
});
