// npm run bench:mm: measures the memory management beside plain arrays, and writes bench/mm/README.md.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { ensureBuilt } from "../../scripts/ensure.mjs";
import { root } from "../../scripts/project.mjs";
import { spread } from "../report.mjs";
import { topFunctions } from "./profile.mjs";
import { measureReclaim, reclaimText } from "./reclaimReport.mjs";

/** Each figure comes from so many processes, with so many repetitions each after a first one that is left out. */
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const WARM = Number(process.env.WARM ?? 3);

function measure(kind, repetitions, flags = []) {
  const args = [...flags, join(root, "bench/mm/measure.mjs"), kind, String(repetitions)];
  const r = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(`${kind}\n${r.stderr}`);
  return r.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const repeated = (kind) => Array.from({ length: ROUNDS }, () => measure(kind, 1 + WARM).slice(1)).flat();

function profile() {
  const folder = mkdtempSync(join(tmpdir(), "mayfail-bench-"));
  try {
    measure("faults", 1 + WARM, ["--cpu-prof", `--cpu-prof-dir=${folder}`]);
    return topFunctions(join(folder, readdirSync(folder)[0]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const three = ({ min, median, max }, f) => `${f(min)} / **${f(median)}** / ${f(max)}`;
const table = (header, rows) =>
  [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
const rates = (runs, side, name) => spread(runs.map((run) => run[side][name].count / run[side][name].seconds));
const millions = (x) => `${(x / 1e6).toFixed(x < 1e7 ? 3 : 1)} M`;

function rateRows(runs, titles) {
  return Object.entries(titles).map(([name, [title, goal]]) => {
    const ours = rates(runs, "ours", name);
    const plain = rates(runs, "baseline", name);
    return [
      title,
      goal === null ? "" : millions(goal),
      three(ours, millions),
      three(plain, millions),
      `${(plain.median / ours.median).toFixed(1)} ×`,
    ];
  });
}

const RESIDENT = {
  sequentialRead: ["loads, page after page", 30e6],
  scatteredRead: ["loads, scattered", 30e6],
  sequentialWrite: ["stores, page after page", 30e6],
  scatteredWrite: ["stores, scattered", 30e6],
};
const FAULTS = {
  fault: ["write fault, new anonymous page", 500e3],
  fork: ["fork, each page of the parent", null],
  copyFault: ["write fault that copies", null],
  exit: ["exit of the child, each page", null],
};

await ensureBuilt();
const load = loadavg()[0];
const resident = repeated("resident");
const faults = repeated("faults");
const [{ frameBytes, pteBytes, tableBytes, pages }] = measure("memory", 1);
const top = profile();
const reclaim = measureReclaim();
const fork = spread(faults.map(({ ours }) => ours.fork.seconds * 1000));
const perPage = (ms) => `${((ms * 1e6) / pages).toFixed(0)} ns`;

const header = ["operation", "goal", "ours, per second", "plain arrays, per second", "plain / ours"];
const text = `# Benchmark of the memory management

Written by \`npm run bench:mm\`. ${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}; load average ${load.toFixed(1)} at the
beginning. ${pages} pages, sequential machine. Rates are per CPU second (user + system, compiler and collector of the engine
included), min / **median** / max of ${ROUNDS} processes with ${WARM} repetitions each; a first repetition in each is left out.

*Plain arrays*: typed arrays and loops that do the least that has the same result, in the same process (plain.mjs). In the rows
that have ${pages} operations its times are a few milliseconds, so its figures there are rough.

## Resident accesses

Accesses that need no fault are plain functions (src/mm/cpuAccess.ts): four levels of page table, rights, accessed and dirty bit,
content. Plain arrays: one level, rights, content.

${table(header, rateRows(resident, RESIDENT))}

## Faults, fork, exit

${table(header, rateRows(faults, FAULTS))}

fork of a process with ${pages} pages: ${three(fork, (ms) => `${ms.toFixed(0)} ms`)}; a page: ${three(fork, perPage)}.

${reclaimText(reclaim)}

## Memory of the model

${table(
  ["object", "goal", "bytes"],
  [
    ["page frame, all columns", "48", frameBytes],
    ["page-table entry", "8", pteBytes],
    [`page-table memory for each of ${pages} mapped pages, upper levels included`, "", tableBytes.toFixed(2)],
  ],
)}

Computed from the layout of the machine's words. LRU lists and free lists are in the columns of the frames.

## Where time goes

Self time in the run of faults, fork and exit (\`node --cpu-prof\`), ${1 + WARM} repetitions, baseline and start included. \`$straight_name\`: the function
that the compiler makes of the task function \`name\` for sequential machines.

${table(
  ["share", "function", "file"],
  top.map(({ name, place, share }) => [`${(100 * share).toFixed(1)} %`, `\`${name}\``, place]),
)}
`;
writeFileSync(join(root, "bench/mm/README.md"), text);
process.stdout.write(text);
