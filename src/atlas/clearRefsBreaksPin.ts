import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userRead, userWrite } from "../mm/memory.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { PTE_SOFT_DIRTY, pteAt } from "../mm/pageTable.ts";
import type { Rules } from "../mm/rules.ts";
import { CLEAR_REFS_SOFT_DIRTY, clearRefs } from "../mm/taskMmu.ts";
import { leavePage, ownPage, under } from "../mm/world/onePage.ts";
import { A, smallKernel } from "../mm/world/small.ts";

const FLAGS = FOLL_PIN | FOLL_WRITE;
/** What is looked at: the data; is every write tracked; is a page that nobody has written reported clean? */
const DATA = 0;
const TRACKED = 1;
const PRECISE = 2;

function* main(k: Kernel, p: Process, pinned: Pages, asks: number): Task {
  yield* ownPage(k, p);
  yield* getUserPagesFast(k, p.mm as Mm, A, 1, FLAGS, pinned);
  const a = spawn(tracer, k, p, asks);
  const b = spawn(cpu, k, p, asks);
  yield* join(a);
  yield* join(b);
  k.frames.content[pinned.pfn[0]] = 3; // the device is done
  yield* unpinUserPages(k, pinned, 1, FLAGS, true);
  const seen = yield* userRead(k, p, A);
  must(seen === 3, "lost-write", `the device wrote 3 to the page that it had pinned, and the process reads ${seen}`);
  yield* leavePage(k, p);
}

const isSoftDirty = (k: Kernel, p: Process): boolean => (pteAt(k, p.mm as Mm, A) & PTE_SOFT_DIRTY) !== 0;

/** echo 4 > /proc/PID/clear_refs, then /proc/PID/pagemap. With DATA and TRACKED a store follows the first. */
function* tracer(k: Kernel, p: Process, asks: number): Task {
  yield* choose(1); // the process may begin
  yield* clearRefs(k, p, p.mm as Mm, CLEAR_REFS_SOFT_DIRTY);
  if (asks === PRECISE)
    must(!isSoftDirty(k, p), "policy", "nobody has written since clear_refs: the page is reported dirty");
  if (asks !== TRACKED) return;
  yield* userWrite(k, p, A, 2);
  must(isSoftDirty(k, p), "lost-write", "a write since clear_refs is not reported");
}

function* cpu(k: Kernel, p: Process, asks: number): Task {
  yield* choose(1);
  if (asks === DATA) yield* userWrite(k, p, A, 2);
}

export default defineCase<{ inForce: Rules; asks: number }>({
  id: "clear-refs-breaks-pin",
  title: "soft-dirty write protection of pinned pages",
  class: "lost-write",
  text: `A tracer that wants to know which pages are written clears their soft-dirty bits and takes the right to write away from all
entries, also from those of pinned pages. The next store faults; by the count of references the page is not the process's own, so
it is copied, and the device goes on in the old one.

*Fix:* clear_refs leaves pages alone that may be pinned. *Price:* the atlas's text predicts that tracking then misses writes to such
a page. It does not: the entry keeps its soft-dirty bit as well, so every write is reported (row \`fixed-tracked\`, ok), and so is
every page that nobody wrote (row \`fixed-precise\`, the broken bound): a checkpoint that waits for a round without dirty pages never
ends while the pin lasts. Writes of the device are not seen by the bit in any kernel. With the exclusive mark (v5.19) nothing would
be copied, and the exception is no longer needed for the data.`,
  sources: [{ ref: "9348b73c2e1b", what: "mm: don't play games with pinned pages in clear_page_refs, v5.11" }],
  variants: {
    buggy: { ...under("linux-5.10"), asks: DATA, about: "v5.10: everything is write-protected", expect: "lost-write" },
    fixed: { ...under("linux-5.11"), asks: DATA, about: "v5.11: not what may be pinned", expect: "ok" },
    "fixed-tracked": { ...under("linux-5.11"), asks: TRACKED, about: "is every write reported?", expect: "ok" },
    "fixed-precise": {
      ...under("linux-5.11"),
      asks: PRECISE,
      about: "is nothing reported that nobody wrote?",
      expect: "policy",
    },
    "buggy-precise": {
      ...under("linux-5.10"),
      asks: PRECISE,
      about: "v5.10: the same question",
      expect: "ok",
    },
    "mapcount-unskipped": {
      ...under("linux-5.7"),
      asks: DATA,
      about: "before v5.9: a page with one mapping is not copied",
      expect: "ok",
    },
    "exclusive-unskipped": {
      ...under("linux-6.1", { clearRefsSkipsPinned: false }),
      asks: DATA,
      about: "v5.19 without the exception: nor is an exclusive one",
      expect: "ok",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce });
    m.spawn("main", main, [k, createProcess(k), createPages("pinned", 1), v.asks], { children: 2 });
  },
});
