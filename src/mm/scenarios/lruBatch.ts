/**
 * The LRU batch of a CPU: one thread empties it (munmap does, before it zaps) while another one faults a page in, which
 * goes through the same batch. Both run on one CPU; the batch is theirs while they hold its local lock.
 */
import type { Task } from "../../machine/core.ts";
import { GFP_HIGHUSER_MOVABLE } from "../../machine/gfp.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { BATCH_ADD, BATCH_SIZE } from "../lruTypes.ts";
import { userWrite } from "../memory.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { folioGet } from "../page.ts";
import { allocPage } from "../pageAlloc.ts";
import { folioPut, lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process, locked: number): Task {
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  const a = locked !== 0 ? spawn(faulter, k, p) : spawn(careless, k);
  const b = spawn(unmapper, k, p);
  yield* join(a);
  yield* join(b);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* faulter(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* userWrite(k, p, A + 1, 2);
}

/** A new page goes into the batch without the local lock, and is given up again. */
function* careless(k: Kernel): Task {
  yield* choose(1);
  const pfn = yield* allocPage(k, GFP_HIGHUSER_MOVABLE);
  yield* folioGet(k, pfn);
  const n = k.lru.batches.count[BATCH_ADD];
  k.lru.batched.page[BATCH_ADD * BATCH_SIZE + n] = pfn << 2;
  k.lru.batches.count[BATCH_ADD] = n + 1;
  yield* folioPut(k, pfn);
}

function* unmapper(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMunmap(k, p, A, 1);
}

export const lruBatch = defineCase({
  id: "mm-lru-batch",
  title: "a fault and a drain share the LRU batch of a CPU",
  variants: {
    "linux-6.1": { locked: 1, expect: "ok" },
    "add-without-local-lock": { locked: 0, expect: "leak" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    m.spawn("main", main, [k, createProcess(k), v.locked], { children: 2 });
  },
});
