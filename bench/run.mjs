// npm run bench [-- SECTION…]: measures, beside Spin where it is installed, and writes bench/README.md.
// Ours and Spin's runs alternate, so that a machine that is busy with something else is busy for both.
import { spawnSync } from "node:child_process";
import { cpus } from "node:os";
import { join } from "node:path";
import { ensureBuilt } from "../scripts/ensure.mjs";
import { root } from "../scripts/project.mjs";
import { writeReport } from "./report.mjs";
import { DPOR_ROWS, EXACT_ROWS, LIVELOCK_ROWS, VERDICT_ROWS } from "./rows.mjs";
import { findSpin } from "./spin.mjs";

/** Each figure comes from so many processes of ours, with so many warm repetitions each, and from as many runs of Spin. */
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const WARM = Number(process.env.WARM ?? 3);

function measure(kind, name, repetitions = 1 + WARM) {
  const args = [join(root, "bench/measure.mjs"), kind, name, String(repetitions)];
  const r = spawnSync(process.execPath, args, { encoding: "utf8", maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(`${kind} ${name}\n${r.stderr}`);
  return r.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Alternates between the parts: `rounds` results of each, by name. */
function alternate(parts, rounds = ROUNDS) {
  const results = Object.fromEntries(Object.keys(parts).map((key) => [key, []]));
  for (let i = 0; i < rounds; i++) for (const [key, run] of Object.entries(parts)) results[key].push(run());
  return results;
}

function say(text) {
  process.stderr.write(`bench: ${text}\n`);
}

const sections = {
  exact(spin) {
    return EXACT_ROWS.map(({ name, model, defines }) => {
      say(`states of ${name}`);
      const pan = spin?.build(model, { defines, o1: true, flags: ["-DSAFETY", "-DNOREDUCE"] });
      const parts = { ours: () => measure("states", name) };
      if (pan) parts.spin = () => pan.run(["-m100000"]);
      return { name, ...alternate(parts) };
    });
  },

  verdicts(spin) {
    return VERDICT_ROWS.map(({ name, title, model, defines, depth }) => {
      say(`verdict on ${title}`);
      const parts = { ours: () => measure("verdict", name) };
      const builds = {};
      if (spin) {
        builds.reduced = spin.build(model, { defines, flags: ["-DSAFETY"] });
        builds.full = spin.build(model, { defines, flags: ["-DSAFETY", "-DNOREDUCE"] });
        for (const [key, pan] of Object.entries(builds)) parts[key] = () => pan.run(depth ? [`-m${depth}`] : []);
      }
      const buildSeconds = builds.reduced?.buildSeconds ?? null;
      return { name, title, buildSeconds, ...alternate(parts) };
    });
  },

  livelocks(spin) {
    return LIVELOCK_ROWS.map(({ name, title, model, defines, depth }) => {
      say(`livelock in ${title}`);
      const parts = { ours: () => measure("verdict", name) };
      if (spin) {
        const pan = spin.build(model, { defines, flags: ["-DNP", "-DNFAIR=3"] });
        parts.spin = () => pan.run([`-m${depth}`, "-l", "-f"]);
      }
      return { name, title, ...alternate(parts, Math.min(ROUNDS, 3)) };
    });
  },

  workers() {
    say("two workers");
    return [1, 2].map((n) => ({ workers: n, runs: measure("workers", `intervalExact:3,2:${n}`, ROUNDS) }));
  },

  dpor() {
    return DPOR_ROWS.map((row) => {
      say(`executions of ${row.title}`);
      return { ...row, ...alternate({ ours: () => measure("dpor", row.name) }) };
    });
  },
};

await ensureBuilt();
const wanted = process.argv.slice(2);
const spin = findSpin();
if (!spin) say("Spin (with gcc) is not installed: only our own figures are measured");
try {
  const results = {};
  for (const [name, run] of Object.entries(sections)) {
    if (wanted.length === 0 || wanted.includes(name)) results[name] = run(spin);
  }
  const machine = { cpu: cpus()[0].model, cores: cpus().length, node: process.version, spin: spin?.version ?? null };
  const text = writeReport({ machine, rounds: ROUNDS, warm: WARM, ...results }, wanted.length === 0);
  process.stdout.write(text);
} finally {
  spin?.close();
}
