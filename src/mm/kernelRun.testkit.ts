/** Task code in a small kernel of its own, with one process: for tests of single functions. */
import type { Task } from "../machine/core.ts";
import { buildSequential, runSequentially } from "../machine/sequential.ts";
import { createPages, type Pages } from "./gup.ts";
import { createKernel, type Kernel, type KernelOptions } from "./kernel.ts";
import type { Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";

/** `pages`: room for eight, for what gets pinned. */
export type KernelBody = (k: Kernel, p: Process, pages: Pages) => Task;

/** Runs `body` to its end. Raises the finding of a run that breaks a rule. */
export function inKernel(body: KernelBody, options: KernelOptions = {}): void {
  const m = buildSequential((machine) => {
    const k = createKernel(machine, { frames: 64, tables: 32, gatherPages: 8, swapPages: 8, ...options });
    machine.keep(body);
    machine.spawn("test", run, [k, createProcess(k), createPages("testPages", 8), body]);
  });
  const finding = runSequentially(m);
  if (finding !== null) throw finding;
}

function* run(k: Kernel, p: Process, pages: Pages, body: KernelBody): Task {
  yield* body(k, p, pages);
}
