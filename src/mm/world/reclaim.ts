/**
 * What the scenarios of reclaim share: a machine with a swap device of two slots, one page that has not been used lately,
 * and the tasks that take it away.
 */
import type { Task } from "../../machine/core.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import type { Machine } from "../../machine/machine.ts";
import { choose, until } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel, KernelOptions } from "../kernel.ts";
import { MADV_COLD, sysMadvise } from "../madvise.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { PG_writeback } from "../page.ts";
import { startSwapDevice } from "../pageIo.ts";
import { lruAddDrain } from "../swap.ts";
import { performReclaim } from "../vmscan.ts";
import { A, smallKernel } from "./small.ts";

/** Set-up: the small kernel, with swap of `swapPages` - 1 slots; allocations reclaim. A slow device gets its task. */
export function swapKernel(m: Machine, options: KernelOptions = {}): Kernel {
  const k = smallKernel(m, { reclaims: true, swapPages: 3, pageCluster: 0, reclaimers: 2, ageMask: 3, ...options });
  if (k.swap.slow) startSwapDevice(m, k);
  return k;
}

/** Maps page A, writes 1 to it, and makes it the first that reclaim will take. */
export function* coldPage(k: Kernel, p: Process): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* sysMadvise(k, p, A, 1, MADV_COLD);
}

/** An allocation that finds nothing free: direct reclaim. */
export function* reclaims(k: Kernel): Task {
  yield* choose(1); // anybody may begin
  yield* performReclaim(k, GFP_KERNEL, 0);
}

/** The end of the process. Who gave up the last entry of a slot and could not lock its folio left it to reclaim. */
export function* leave(k: Kernel, p: Process): Task {
  yield* sysExit(k, p);
  for (let round = 0; round < 3; round++) {
    yield* until(() => ioIsOver(k));
    yield* lruAddDrain(k);
    if (k.state.pagesInUse > 0) yield* performReclaim(k, GFP_KERNEL, 0);
  }
}

const ioIsOver = (k: Kernel): boolean =>
  k.swap.state.requests === 0 && k.frames.flags.every((flags) => (flags & PG_writeback) === 0);
