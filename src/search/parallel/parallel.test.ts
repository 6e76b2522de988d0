import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { publishedCopy } from "../../cli/process.testkit.ts";

interface Row {
  readonly program: string;
  readonly localSteps: boolean;
  readonly sequential: Totals;
  readonly parallel: readonly Totals[];
}
type Totals = { readonly states: number; readonly transitions: number } | { readonly broken: boolean };

/** What the workers load. */
const CASES = `
import { defineCase } from "./dist/machine/scenario.js";
import { i915 } from "./dist/search/models/i915.js";
import { interval } from "./dist/search/models/interval.js";
import { philosophers } from "./dist/search/models/philosophers.js";

const made = (id, setup, variants) =>
  defineCase({
    id,
    title: id,
    variants: Object.fromEntries(variants.map((v) => [v, {}])),
    setup: (m, _variant, name) => setup(...name.split(",").map(Number))(m),
  });
export const atlasCases = [
  made("interval", interval, ["2,1", "2,2"]),
  made("i915", i915, ["0,2", "1,3", "2,3"]),
  made("philosophers", philosophers, ["4"]),
];
`;

/** Searches without workers and with 1, 2 and 3 of them, in a process in which the modules are what users run. */
const SCRIPT = `
import { searchParallel } from "./dist/search/parallel/parallel.js";
import { caseProgram, onMachine } from "./dist/search/program.js";
import { searchStateful } from "./dist/search/stateful.js";
import { atlasCases } from "./cases.mjs";

const url = new URL("./cases.mjs", import.meta.url).href;
const totals = (r, broken) => (broken ? { broken } : { states: r.states, transitions: r.transitions });
const rows = [];
for (const c of atlasCases) for (const variant of Object.keys(c.variants)) for (const localSteps of [true, false]) {
  const s = onMachine(caseProgram(c, variant), {}, (m) => searchStateful(m, { localSteps }));
  const parallel = [];
  for (const workers of [1, 2, 3]) {
    const o = { workers, machine: {}, maxStates: Infinity, maxBytes: 2 ** 28, shouldStop: () => null, localSteps };
    const r = await searchParallel({ url, caseId: c.id, variant }, o);
    parallel.push(totals(r, r.violation !== null));
  }
  rows.push({ program: c.id + " " + variant, localSteps, sequential: totals(s, s.violations.length > 0), parallel });
}
process.stdout.write(JSON.stringify(rows));
`;

let copy: ReturnType<typeof publishedCopy>;
let rows: Row[];

beforeAll(() => {
  copy = publishedCopy();
  const folder = dirname(dirname(copy.bin));
  writeFileSync(join(folder, "cases.mjs"), CASES);
  writeFileSync(join(folder, "totals.mjs"), SCRIPT);
  const r = spawnSync(process.execPath, ["totals.mjs"], { cwd: folder, encoding: "utf8" });
  if (r.status !== 0) throw new Error(r.stderr);
  rows = JSON.parse(r.stdout) as Row[];
}, 120_000);

afterAll(() => copy.remove());

test("totals do not depend on the number of workers, and are those of the sequential search", () => {
  expect(rows.length).toBe(12);
  expect(rows.filter((row) => "states" in row.sequential && row.sequential.states > 1000).length).toBeGreaterThan(4);
  for (const { program, localSteps, sequential, parallel } of rows) {
    expect({ program, localSteps, parallel }).toEqual({ program, localSteps, parallel: Array(3).fill(sequential) });
  }
});

test("what breaks a rule is found by any number of workers", () => {
  const broken = rows.filter((row) => "broken" in row.sequential).map((row) => row.program);
  expect([...new Set(broken)]).toEqual(["i915 0,2", "philosophers 4"]);
});
