// Stateless search: executions per CPU second, and the reference programs that are too large for the tests (more than
// 100,000 traces each: about a minute together where modules are instrumented). Needs dist/: `npm run build`.
//
//   node bench/dpor.mjs             everything
//   node bench/dpor.mjs interval    programs whose name contains "interval"
import { readFileSync } from "node:fs";
import { searchDpor } from "../dist/search/dpor/dpor.js";
import { programs } from "../dist/search/dpor/programs.js";
import { onMachine, setupProgram } from "../dist/search/program.js";

const wanted = process.argv[2] ?? "";
const counts = JSON.parse(readFileSync(new URL("../src/search/dpor/counts.json", import.meta.url), "utf8"));
/** Name and sizes; the first three have a bar of 15,000 executions per CPU second. */
const measured = ["readers 13", "lastzero 10", "interval 3,1", "fib_bench_main 4", "lamportGenmc 3", "indexer 15"];

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

function explore(program, n) {
  const start = cpuSeconds();
  const r = onMachine(setupProgram(programs[program](...n)), { fine: true }, (m) =>
    searchDpor(m, { all: true, maxViolations: 1 }),
  );
  return { ...r, seconds: cpuSeconds() - start };
}

let wrong = 0;
for (const row of counts) {
  const name = `${row.program} ${row.n}`;
  const big = row.complete + row.blocked > 100_000;
  if (!name.includes(wanted) || !(big || measured.includes(name))) continue;
  const runs = Array.from({ length: big ? 1 : 3 }, () => explore(row.program, row.n));
  const best = runs.reduce((a, b) => (a.seconds < b.seconds ? a : b));
  const right = best.completed === row.complete && best.blocked === row.blocked && best.redundant === 0;
  if (!right) wrong++;
  const rate = Math.round(best.executions / best.seconds);
  const verdict = right ? "" : `  WRONG: ${row.complete} + ${row.blocked} expected`;
  console.log(
    `${name.padEnd(20)} ${String(best.executions).padStart(7)} executions  ${best.seconds.toFixed(2).padStart(6)} CPU-s` +
      `  ${String(rate).padStart(7)}/s${verdict}`,
  );
}
process.exitCode = wrong > 0 ? 1 : 0;
