import fc from "fast-check";
import { expect, test } from "vitest";
import {
  cacheTrimMode,
  costWeight,
  DEACTIVATE_ANON,
  DEACTIVATE_FILE,
  fileIsTiny,
  inactiveIsLow,
  mayDeactivate,
  remainderOf,
  SCAN_ANON,
  SCAN_EQUAL,
  SCAN_FILE,
  SCAN_FRACT,
  scanBalance,
  scanOf,
  tooManyIsolated,
  unprotected,
} from "./vmscanCount.ts";

const pages = fc.integer({ min: 0, max: 2 ** 24 });
const swappiness = fc.integer({ min: 0, max: 200 });

test("a list is scanned once at priority 0, and less at every priority above", () => {
  fc.assert(
    fc.property(pages, pages, pages, swappiness, (size, anonCost, fileCost, swap) => {
      const ap = costWeight(swap, anonCost, fileCost);
      const fp = costWeight(200 - swap, fileCost, anonCost);
      expect(scanOf(size, 0, SCAN_EQUAL, false, 0, 1)).toBe(size);
      let before = size;
      for (let p = 0; p <= 12; p++) {
        const anon = scanOf(size, p, SCAN_FRACT, false, ap, ap + fp);
        const file = scanOf(size, p, SCAN_FRACT, true, fp, ap + fp);
        expect(anon + file).toBeLessThanOrEqual(size / 2 ** p);
        expect(anon + file).toBeGreaterThanOrEqual(Math.floor(size / 2 ** p) - 2);
        expect(anon).toBeLessThanOrEqual(before);
        before = anon;
      }
    }),
  );
});

test("what cost more to reclaim is scanned less; swappiness 0 and 200 are one type only", () => {
  fc.assert(
    fc.property(pages, pages, fc.integer({ min: 1, max: 199 }), (cost, other, swap) => {
      // Only the share falls, and that up to what the two integer divisions cut off.
      const share = (own: number) => {
        const a = costWeight(swap, own, other);
        const f = costWeight(200 - swap, other, own);
        return { value: a / (a + f), cut: 1 / (a + f) };
      };
      const dear = share(cost + 1);
      expect(dear.value).toBeLessThanOrEqual(share(cost).value + dear.cut + share(cost).cut);
      expect(costWeight(swap + 1, cost, other)).toBeGreaterThanOrEqual(costWeight(swap, cost, other));
      // A type can be at most twice as expensive as the average of both.
      const own = costWeight(100, cost, other) / (costWeight(100, cost, other) + costWeight(100, other, cost));
      expect(own).toBeGreaterThan(0.33);
      expect(own).toBeLessThan(0.67);
    }),
  );
  expect(costWeight(0, 5, 7)).toBe(0);
});

test("shares of a list of 1019 pages with swappiness 60 and no costs yet", () => {
  const weight = costWeight(60, 0, 0);
  const all = weight + costWeight(140, 0, 0);
  const scans = [12, 8, 7, 6, 5, 4, 3, 2, 1].map((p) => scanOf(1019, p, SCAN_FRACT, false, weight, all));
  expect(scans).toEqual([0, 0, 2, 4, 9, 18, 38, 76, 152]);
});

test("which lists: the first rule that applies", () => {
  expect(scanBalance(false, true, 60, 0, true, true)).toBe(SCAN_FILE);
  expect(scanBalance(true, true, 0, 0, true, true)).toBe(SCAN_FILE);
  expect(scanBalance(true, false, 0, 0, false, false)).toBe(SCAN_FRACT);
  expect(scanBalance(true, true, 60, 0, true, true)).toBe(SCAN_EQUAL);
  expect(scanBalance(true, false, 60, 5, true, true)).toBe(SCAN_ANON);
  expect(scanBalance(true, false, 60, 5, false, true)).toBe(SCAN_FILE);
  expect(scanBalance(true, false, 60, 5, false, false)).toBe(SCAN_FRACT);
  expect(scanOf(100, 0, SCAN_FILE, false, 1, 2)).toBe(0);
  expect(scanOf(100, 0, SCAN_FILE, true, 1, 2)).toBe(100);
  expect(scanOf(100, 0, SCAN_ANON, true, 1, 2)).toBe(0);
});

test("offline cgroups are emptied: rounding is up, and small lists count", () => {
  expect(scanOf(5, 12, SCAN_FRACT, false, 1, 3)).toBe(0);
  expect(scanOf(5, 12, SCAN_FRACT, false, 1, 3, false)).toBe(2);
  expect(scanOf(500, 12, SCAN_EQUAL, false, 1, 3, false)).toBe(32);
});

test("small lists are to be half inactive, large ones need less", () => {
  expect(inactiveIsLow(99, 100)).toBe(true);
  expect(inactiveIsLow(100, 100)).toBe(false);
  const gb = 2 ** 18;
  expect(inactiveIsLow(3 * gb, 7 * gb + 1)).toBe(false);
  expect(inactiveIsLow(gb / 2, 10 * gb)).toBe(true);
  fc.assert(fc.property(pages, pages, (i, a) => !inactiveIsLow(i, a) || !inactiveIsLow(a, i)));
});

test("active lists are challenged by refaults, by imbalance, or by force", () => {
  expect(mayDeactivate(true, false, false, 9, 0, 9, 0)).toBe(DEACTIVATE_ANON | DEACTIVATE_FILE);
  expect(mayDeactivate(false, true, false, 9, 0, 9, 0)).toBe(DEACTIVATE_ANON);
  expect(mayDeactivate(false, false, false, 9, 0, 8, 9)).toBe(DEACTIVATE_FILE);
  expect(mayDeactivate(false, false, false, 9, 0, 9, 0)).toBe(0);
  expect(cacheTrimMode(4096, 12, DEACTIVATE_ANON)).toBe(true);
  expect(cacheTrimMode(4095, 12, DEACTIVATE_ANON)).toBe(false);
  expect(cacheTrimMode(4096, 12, DEACTIVATE_FILE)).toBe(false);
  expect(fileIsTiny(50, 50, 100, 0, 4096, 12)).toBe(true);
  expect(fileIsTiny(50, 51, 100, 0, 4096, 12)).toBe(false);
  expect(fileIsTiny(50, 50, 100, DEACTIVATE_ANON, 4096, 12)).toBe(false);
});

test("the rest of a list once enough is reclaimed is never more than was left", () => {
  fc.assert(
    fc.property(pages, pages, fc.integer({ min: 0, max: 100 }), (a, b, percentage) => {
      const target = Math.max(a, b);
      const left = Math.min(a, b);
      const rest = remainderOf(target, left, percentage);
      expect(rest).toBeGreaterThanOrEqual(0);
      expect(rest).toBeLessThanOrEqual(left);
    }),
  );
  expect(remainderOf(100, 60, 50)).toBe(10);
  expect(remainderOf(100, 60, 100)).toBe(0);
});

test("protected memory is not scanned, but for a batch", () => {
  expect(unprotected(1000, 0, 2000)).toBe(1000);
  expect(unprotected(1000, 1000, 1999)).toBe(500);
  expect(unprotected(1000, 5000, 2000)).toBe(32);
  fc.assert(fc.property(pages, pages, pages, (size, p, all) => unprotected(size, p, all) <= Math.max(size, 32)));
});

test("isolated folios are few where the caller could do without file systems", () => {
  expect(tooManyIsolated(13, 100, true)).toBe(true);
  expect(tooManyIsolated(12, 100, true)).toBe(false);
  expect(tooManyIsolated(100, 100, false)).toBe(false);
  expect(tooManyIsolated(101, 100, false)).toBe(true);
});
