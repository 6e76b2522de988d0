/** For tests: a process that touches memory in a sequential machine, and what reclaim makes of it. */
import type { Task } from "../machine/core.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { becomeProcess } from "./current.ts";
import { createKernel, type Kernel, type KernelOptions } from "./kernel.ts";
import { userRead, userWrite } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";

/** The first page of the process's memory. */
export const BASE = 1 << 20;

/** Task code that a test runs: in the process `p`. */
export type Script = (k: Kernel, p: Process) => Task;

/** Runs `script` in a kernel made with `options`, to its end. Raises what goes wrong. `setup` may start daemons. */
export function runScript(
  script: Script,
  options: KernelOptions,
  setup: (m: Parameters<Parameters<typeof buildSequential>[0]>[0], k: Kernel) => void = () => undefined,
): Kernel {
  const made: Kernel[] = [];
  const m = buildSequential((machine) => {
    const k = createKernel(machine, { nodes: 1, filePages: 512, inodes: 2, tables: 64, ...options });
    made[0] = k;
    const p = createProcess(k);
    machine.keep(script);
    machine.spawn("test", runIt, [script, k, p]);
    setup(machine, k);
  });
  const finding = runSequentially(m);
  if (finding !== null) throw finding;
  return made[0];
}

function* runIt(script: Script, k: Kernel, p: Process): Task {
  becomeProcess(p);
  yield* script(k, p);
}

/** Maps `n` anonymous pages at BASE. */
export function* mapAnon(k: Kernel, p: Process, n: number): Task {
  yield* sysMmap(k, p, BASE, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
}

/** Writes pages [from, to): page i gets i + 1. How many could not be written. */
export function* writePages(k: Kernel, p: Process, from: number, to: number): Task<number> {
  let failed = 0;
  for (let i = from; i < to; i++) if ((yield* userWrite(k, p, BASE + i, i + 1)) !== 0) failed++;
  return failed;
}

/** Reads pages [from, to): how many do not have what `writePages` wrote. */
export function* checkPages(k: Kernel, p: Process, from: number, to: number): Task<number> {
  let wrong = 0;
  for (let i = from; i < to; i++) if ((yield* userRead(k, p, BASE + i)) !== i + 1) wrong++;
  return wrong;
}
