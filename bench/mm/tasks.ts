/** What the measured process does. Each phase ends at a `choose`, where even a sequential run stops: see measure.mjs. */
import type { Task } from "../../src/machine/core.ts";
import { choose } from "../../src/machine/wait.ts";
import type { Kernel } from "../../src/mm/kernel.ts";
import type { Process } from "../../src/mm/mmTypes.ts";
import { syscalls } from "../../src/mm/syscalls.ts";

const PROT_RW = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;

/** map (while the machine is built) │ write to each page │ fork │ write to each page, which copies it │ exit of the child │ exit */
export function* forkLoad(k: Kernel, p: Process, at: number, pages: number): Task {
  yield* syscalls.mmap(k, p, at, pages, PROT_RW, MAP_PRIVATE_ANONYMOUS, null, 0);
  yield* choose(1);
  yield* touchAll(k, p, at, pages);
  yield* choose(1);
  const child = (yield* syscalls.fork(k, p)) as Process;
  yield* choose(1);
  yield* touchAll(k, p, at, pages);
  yield* choose(1);
  yield* syscalls.exit(k, child);
  yield* choose(1);
  yield* syscalls.exit(k, p);
}

function* touchAll(k: Kernel, p: Process, at: number, pages: number): Task {
  for (let i = 0; i < pages; i++) yield* syscalls.userWrite(k, p, at + i, i);
}
