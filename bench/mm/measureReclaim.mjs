// Measurements of reclaim in a process of their own. Prints a JSON line for each phase:
//   node measureReclaim.mjs side REPETITIONS        three machines and the plain list, the same accesses by turns
//   node measureReclaim.mjs profile REPETITIONS     the limit of a cgroup, page after page
//   node measureReclaim.mjs growth LOG2 REPETITIONS a machine of 2^LOG2 frames
import { buildPlain } from "./plainReclaim.mjs";
import { buildReclaim, runPhase, runReclaim } from "./reclaimMachine.mjs";

const FRAMES = 1 << 15;

function timed(run) {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  return { ...result, seconds: (user + system) / 1e6 };
}

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Twice as many pages as frames. `sweep`: page after page, so that every write is a fault; `scatter`: at random. */
function side(repetitions) {
  const pages = 2 * FRAMES;
  const machines = ["direct", "kswapd", "memcg"].map((mode) => ({ mode, machine: buildReclaim(mode, FRAMES, pages) }));
  const plain = buildPlain(FRAMES, pages);
  const fill = { count: pages, from: 0, seed: 0 };
  for (const { machine } of machines) runPhase(machine, fill);
  plain(fill);
  for (let i = 0; i < repetitions; i++) {
    for (const [trace, phase] of [
      ["sweep", fill],
      ["scatter", { count: 2 * pages, from: 0, seed: i + 1 }],
    ]) {
      const baseline = timed(() => plain(phase));
      for (const { mode, machine } of machines) {
        print({ mode, trace, repetition: i, ours: timed(() => runPhase(machine, phase)), plain: baseline });
      }
    }
    for (const { mode, machine } of machines) {
      if (mode !== "memcg") continue;
      print({ mode, trace: "reclaim", repetition: i, ours: timed(() => runReclaim(machine)) });
      runPhase(machine, fill);
    }
  }
}

function profile(repetitions) {
  const machine = buildReclaim("memcg", FRAMES, 2 * FRAMES);
  const phase = { count: 2 * FRAMES, from: 0, seed: 0 };
  runPhase(machine, phase);
  for (let i = 0; i < repetitions; i++) print({ repetition: i, ours: timed(() => runPhase(machine, phase)) });
}

/** Half as many pages again as frames, page after page: first new pages, then those that are in swap. */
function growth(log2, repetitions) {
  // By turns, so that what the engine compiles is not made for one machine alone.
  const warm = [1, 2].map(() => buildReclaim("direct", 1 << 14, 3 << 13));
  for (let i = 0; i < 4; i++) for (const each of warm) runPhase(each, { count: 3 << 13, from: 0, seed: 0 });
  const frames = 2 ** log2;
  const pages = frames + (frames >> 1);
  const machine = buildReclaim("direct", frames, pages);
  // Up to here nothing has to be reclaimed.
  let from = frames - (frames >> 3);
  runPhase(machine, { count: from, from: 0, seed: 0 });
  for (let i = 0; i < repetitions; i++) {
    const phase = { count: frames, from, seed: 0 };
    from = (from + frames) % pages;
    print({ log2, repetition: i, ours: timed(() => runPhase(machine, phase)), words: machine.m.size });
  }
}

const [kind, ...numbers] = process.argv.slice(2);
({ side, profile, growth })[kind](...numbers.map(Number));
