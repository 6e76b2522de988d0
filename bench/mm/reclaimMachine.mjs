// The modelled machine of the reclaim benchmark: one process with more pages than there are frames, and zram-like swap.
import { cell } from "../../dist/machine/cell.js";
import { buildSequential } from "../../dist/machine/sequential.js";
import { createKernel } from "../../dist/mm/kernel.js";
import { startKswapd } from "../../dist/mm/kswapd.js";
import { createProcess } from "../../dist/mm/mmUsers.js";
import { loadTasks } from "./load.mjs";

const WINDOW = 1 << 20;
const { reclaimLoad } = await loadTasks("reclaimTasks.ts");

/** `mode`: "direct" and "kswapd" have `frames` frames; "memcg" has enough of them, and a limit of `frames`. */
export function buildReclaim(mode, frames, pages) {
  const made = { pages, frames };
  const memcg = mode === "memcg";
  const m = buildSequential((machine) => {
    const k = createKernel(machine, {
      frames: memcg ? frames + 4096 : frames,
      nodes: 1,
      inodes: 1,
      tables: Math.ceil(pages / 512) + Math.ceil(pages / (1 << 18)) + 8,
      swapPages: (memcg ? pages : pages - frames + Math.ceil(frames / 4)) + 1024,
      minFreeKbytes: "auto",
      memcgs: memcg ? [{ max: frames }] : [],
    });
    const p = createProcess(k);
    const work = { phase: cell("phase"), count: cell("count"), from: cell("from"), seed: cell("seed") };
    Object.assign(made, { k, work });
    machine.spawn("P", reclaimLoad, [k, p, work, WINDOW, pages, memcg ? 1 : 0]);
    if (mode === "kswapd") startKswapd(machine, k);
  });
  m.activate();
  return Object.assign(made, { m });
}

/** memory.reclaim of everything that the cgroup has. */
export const runReclaim = (machine) => runPhase(machine, { count: 0, from: machine.frames, seed: 0 });

/** Runs a phase to its end: until no task can go on. What the counters say about it. */
export function runPhase({ m, k, work }, { count, from, seed }) {
  m.activate();
  const before = { ...k.stat.global };
  work.count.value = count;
  work.from.value = from;
  work.seed.value = seed;
  work.phase.value++;
  const n = m.tasks.length;
  for (let t = 0, idle = 0; idle < n; t = (t + 1) % n) {
    if (!m.enabled(t)) {
      idle++;
    } else {
      idle = 0;
      m.step(t);
    }
  }
  const since = (name) => k.stat.global[name] - before[name];
  const result = {
    faults: since("pgfault"),
    reclaimed: since("pgsteal_anon"),
    scanned: since("pgscan_anon"),
    swapins: since("pswpin"),
  };
  if (result.faults + result.reclaimed === 0) throw new Error("the phase did nothing");
  return result;
}
