/** Values that do not fit into a word as it is declared. */
import { type MayfailError, mayfailError } from "../errors.ts";
import { current, currentBase, handleId, T_FP, W } from "./core.ts";
import { placeOfFrame } from "./place.ts";
import { notePlace } from "./straight.ts";

/** What has the word: a cell, or an object with its field. */
interface Named {
  readonly name: string;
}

/** `value` if it is a 32-bit integer. Raises MF0214 otherwise. */
export function asWord(value: number, owner: Named, key = ""): number {
  if ((value | 0) !== value) throw badValue(value, owner, key);
  return value;
}

/** Number of the handle + 1, 0 for null. Raises MF0214 for objects that the machine does not know. */
export function asRef(value: object | null, owner: Named, key = ""): number {
  if (value === null) return 0;
  const id = typeof value === "object" ? handleId(value) : -1;
  if (id < 0) throw badValue(value, owner, key);
  return id + 1;
}

function badValue(value: unknown, owner: Named, key: string): MayfailError {
  const text = typeof value === "number" || value === undefined ? String(value) : `a value of type ${typeof value}`;
  const field = key === "" ? owner.name : `${owner.name}.${key}`;
  return mayfailError("MF0214", { field, value: text }, whereNow());
}

/** Where the running task stands; undefined during set-up. */
export function whereNow(): { file: string; line: number; column: number } | undefined {
  if (current < 0) return undefined;
  const f = W[currentBase() + T_FP];
  return notePlace(f === 0 ? undefined : placeOfFrame(f));
}
