import { expect, test } from "vitest";
import { align } from "./sideBySide.ts";

test("equal lines stand in one row, a change beside what it replaces", () => {
  expect(align(["a", "b", "c", "d"], ["a", "x", "c", "d", "e"])).toEqual([
    { record: "a", model: "a" },
    { record: "b", model: "x" },
    { record: "c", model: "c" },
    { record: "d", model: "d" },
    { record: null, model: "e" },
  ]);
  expect(align([], [])).toEqual([]);
  expect(align(["a"], [])).toEqual([{ record: "a", model: null }]);
});
