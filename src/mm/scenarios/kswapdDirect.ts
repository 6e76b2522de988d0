/**
 * kswapd against direct reclaim: memory runs out, and both take pages off the same lists. Each page is reclaimed once, and
 * what was written is read again.
 */
import { memallocRestore, memallocSave, PF_KSWAPD, PF_MEMALLOC } from "../../machine/context.ts";
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import type { Kernel } from "../kernel.ts";
import { balancePgdat } from "../kswapd.ts";
import { MADV_COLD, sysMadvise } from "../madvise.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { leave, reclaims, swapKernel } from "../world/reclaim.ts";
import { A } from "../world/small.ts";
import { MAX_NR_ZONES } from "../zone.ts";

function* main(k: Kernel, p: Process, pages: number, reads: boolean): Task {
  yield* sysMmap(k, p, A, pages, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  for (let i = 0; i < pages; i++) yield* userWrite(k, p, A + i, 1);
  yield* lruAddDrain(k);
  yield* sysMadvise(k, p, A, pages, MADV_COLD);
  const a = spawn(round, k);
  const b = spawn(reclaims, k);
  const c = reads ? spawn(reader, k, p) : null;
  yield* join(a);
  yield* join(b);
  if (c !== null) yield* join(c);
  for (let i = 0; i < pages; i++) {
    const seen = yield* userRead(k, p, A + i);
    must(seen === 1, "lost-write", `1 was written, and ${seen} is read from page ${A + i}`);
  }
  yield* leave(k, p);
}

/** What kswapd does each time that it is woken. */
function* round(k: Kernel): Task {
  const before = memallocSave(PF_MEMALLOC | PF_KSWAPD);
  yield* choose(1); // anybody may begin
  yield* balancePgdat(k, k.pgdats[0], MAX_NR_ZONES - 1);
  memallocRestore(PF_MEMALLOC | PF_KSWAPD, before);
}

function* reader(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userRead(k, p, A);
}

const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });

export const kswapdDirect = defineCase<{ inForce: Rules; pages: number; reads: boolean }>({
  id: "mm-kswapd-direct",
  title: "kswapd against direct reclaim",
  variants: {
    "linux-6.1": { inForce: rules("linux-6.1"), pages: 2, reads: false, expect: "ok" },
    "linux-6.1-read": { inForce: rules("linux-6.1"), pages: 1, reads: true, expect: "ok" },
    "without-reference-check": { inForce: without("removeRefCheck"), pages: 1, reads: true, expect: "use-after-free" },
  },
  setup(m, v) {
    const k = swapKernel(m, {
      rules: v.inForce,
      zones: [{ name: "NORMAL", pages: 3 }],
      minFreeKbytes: 4,
      swapPages: 5,
      reclaimers: 3,
    });
    m.spawn("main", main, [k, createProcess(k), v.pages, v.reads], { children: 3 });
  },
});
