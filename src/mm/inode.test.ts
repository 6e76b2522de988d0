import { expect, test } from "vitest";
import { results } from "./random/random.testkit.ts";

test("a new file does not show what a deleted one had on disk", () => {
  const got = results([
    { op: "fileWrite", path: 1, index: 0, value: 5 },
    { op: "fsync", path: 1 },
    { op: "reopen", path: 1, flags: 1 },
    { op: "truncate", path: 1, bytes: 4096 },
    { op: "fileRead", path: 1, index: 0 },
  ]);
  expect(got[4]).toBe(0);
});
