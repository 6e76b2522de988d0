/**
 * A page is copied while another CPU can still write to it: clear_refs takes the right to write away and flushes at its end;
 * a fault in between copies the page, and a store through a translation that was not flushed yet goes to the old one.
 *
 *   clear_refs (mmap_lock for reading): entry read-only ─▶ page-table lock dropped ──────────────▶ flush
 *   fault (mmap_lock for reading):           somebody has a reference: content copied ─▶ entry replaced, flushed
 *   another CPU:                                                              stores ─▶ lost
 *
 * Since v5.11 clear_refs has mmap_lock for writing. (userfaultfd had the same with its write protection: v5.12.)
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { createPages, FOLL_GET, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { userFault, userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { CLEAR_REFS_SOFT_DIRTY, clearRefs } from "../taskMmu.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process, pages: Pages): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  // Somebody has a reference, so that the page is copied where references are counted.
  yield* getUserPagesFast(k, p.mm as Mm, A, 1, FOLL_GET, pages);
  const a = spawn(clearer, k, p);
  const b = spawn(faulter, k, p);
  const c = spawn(writer, k, p);
  yield* join(a);
  yield* join(b);
  yield* join(c);
  const seen = yield* userRead(k, p, A);
  must(seen === 2, "lost-write", `the process has stored 2, and a load finds ${seen}`);
  yield* unpinUserPages(k, pages, 1, FOLL_GET, false);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* clearer(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* clearRefs(k, p, p.mm as Mm, CLEAR_REFS_SOFT_DIRTY);
}

/** A store to another word of the page: its fault is what matters. */
function* faulter(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userFault(k, p.mm as Mm, A, true);
}

function* writer(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userWrite(k, p, A, 2);
}

export const clearRefsCow = defineCase<{ inForce: Rules }>({
  id: "mm-clear-refs-cow",
  title: "copy on write while a write protection is still to be flushed",
  variants: {
    "linux-6.1": { inForce: rules("linux-6.1"), expect: "ok" },
    "linux-5.11": { inForce: rules("linux-5.11"), expect: "ok" },
    "linux-5.10": { inForce: rules("linux-5.10"), expect: "lost-write" },
    // One reference does not make the page shared, so nothing is copied.
    "linux-5.7": { inForce: rules("linux-5.7"), expect: "ok" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tlb: true });
    m.spawn("main", main, [k, createProcess(k), createPages("held", 1)], { children: 3 });
  },
});
