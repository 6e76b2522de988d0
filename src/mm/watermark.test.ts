import { expect, test } from "vitest";
import {
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  boosted,
  lowmemReserve,
  minFreeKbytes,
  recommendedMinFreeKbytes,
  watermarkOk,
  zoneMarks,
} from "./watermark.ts";

// min_free_kbytes, and per zone: managed, min, low, high; as two real machines print them.
const MACHINES = [
  [
    23216,
    [
      [3840, 190, 237, 284],
      [113264, 5613, 7016, 8419],
    ],
  ],
  [
    7148,
    [
      [3840, 189, 236, 283],
      [32464, 1597, 1996, 2395],
    ],
  ],
] as const;

test("zones of real machines get the watermarks that they have there", () => {
  for (const [kb, zones] of MACHINES) {
    const all = zones[0][0] + zones[1][0];
    for (const [managed, min, low, high] of zones) {
      expect(zoneMarks(kb, managed, all)).toEqual({ min, low, high, promo: high + (high - low) });
    }
    expect(recommendedMinFreeKbytes(2, all)).toBeGreaterThan(kb - 400);
  }
});

test("the square root of low memory, within limits", () => {
  expect(minFreeKbytes(250_000)).toBe(4000);
  expect(minFreeKbytes(10)).toBe(128);
  expect(minFreeKbytes(2 ** 34)).toBe(262144);
});

test("lower zones are kept for those who can use no other", () => {
  const reserve = lowmemReserve([3840, 113264, 0, 6400]);
  expect(reserve[0]).toEqual([0, 442, 442, 467]);
  expect(reserve[1]).toEqual([0, 0, 0, 25]);
  expect(reserve[2]).toEqual([0, 0, 0, 0]);
  expect(lowmemReserve([0, 0, 6400, 3200])[2][3]).toBe(100);
  // ZONE_DEVICE, as kswapd asks for it when nobody has said which zones he needs.
  expect(lowmemReserve([3840, 113264, 0, 6400, 0]).map((each) => each[4])).toEqual([467, 25, 0, 0, 0]);
});

test("who may go below the mark, and how far", () => {
  const lowest = (flags: number, reserve = 0): number => {
    let free = 1000;
    while (watermarkOk(free, 400, reserve, flags)) free--;
    return free;
  };
  expect(lowest(0)).toBe(400);
  expect(lowest(0, 100)).toBe(500);
  expect(lowest(ALLOC_NON_BLOCK)).toBe(400);
  expect(lowest(ALLOC_MIN_RESERVE)).toBe(200);
  expect(lowest(ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK)).toBe(150);
  expect(lowest(ALLOC_OOM)).toBe(200);
});

test("a boost grows by a page block up to its bound, in zones that are large enough", () => {
  expect(boosted(0, 2000, 100)).toBe(0);
  expect(boosted(0, 100_000, 1000)).toBe(512);
  expect(boosted(1200, 100_000, 1000)).toBe(1500);
});
