// The programs that are measured, by name; each is built from the task code in src/search/models, compiled into dist/.

import { defineCase } from "../dist/machine/scenario.js";
import { programs } from "../dist/search/dpor/programs.js";
import { i915 } from "../dist/search/models/i915.js";
import { interval } from "../dist/search/models/interval.js";
import { intervalExact } from "../dist/search/models/intervalExact.js";
import { philosophers } from "../dist/search/models/philosophers.js";
import { caseProgram, setupProgram } from "../dist/search/program.js";

export const models = { i915, interval, intervalExact, philosophers };

/** "interval,3,2" → the program. "dpor:readers,13" is one of the programs of the partial-order reduction's tests. */
export function program(name) {
  const [model, ...sizes] = name.replace(/^dpor:/, "").split(",");
  const list = name.startsWith("dpor:") ? programs : models;
  return setupProgram(list[model](...sizes.map(Number)));
}

/** What worker threads load: `caseId` of a `ProgramSource`. */
export const atlasCases = [
  defineCase({
    id: "intervalExact",
    title: "the interval protocol, one operation a step",
    variants: { "2,2": {}, "3,2": {} },
    setup: (m, _variant, name) => intervalExact(...name.split(",").map(Number))(m),
  }),
];

export { caseProgram };
