/**
 * mlock and munlock against migration and munmap: a locked page counts how many VMAs have it locked, and becomes evictable
 * again when the last one lets go; the process counts its locked pages.
 *
 *   mlock:   mmap_lock write: VM_LOCKED and VM_IO ─▶ page-table lock: count each page ─▶ VM_IO off ─▶ fault the rest in
 *   others:  who maps a page into a VMA that is VM_LOCKED counts it, unless it is VM_IO: then mlock itself comes by
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { MPOL_MF_MOVE, sysMovePages } from "../mempolicy.ts";
import { sysMlock, sysMunlock } from "../mlock.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { hasFlag, PG_mlocked, PG_unevictable } from "../page.ts";
import { pteAt, ptePfn } from "../pageTable.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

const MOVES = 0;
const UNMAPS = 1;
const LOCKS = 2;

function* main(k: Kernel, p: Process, what: number): Task {
  const mm = p.mm as Mm;
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const a = spawn(locker, k, p);
  const b = what === LOCKS ? spawn(locker, k, p) : spawn(other, k, p, what);
  yield* join(a);
  yield* join(b);
  yield* lruAddDrain(k);
  must(mm.lockedVm === 0, "assertion", `nothing is locked, and ${mm.lockedVm} pages count as locked`);
  if (what !== UNMAPS) {
    const pfn = ptePfn(pteAt(k, mm, A));
    must(!hasFlag(k, pfn, PG_mlocked | PG_unevictable), "leak", `frame ${pfn} is unlocked, and can not be evicted`);
  }
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* locker(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* sysMlock(k, p, A, 1);
  yield* sysMunlock(k, p, A, 1);
}

function* other(k: Kernel, p: Process, what: number): Task {
  yield* choose(1);
  if (what === MOVES) yield* sysMovePages(k, p, A, 1, 1, MPOL_MF_MOVE);
  else yield* sysMunmap(k, p, A, 1);
}

export const mlockAccounting = defineCase<{ inForce: Rules; what: number }>({
  id: "mm-mlock-accounting",
  title: "mlock and munlock against migration, munmap and each other",
  variants: {
    "linux-6.1-munmap": { inForce: rules("linux-6.1"), what: UNMAPS, expect: "ok" },
    "linux-6.1-two": { inForce: rules("linux-6.1"), what: LOCKS, expect: "ok" },
    "linux-6.1-migrate": { inForce: rules("linux-6.1"), what: MOVES, expect: "ok" },
    "others-count-too": { inForce: rules("linux-6.1", { without: ["mlockVmIo"] }), what: MOVES, expect: "leak" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, nodes: 2, frames: 8 });
    m.spawn("main", main, [k, createProcess(k), v.what], { children: 2 });
  },
});
