// One measurement in a process of its own: node measure.mjs KIND PROGRAM REPETITIONS. Prints a JSON line for each repetition.
// The first repetition includes what the just-in-time compiler has to do; the others find the code warm.

import { checkProgram } from "../dist/search/check.js";
import { searchDpor } from "../dist/search/dpor/dpor.js";
import { searchParallel } from "../dist/search/parallel/parallel.js";
import { onMachine } from "../dist/search/program.js";
import { searchStateful } from "../dist/search/stateful.js";
import { program } from "./cases.mjs";

const [kind, name, repetitions] = process.argv.slice(2);
const bench = { states, verdict, dpor, workers: parallel };

const cpuSeconds = (since) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

/** Every state, no reduction. */
function states() {
  const r = onMachine(program(name), { fine: true }, (m) => searchStateful(m, { localSteps: false }));
  return { states: r.states, transitions: r.transitions, bytes: r.bytes, ok: r.complete };
}

/** What `check` does by default. `verdictSeconds`: until it is known that a rule is broken, before the run is minimised. */
async function verdict() {
  const start = process.cpuUsage();
  let verdictSeconds = null;
  const onProgress = ({ phase }) => {
    if (phase === "minimising") verdictSeconds ??= cpuSeconds(start);
  };
  const r = await checkProgram(program(name), { onProgress });
  const { verdict, engine, complete, states, transitions } = r;
  return { verdict, engine, complete, states, transitions, verdictSeconds };
}

function dpor() {
  return onMachine(program(name), { fine: true }, (m) => {
    const { executions, redundant, events } = searchDpor(m, { all: true, maxViolations: 1 });
    return { executions, redundant, events };
  });
}

/** PROGRAM is "case:variant:workers"; wall time counts here. */
async function parallel() {
  const [caseId, variant, workers] = name.split(":");
  const source = { url: new URL("./cases.mjs", import.meta.url).href, caseId, variant };
  const r = await searchParallel(source, {
    workers: Number(workers),
    machine: { fine: true },
    maxStates: Number.POSITIVE_INFINITY,
    maxBytes: 2 ** 30,
    shouldStop: () => null,
    localSteps: false,
  });
  return { states: r.states, transitions: r.transitions };
}

for (let i = 0; i < Number(repetitions); i++) {
  const before = process.cpuUsage();
  const start = performance.now();
  const result = await bench[kind]();
  const seconds = cpuSeconds(before);
  const wallSeconds = (performance.now() - start) / 1000;
  process.stdout.write(`${JSON.stringify({ ...result, seconds, wallSeconds, sinceStart: cpuSeconds() })}\n`);
}
