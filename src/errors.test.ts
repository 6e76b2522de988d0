import { expect, test } from "vitest";
import { errorTable, MayfailError, mayfailError } from "./errors.ts";

test("a row becomes an error with its sentences filled in", () => {
  const error = mayfailError("MF0306", { task: "getPages" }, { file: "a.ts", line: 3, column: 7 });
  expect(error).toBeInstanceOf(MayfailError);
  expect(error.message).toBe("MF0306: a.ts:3:7: The task function getPages uses `arguments`. Name its parameters.");
});

test("the table is sorted", () => {
  const codes = Object.keys(errorTable);
  expect(codes).toEqual([...codes].sort());
});
