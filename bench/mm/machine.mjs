// The modelled machine that is measured: one process, one CPU, enough frames for its pages and their copies.
import { buildSequential } from "../../dist/machine/sequential.js";
import { createKernel } from "../../dist/mm/kernel.js";
import { createProcess } from "../../dist/mm/syscalls.js";
import { loadTasks } from "./load.mjs";

const WINDOW = 1 << 20;
const { forkLoad } = await loadTasks();

export function build(pages) {
  const made = {};
  const m = buildSequential((machine) => {
    const k = createKernel(machine, {
      frames: 2 * pages + 1024,
      nodes: 1,
      tables: 3 * Math.ceil(pages / 512) + 64,
    });
    const p = createProcess(machine, k, "P");
    Object.assign(made, { k, p });
    machine.spawn("P", forkLoad, [k, p, WINDOW, pages]);
  });
  m.activate();
  return {
    m,
    ...made,
    /** Nothing is left of the processes, neither frames nor tables. */
    checkEnd() {
      const { pagesInUse, tablesInUse } = made.k.state;
      if (m.enabled(0) || pagesInUse !== 0) throw new Error(`${pagesInUse} frames and ${tablesInUse} tables in use`);
    },
  };
}

export function activate({ m }) {
  m.activate();
}

/** Runs the process to the end of its phase. */
export function stepPhase({ m }) {
  if (!m.enabled(0)) throw new Error("the process cannot go on");
  m.step(0);
}
