/**
 * Migration against munmap: the last mapping of a page, and with it the VMA and the anon_vma, goes away while migration
 * looks for the mappings.
 *
 *   migrate: folio lock ─▶ mapped? +1 on the anon_vma ─▶ its lock: VMAs, entries ─▶ copy ─▶ its lock: entries ─▶ put
 *   munmap:  zap ─▶ anon_vma lock: the VMA leaves ─▶ put
 */
import type { Task } from "../../machine/core.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { MPOL_MF_MOVE, sysMovePages } from "../mempolicy.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const a = spawn(mover, k, p);
  const b = spawn(unmapper, k, p);
  yield* join(a);
  yield* join(b);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* mover(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* sysMovePages(k, p, A, 1, 1, MPOL_MF_MOVE);
}

function* unmapper(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMunmap(k, p, A, 1);
}

export const migrateMunmap = defineCase<{ inForce: Rules }>({
  id: "mm-migrate-munmap",
  title: "migration against munmap of the last mapping",
  variants: {
    "linux-6.1": { inForce: rules("linux-6.1"), expect: "ok" },
    "without-anon-vma-reference": {
      inForce: rules("linux-6.1", { without: ["anonVmaRef"] }),
      expect: "use-after-free",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, nodes: 2, frames: 8 });
    m.spawn("main", main, [k, createProcess(k)], { children: 2 });
  },
});
