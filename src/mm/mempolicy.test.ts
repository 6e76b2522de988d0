import { expect, test } from "vitest";
import { MAP_ANONYMOUS, MAP_PRIVATE } from "./mmTypes.ts";
import { results } from "./random/random.testkit.ts";

test("mbind over a hole changes nothing", () => {
  // That the policy in front of the hole is as it was is compared by the oracle.
  const got = results([
    { op: "mmap", at: 0, n: 2, prot: 3, flags: MAP_PRIVATE | MAP_ANONYMOUS },
    { op: "mbind", at: 0, n: 4, flags: 5 },
    { op: "mbind", at: 0, n: 2, flags: 5 },
  ]);
  expect(got.slice(1)).toEqual([-14, 0]);
});
