/** The reference programs, explored. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { onMachine, setupProgram } from "../program.ts";
import { type DporOptions, type DporResult, type RacesClass, searchDpor } from "./dpor.ts";
import { programs } from "./programs.ts";

/** A line of counts.json: how many traces a program has at one size. */
export interface Row {
  readonly program: string;
  readonly n: number[];
  readonly complete: number;
  readonly blocked: number;
  /** Events of the longest run. */
  readonly maxEvents?: number;
  /** How many traces have an order with at most k preemptions, k = index. */
  readonly completeWithin?: number[];
  readonly blockedWithin?: number[];
}

export const rows: readonly Row[] = JSON.parse(readFileSync(join(import.meta.dirname, "counts.json"), "utf8"));

export function explore(
  program: string,
  n: readonly number[],
  options: Partial<DporOptions> = {},
  RacesOf?: RacesClass,
): DporResult {
  return onMachine(setupProgram(programs[program](...n)), { fine: true }, (m) =>
    searchDpor(m, { all: true, maxViolations: 1, ...options }, RacesOf),
  );
}
