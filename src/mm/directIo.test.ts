import { expect, test } from "vitest";
import { MAP_ANONYMOUS, MAP_PRIVATE } from "./mmTypes.ts";
import { results } from "./random/random.testkit.ts";

const map = { op: "mmap", at: 0, n: 1, prot: 3, flags: MAP_PRIVATE | MAP_ANONYMOUS } as const;

test("an O_DIRECT read behind the end of the file reads nothing and touches no memory", () => {
  const got = results([
    map,
    { op: "directRead", at: 0, path: 1, index: 12 },
    { op: "directRead", at: 9, path: 1, index: 12 },
  ]);
  expect(got.slice(1)).toEqual([0, 0]);
});

test("an O_DIRECT write extends the file, to the end of its last page too", () => {
  const got = results([
    map,
    { op: "write", at: 0, value: 77 },
    { op: "truncate", path: 1, bytes: 4096 * 2 + 2048 },
    { op: "directWrite", at: 0, path: 1, index: 2 },
    { op: "directWrite", at: 0, path: 1, index: 5 },
    { op: "fileRead", path: 1, index: 5 },
  ]);
  expect(got.slice(3)).toEqual([4096, 4096, 77]);
});
