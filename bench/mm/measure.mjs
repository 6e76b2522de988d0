// One measurement in a process of its own: node measure.mjs KIND REPETITIONS. Prints a JSON line for each repetition: figures by
// name, each with how much was done and the CPU seconds. The first repetition includes what the just-in-time compiler has to do.
import { activate, build, stepPhase } from "./machine.mjs";
import * as plain from "./plain.mjs";

const PAGES = 100_000;
const ACCESSES = 20_000_000;
const WINDOW = 1 << 20;

function cpuSeconds(since) {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

function timed(count, run) {
  const before = process.cpuUsage();
  const result = run();
  return { count, seconds: cpuSeconds(before), result };
}

/** A fixed walk over all pages in an order that is not that of their addresses: multiples of a prime. */
const STRIDE = 61_603;

/** The path of user accesses that need no fault, as a simulation calls it. */
function resident(cpu, { k, p }) {
  const { mm } = p;
  const results = {};
  const loop = {
    sequentialRead: () => {
      let sum = 0;
      for (let i = 0, page = 0; i < ACCESSES; i++) {
        sum = (sum + cpu.userReadResident(k, mm, WINDOW + page)) | 0;
        if (++page === PAGES) page = 0;
      }
      return sum;
    },
    scatteredRead: () => {
      let sum = 0;
      for (let i = 0, page = 0; i < ACCESSES; i++) {
        sum = (sum + cpu.userReadResident(k, mm, WINDOW + page)) | 0;
        page += STRIDE;
        if (page >= PAGES) page -= PAGES;
      }
      return sum;
    },
    sequentialWrite: () => {
      let done = 0;
      for (let i = 0, page = 0; i < ACCESSES; i++) {
        if (cpu.userWriteResident(k, mm, WINDOW + page, i)) done++;
        if (++page === PAGES) page = 0;
      }
      return done;
    },
    scatteredWrite: () => {
      let done = 0;
      for (let i = 0, page = 0; i < ACCESSES; i++) {
        if (cpu.userWriteResident(k, mm, WINDOW + page, i)) done++;
        page += STRIDE;
        if (page >= PAGES) page -= PAGES;
      }
      return done;
    },
  };
  for (const [name, run] of Object.entries(loop)) results[name] = timed(ACCESSES, run);
  return results;
}

/** What each access must have found: all pages hold their own number, then the last number written to them. */
function checkResident(ours, theirs) {
  for (const [name, { result }] of Object.entries(ours)) {
    if (result !== theirs[name].result)
      throw new Error(`${name}: ${result} here, ${theirs[name].result} in plain arrays`);
  }
}

const kinds = {
  memory,
  async resident() {
    const machine = await build(PAGES);
    stepPhase(machine); // touch
    activate(machine);
    const cpu = await import("../../dist/mm/cpuAccess.js");
    const ours = resident(cpu, machine);
    const baseline = plain.resident(timed, PAGES, ACCESSES, STRIDE);
    checkResident(ours, baseline);
    return { ours, baseline };
  },
  async faults() {
    const machine = await build(PAGES);
    const ours = {
      fault: timed(PAGES, () => stepPhase(machine)),
      fork: timed(PAGES, () => stepPhase(machine)),
      copyFault: timed(PAGES, () => stepPhase(machine)),
      exit: timed(PAGES, () => stepPhase(machine)),
    };
    stepPhase(machine); // the parent's exit
    machine.checkEnd();
    return { ours, baseline: plain.faults(timed, PAGES) };
  },
};

/** Bytes from the layout: words of the columns of all frames, and of all entries of page tables. */
function memory() {
  const machine = build(PAGES);
  const { k, m } = machine;
  const words = (prefix) =>
    m.layout.entries.filter(({ name }) => name.startsWith(`${prefix}.`)).reduce((sum, { size }) => sum + size, 0);
  const entries = k.tables.count;
  stepPhase(machine); // touch
  const bytesOfTables = (k.state.tablesInUse << k.tableShift) * ((4 * words("pageTable")) / entries);
  return {
    pages: PAGES,
    frameBytes: (4 * words("folio")) / k.frames.count,
    pteBytes: (4 * words("pageTable")) / entries,
    tableBytes: bytesOfTables / PAGES,
  };
}

const [kind, repetitions] = process.argv.slice(2);
for (let i = 0; i < Number(repetitions); i++) process.stdout.write(`${JSON.stringify(await kinds[kind]())}\n`);
