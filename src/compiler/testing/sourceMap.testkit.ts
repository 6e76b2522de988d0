/** Reads a version 3 source map: enough to ask from which line a position comes. */
import type { SourceMap } from "../compile.ts";

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export class SourceMapConsumer {
  /** By generated line: [generated column, original line from 1]. */
  readonly #lines: [number, number][][];

  constructor(map: SourceMap) {
    let line = 0;
    this.#lines = map.mappings.split(";").map((group) => {
      let column = 0;
      return group
        .split(",")
        .filter((segment) => segment !== "")
        .map((segment): [number, number] => {
          const [columns = 0, , lines = 0] = numbersOf(segment);
          column += columns;
          line += lines;
          return [column, line + 1];
        });
    });
  }

  /** Line (from 1) of the source to which a generated line (from 1) and column (from 0) are mapped. */
  originalLine(line: number, column: number): number | undefined {
    return this.#lines[line - 1]?.findLast(([at]) => at <= column)?.[1];
  }
}

function numbersOf(segment: string): number[] {
  const numbers: number[] = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = digits.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if ((bits & 32) === 0) {
      numbers.push((value & 1) === 1 ? -(value >> 1) : value >> 1);
      value = 0;
      shift = 0;
    }
  }
  return numbers;
}
