// The sections on reclaim of the benchmark of memory management: see run.mjs and measureReclaim.mjs.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "../../scripts/project.mjs";
import { spread } from "../report.mjs";
import { splitOf } from "./split.mjs";

/** log2 of the numbers of frames, and how often as many pages as there are frames are written; of several, the first is left out. */
const SIZES = [
  [12, 32],
  [14, 12],
  [16, 4],
  [18, 2],
  [20, 1],
  [22, 1],
];
const SIDES = 4;

function measure(args, flags = []) {
  const all = [...flags, join(root, "bench/mm/measureReclaim.mjs"), ...args.map(String)];
  const r = spawnSync(process.execPath, all, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(`${args.join(" ")}\n${r.stderr}`);
  return r.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

export function measureReclaim() {
  const side = measure(["side", SIDES + 1]).filter(({ repetition }) => repetition > 0);
  const growth = SIZES.map(([log2, repetitions]) =>
    measure(["growth", log2, repetitions]).slice(repetitions > 1 ? 1 : 0),
  );
  const folder = mkdtempSync(join(tmpdir(), "mayfail-bench-"));
  try {
    const profiled = measure(["profile", SIDES], ["--cpu-prof", `--cpu-prof-dir=${folder}`]);
    const split = splitOf(join(folder, readdirSync(folder)[0]));
    return { side, growth, profiled, split };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const three = ({ min, median, max }, f) => `${f(min)} / **${f(median)}** / ${f(max)}`;
const table = (header, rows) =>
  [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
const thousands = (x) => `${(x / 1000).toFixed(0)} k`;
const micros = (x) => `${(1e6 * x).toFixed(2)} µs`;

const MODES = {
  direct: "direct reclaim only",
  kswapd: "kswapd, and direct reclaim",
  memcg: "limit of a cgroup",
};
const TRACES = {
  sweep: "page after page",
  scatter: "at random",
  reclaim: "none: memory.reclaim of all pages",
};

function sideRows(side) {
  const rows = [];
  for (const trace of Object.keys(TRACES)) {
    for (const mode of Object.keys(MODES)) {
      const runs = side.filter((run) => run.trace === trace && run.mode === mode);
      if (runs.length === 0) continue;
      const per = (what, who = "ours") => spread(runs.map((run) => run[who][what] / run[who].seconds));
      const { ours } = runs[runs.length - 1];
      const plain = trace === "reclaim" ? null : per("faults", "plain");
      rows.push([
        TRACES[trace],
        MODES[mode],
        trace === "reclaim" ? "" : three(per("faults"), thousands),
        three(per("reclaimed"), thousands),
        (ours.scanned / ours.reclaimed).toFixed(2),
        plain === null ? "" : three(plain, thousands),
      ]);
    }
  }
  return rows;
}

function growthRows(growth) {
  return growth.map((runs) => {
    const perFault = spread(runs.map(({ ours }) => ours.seconds / ours.faults));
    const { ours, log2, words } = runs[runs.length - 1];
    return [
      `2^${log2}`,
      three(perFault, micros),
      micros(spread(runs.map(({ ours: each }) => each.seconds / each.reclaimed)).median),
      (ours.scanned / ours.reclaimed).toFixed(2),
      ((4 * words) / 2 ** log2).toFixed(1),
    ];
  });
}

export function reclaimText({ side, growth, profiled, split }) {
  const seconds = profiled.reduce((sum, { ours }) => sum + ours.seconds, 0);
  const pages = profiled.reduce((sum, { ours }) => sum + ours.reclaimed, 0);
  return `## Reclaim

A process writes to twice as many pages as there are frames (2^15), with zram-like swap: each fault that brings a page back from swap
is paid for by a page that reclaim takes away. The same writes go through one LRU list in typed arrays in the same process
(plainReclaim.mjs): the least work that has the same result. Reclaim looks at a page more than once, as the kernel does: the first
look finds it used. Goal: 300 k reclaimed pages a second, faults not counted: the rows of memory.reclaim.

${table(
  [
    "writes",
    "who reclaims",
    "faults per second",
    "reclaimed pages per second",
    "looks at each",
    "LRU list, faults per second",
  ],
  sideRows(side),
)}

What a page costs that is reclaimed and comes back (page after page, limit of a cgroup; \`node --cpu-prof\`, which slows it down):
${micros(seconds / pages)}. Functions of the machine count for those that call them.

${table(
  ["part", "share", "for each page"],
  split.map(({ part, share }) => [part, `${(100 * share).toFixed(1)} %`, micros((share * seconds) / pages)]),
)}

How it grows: half as many pages again as frames, page after page; first new pages, then pages from swap. The longest runs have one
repetition.

${table(["frames", "a fault, reclaim included", "for each reclaimed page", "looks at each", "bytes of the model for each frame"], growthRows(growth))}`;
}
