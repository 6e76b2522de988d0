// Figures to Markdown. Seconds are CPU seconds (user + system, of all threads) unless "wall" is said.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../scripts/project.mjs";

export function writeReport(r, complete) {
  const text = `${[
    head(r),
    ...(r.exact ? [exact(r.exact), bytes(r.exact)] : []),
    ...(r.verdicts ? [verdicts(r.verdicts)] : []),
    ...(r.livelocks ? [livelocks(r.livelocks)] : []),
    ...(r.workers ? [workers(r.workers)] : []),
    ...(r.dpor ? [dpor(r.dpor)] : []),
    quoted(),
  ].join("\n\n")}\n`;
  if (complete) writeFileSync(join(root, "bench/README.md"), text);
  return text;
}

// -- figures ----------------------------------------------------------------------------------------------------------

const sorted = (list) => [...list].sort((a, b) => a - b);
export function spread(list) {
  const s = sorted(list);
  const middle = s.length >> 1;
  return { min: s[0], median: s.length % 2 === 1 ? s[middle] : (s[middle - 1] + s[middle]) / 2, max: s[s.length - 1] };
}

const three = ({ min, median, max }, f) => `${f(min)} / **${f(median)}** / ${f(max)}`;
const seconds = (x) => (x >= 10 ? x.toFixed(1) : x >= 0.1 ? x.toFixed(2) : x.toFixed(3));
const thousands = (x) => `${Math.round(x / 1000)} k`;
const count = (x) => x.toLocaleString("en-US").replaceAll(",", " ");
const factor = (x) => `${x.toFixed(2)} ×`;

const first = (ours) => ours.map((process) => process[0]);
const warm = (ours) => ours.flatMap((process) => process.slice(1));
const times = (runs) => runs.map((x) => x.verdictSeconds ?? x.seconds);

function table(header, rows) {
  return [header, header.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

// -- sections ---------------------------------------------------------------------------------------------------------

function head({ machine, rounds, warm: repetitions }) {
  const spin = machine.spin ? `${machine.spin}, gcc -O2` : "Spin is not installed here, so its columns are empty";
  return `# Benchmarks

Written by \`npm run bench\`. ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; ${spin}.

Times are CPU seconds, user and system, of all threads of a process, given as min / **median** / max. Ours: ${rounds} processes, the
first run in each (*cold*: it includes what the just-in-time compiler does) and ${repetitions} further runs (*warm*). Spin's: ${rounds} runs of the
verifier, without generating and compiling it. Ours and Spin's runs alternate.`;
}

function exact(rows) {
  const body = rows.map(({ name, ours, spin }) => {
    const rate = (runs) => spread(runs.map((x) => x.states / x.seconds));
    const w = rate(warm(ours));
    const s = spin ? rate(spin) : null;
    const n = ours[0][0].states;
    const same = !spin || spin.every((x) => x.states === n);
    return [
      name.replace(/intervalExact,(\d),(\d)/, "($1,$2)"),
      `${count(n)}${same ? "" : ` (Spin: ${count(spin[0].states)})`}`,
      count(ours[0][0].transitions),
      three(rate(first(ours)), thousands),
      three(w, thousands),
      s ? three(s, thousands) : "",
      s ? `${factor(w.min / s.max)} / **${factor(w.median / s.median)}** / ${factor(w.max / s.min)}` : "",
    ];
  });
  return `## States per CPU second, every state

The interval protocol with one operation a step, (devices, invalidators), no reduction on either side: the same states, counted by
\`src/search/models/stateCounts.test.ts\` too. Spin: \`-o1\`, \`-DSAFETY -DNOREDUCE\`. Goal: half of Spin's.

${table(["size", "states", "transitions", "ours, cold", "ours, warm", "Spin", "warm / Spin"], body)}`;
}

function bytes(rows) {
  const largest = rows.reduce((a, b) => (b.ours[0][0].states > a.ours[0][0].states ? b : a)).ours[0][0];
  const all = rows.map(({ ours }) => ours[0][0]).filter((x) => x.states > 100_000);
  const each = spread((all.length > 0 ? all : [largest]).map((x) => x.bytes / x.states));
  return `Memory for each visited state, table and path, of the searches with more than 100,000 states: ${three(each, (x) => x.toFixed(1))} bytes. Goal: at most 16.`;
}

function verdicts(rows) {
  const body = rows.map(({ title, ours, reduced, full, buildSeconds }) => {
    const c = spread(times(first(ours)));
    const w = spread(times(warm(ours)));
    const r = ours[0][0];
    const whole = spread(first(ours).map((x) => x.sinceStart));
    const both = reduced ? [reduced, full].map((runs) => ({ runs, ...spread(times(runs)) })) : [];
    const best = both.sort((a, b) => a.median - b.median)[0];
    const way = best && (best.runs === reduced ? "POR" : "full");
    return [
      title,
      `${r.verdict}${r.complete ? "" : " (incomplete)"}${best && !agrees(r.verdict, best.runs[0].verdict) ? ` (Spin: ${best.runs[0].verdict})` : ""}`,
      `${r.engine}, ${count(r.states)}`,
      three(c, seconds),
      three(w, seconds),
      seconds(whole.median),
      best ? three(best, seconds) : "",
      best ? `${way}, ${count(best.runs[0].states)}` : "",
      best ? seconds(buildSeconds + best.median) : "",
      best ? `${factor(c.median / best.median)}, ${factor(w.median / best.median)}` : "",
    ];
  });
  return `## Time to the verdict

What \`check\` chooses by default, beside Spin at its best: with and without partial-order reduction, whichever is faster. The programs
are written naturally in both languages. Where a rule is broken, the time is until that is known; \`check\` then goes on to look for the
smallest counterexample. Spin is asked for safety only; \`check\` looks for livelock under weak fairness too, which is why it says
"livelock" where Spin's safety search has nothing to say. *Whole*: with the start of Node, of the process of one check. *Built*: with
generating and compiling the verifier, as for a model that is being edited. Goal: at most Spin's.

${table(["program", "verdict", "engine, states or executions", "cold", "warm", "whole", "Spin", "Spin: how, states", "Spin, built", "cold, warm / Spin"], body)}`;
}

function agrees(ours, spins) {
  return ours === spins || (ours === "livelock" && spins === "ok");
}

function livelocks(rows) {
  const body = rows.map(({ title, ours, spin }) => {
    const c = spread(first(ours).map((x) => x.seconds));
    const s = spin ? spread(times(spin)) : null;
    return [
      title,
      ours[0][0].verdict,
      spin ? spin[0].verdict : "",
      three(c, seconds),
      s ? three(s, seconds) : "",
      s ? factor(c.median / s.median) : "",
    ];
  });
  return `## Livelock under weak fairness

The same question in Spin: \`-DNP -DNFAIR=3\`, \`pan -l -f\` (with partial-order reduction, without which it takes longer). Ours is the whole
check, safety included.

${table(["program", "ours", "Spin", "ours, cold", "Spin, s", "ours / Spin"], body)}`;
}

function workers(list) {
  const wall = (runs) => spread(runs.slice(1).map((x) => x.states / x.wallSeconds));
  const [one, two] = list.map(({ runs }) => wall(runs));
  const body = list.map(({ workers: n, runs }) => [
    n,
    count(runs[0].states),
    count(runs[0].transitions),
    three(wall(runs), thousands),
  ]);
  return `## Two workers

Every state of interval (3,2), workers sharing one visited set, states per *wall* second, the first run left out. Two workers are
${factor(two.min / one.max)} / **${factor(two.median / one.median)}** / ${factor(two.max / one.min)} as fast as one. Goal: 1.6.

${table(["workers", "states", "transitions", "states per second"], body)}`;
}

function dpor(rows) {
  const body = rows.map(({ title, traces, quoted: peers, ours }) => {
    const rate = (runs) => spread(runs.map((x) => x.executions / x.seconds));
    const r = ours[0][0];
    return [
      title,
      `${count(r.executions)}${r.executions === traces ? "" : ` (expected ${count(traces)})`}`,
      r.redundant,
      three(rate(first(ours)), thousands),
      three(rate(warm(ours)), thousands),
      `${(peers.Nidhugg / 1000).toFixed(1)} k`,
      `${(peers.GenMC / 1000).toFixed(1)} k`,
    ];
  });
  return `## Executions per CPU second of the partial-order reduction

Goal: 15 k. Nidhugg (\`--optimal\`) and GenMC (\`-sc\`) are quoted, not run.

${table(["program", "executions", "in vain", "cold", "warm", "Nidhugg", "GenMC"], body)}`;
}

function quoted() {
  return `## Quoted

Measured once, on a quiet machine of the same kind, and not run here. Interval protocol, one operation a step:

| tool | (2,2) | (3,2) | states per CPU second |
| --- | --- | --- | --- |
| Spin 6.5.2 \`-DNOREDUCE\` | 0.04 s | 1.2 s | 0.8-1.3 M |
| a 26-line explicit-state search in Node | 0.18 s | 4.9 s | 290 k |
| TLC, 2 workers | 5.8 s wall | 79 s | 18 k |

Executions per CPU second: Loom 0.7.1 23-27 k, Shuttle 0.5.0 55-97 k, both on tiny tests and with many times more executions than
there are traces (readers(3): Loom 190 848, optimum 8; mutex(4): Shuttle 1 947 970, optimum 24).`;
}
