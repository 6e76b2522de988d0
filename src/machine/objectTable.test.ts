import { expect, test } from "vitest";
import { ObjectTable } from "./objectTable.ts";

test("objects are found at their words and nowhere else, far apart and side by side", () => {
  const table = new ObjectTable();
  const places = [1, 2, 1023, 1024, 5_000_000];
  const objects = places.map((at) => ({ at }));
  for (const [i, at] of places.entries()) table.set(at, objects[i]);
  expect(places.map((at) => table.at(at))).toEqual(objects);
  for (const at of [0, 3, 1022, 1025, 2048, 4_999_999, 5_000_001, 6_000_000]) expect(table.at(at)).toBeUndefined();
  expect(table.all()).toEqual(objects);
  const later = { at: 2 };
  table.set(2, later);
  expect(table.at(2)).toBe(later);
});
