/**
 * Reclaim against migration: both want the page off its list, locked, and unmapped. Whoever clears PG_lru has it, and the
 * other one looks for something else. What the page table knew of the page is not lost on the way: a dirty bit that
 * migration takes out of an entry must be found by the next who asks whether the copy in swap is good.
 *
 *   device:   page back from swap (its slot is kept) ─▶ written: the entry is dirty, the folio is not
 *   migration: entry ─▶ migration entry, the folio is dirty ─▶ moved, or not ─▶ entry
 *   reclaim:  dirty? written : the copy in swap is good
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_COLD, sysMadvise } from "../madvise.ts";
import { userRead, userWrite } from "../memory.ts";
import { MPOL_MF_MOVE, sysMovePages } from "../mempolicy.ts";
import type { Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { coldPage, leave, reclaims, swapKernel } from "../world/reclaim.ts";
import { A } from "../world/small.ts";

/** `again`: the page has been in swap, was read back, written and moved since. */
function* main(k: Kernel, p: Process, again: boolean): Task {
  yield* coldPage(k, p);
  if (again) {
    yield* reclaims(k);
    yield* userRead(k, p, A);
    yield* userWrite(k, p, A, 2);
    yield* lruAddDrain(k);
    yield* mover(k, p);
    yield* sysMadvise(k, p, A, 1, MADV_COLD);
  }
  const a = spawn(reclaims, k);
  const b = again ? spawn(reader, k, p) : spawn(mover, k, p);
  yield* join(a);
  yield* join(b);
  const expected = again ? 2 : 1;
  const seen = yield* userRead(k, p, A);
  must(seen === expected, "lost-write", `the page was written with ${expected}, and has ${seen}`);
  yield* leave(k, p);
}

function* reader(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  const seen = yield* userRead(k, p, A);
  must(seen === 2, "lost-write", `the page was written with 2, and ${seen} is read`);
}

function* mover(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMovePages(k, p, A, 1, 1, MPOL_MF_MOVE);
}

interface Parameters {
  readonly inForce: Rules;
  readonly again: boolean;
  readonly slow: boolean;
}
const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });
const base: Parameters = { inForce: rules("linux-6.1"), again: false, slow: false };

export const reclaimMigrate = defineCase<Parameters>({
  id: "mm-reclaim-migrate",
  title: "reclaim against migration",
  variants: {
    "linux-6.1": { ...base, expect: "ok" },
    "linux-6.1-slow": { ...base, slow: true, expect: "ok" },
    "linux-6.1-again": { ...base, again: true, slow: true, expect: "ok" },
    "dirty-bit-lost": { inForce: without("migrateKeepsDirty"), again: true, slow: true, expect: "lost-write" },
    "without-isolation-test": { ...base, inForce: without("isolateLruTest"), expect: "assertion" },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce, swapSlow: v.slow, nodes: 2, frames: 8 });
    m.spawn("main", main, [k, createProcess(k), v.again], { children: 2 });
  },
});
