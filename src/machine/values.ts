/** Values of task code as words of the array, and back. */
import { mayfailError } from "../errors.ts";
import { type Code, codes, currentBase, handles, interned, T_FP, W } from "./core.ts";
import { notePlace } from "./straight.ts";

// The object without an own number that was encoded last, and in which machine.
let latest: object | null = null;
let latestOf: ReadonlyMap<object, number> | null = null;
let latestWord = 0;

/**
 * The word for a value that is no 31-bit integer. Raises MF0201 for what cannot live in the array.
 * Tags: integer n as n<<1; undefined 1, null 3, false 5, true 7; handle or interned object h as (h+1)<<3 | 1.
 * `label` is that of the suspension which the value was to live across, 0 for an argument of `code`.
 */
export function encodeSlow(value: unknown, code?: Code, slot?: number, label = 0): number {
  switch (typeof value) {
    case "undefined":
      return 1;
    case "boolean":
      return value ? 7 : 5;
    case "number":
      if ((value << 1) >> 1 === value) return value << 1;
      break;
    case "object": {
      if (value === null) return 3;
      // The same few objects come again and again, such as the kernel that all of src/mm passes on.
      if (value === latest && interned === latestOf) return latestWord;
      // Most others are handles, which know their number; plain objects may have an `id` that means something else.
      const own = (value as { readonly id?: unknown }).id;
      if (typeof own === "number" && handles[own] === value) return ((own + 1) << 3) | 1;
      const id = interned.get(value);
      if (id === undefined) break;
      latest = value;
      latestOf = interned;
      latestWord = ((id + 1) << 3) | 1;
      return latestWord;
    }
    case "function": {
      const id = interned.get(value);
      if (id !== undefined) return ((id + 1) << 3) | 1;
      break;
    }
    default:
      break;
  }
  const name = code && slot !== undefined ? (code.meta.slots[slot] ?? "?") : "?";
  const variable = { variable: name, task: code?.meta.name ?? "task code", value: describeValue(value) };
  const code2 = typeof value === "number" && Number.isInteger(value) ? "MF0202" : "MF0201";
  throw mayfailError(code2, variable, code ? placeOf(code, label) : undefined);
}

/** The suspension with `label`; for label 0 the last one of whoever calls `code`, or the function itself. */
export function placeOf(code: Code, label = 0): { file: string; line: number; column: number } {
  const base = currentBase();
  const f = label > 0 || base === 0 ? 0 : W[base + T_FP];
  const meta = f === 0 ? code.meta : codes[W[f] >>> 12].meta;
  const { line, column } = meta.points[f === 0 ? label : W[f] & 4095] ?? meta;
  return notePlace({ file: meta.file, line, column });
}

function describeValue(value: unknown): string {
  if (typeof value === "object" && value !== null) return `an object (${value.constructor?.name ?? "plain"})`;
  if (typeof value === "string") return "a string";
  if (typeof value === "function") return "a function";
  return String(value);
}

/** The value of a word that is not an integer (odd). */
export function decodeSlow(word: number): unknown {
  switch (word) {
    case 1:
      return undefined;
    case 3:
      return null;
    case 5:
      return false;
    case 7:
      return true;
    default:
      return (word & 1) === 0 ? word >> 1 : handles[(word >> 3) - 1];
  }
}
