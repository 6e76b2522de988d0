/**
 * Programs whose numbers of traces are known: what the searches are tested and measured with. The names are those of
 * counts.json, which has for each size how many traces there are, and how many of them end in waiting for ever.
 */
import * as classic from "./programs/classic.ts";
import * as exclusion from "./programs/exclusion.ts";
import * as kernel from "./programs/kernel.ts";

const { cells: _helper, ...classics } = classic;

/** A program by name; the sizes are the numbers in counts.json. */
export const programs: Readonly<Record<string, (...sizes: number[]) => classic.Setup>> = {
  ...classics,
  ...exclusion,
  ...kernel,
};
