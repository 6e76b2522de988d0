import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userRead, userWrite } from "../mm/memory.ts";
import { MPOL_MF_MOVE, sysMovePages } from "../mm/mempolicy.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { taskNumaWork } from "../mm/numa.ts";
import type { Rules } from "../mm/rules.ts";
import { leavePage, ownPage, under } from "../mm/world/onePage.ts";
import { A, smallKernel } from "../mm/world/small.ts";

const FLAGS = FOLL_PIN | FOLL_WRITE;

function* main(k: Kernel, p: Process, pinned: Pages): Task {
  yield* ownPage(k, p);
  // The page is where no CPU of the process is, so balancing wants it elsewhere.
  yield* sysMovePages(k, p, A, 1, 1, MPOL_MF_MOVE);
  yield* getUserPagesFast(k, p.mm as Mm, A, 1, FLAGS, pinned);
  const a = spawn(balancer, k, p);
  const b = spawn(cpu, k, p);
  yield* join(a);
  yield* join(b);
  k.frames.content[pinned.pfn[0]] = 3; // the DMA is done
  yield* unpinUserPages(k, pinned, 1, FLAGS, true);
  const seen = yield* userRead(k, p, A);
  must(seen === 3, "lost-write", `the device wrote 3 to the page that it had pinned, and the process reads ${seen}`);
  yield* leavePage(k, p);
}

function* balancer(k: Kernel, p: Process): Task {
  yield* choose(1); // the process may begin
  yield* taskNumaWork(k, p.mm as Mm, A, A + 1);
}

function* cpu(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userRead(k, p, A);
  yield* userWrite(k, p, A, 2);
}

const unknown = { without: ["numaKeepsWrite"] } as const;

export default defineCase<{ inForce: Rules }>({
  id: "numa-hint-breaks-pin",
  title: "NUMA hinting faults copy a page under DMA",
  class: "lost-write",
  text: `An accelerator has pinned a page. NUMA balancing makes its entry inaccessible, to see who uses the page: it leaves pages alone
that others share, and looks at mappings for that, of which there is one. A hinting fault finds that the page cannot be moved, and
restores the entry; somehow, it came back read-only. The next store faults, the page has more than one reference, it is copied, and
the device goes on in the old one.

*Fix:* the test counts references: what cannot be moved anyway is not made inaccessible.
The commit says that nobody knew why the entry came back read-only. In the model that is a decision of the environment (the guard
\`numaKeepsWrite\` taken away), and it is necessary: where the right to write is restored as the code says (row \`entry-as-it-was\`), or where
mappings decide about reuse (before v5.9: what the bisection found), or the exclusive mark does, nothing is lost.`,
  sources: [
    { ref: "80d47f5de5e3", what: "mm: don't try to NUMA-migrate COW pages that have other uses, v5.17" },
    { ref: "CVE-2022-48797", what: "the same" },
  ],
  variants: {
    buggy: {
      ...under("linux-5.11", unknown),
      about: "v5.9 … v5.16: mappings are counted, the entry may come back read-only",
      expect: "lost-write",
    },
    fixed: {
      ...under("linux-5.11", { ...unknown, numaCounts: "references" }),
      about: "v5.17: references are counted",
      expect: "ok",
    },
    "entry-as-it-was": {
      ...under("linux-5.11"),
      about: "v5.9 … v5.16, the entry comes back as it was",
      expect: "ok",
    },
    "mapcount-reuse": {
      ...under("linux-5.7", unknown),
      about: "before v5.9: reuse by mappings",
      expect: "ok",
    },
    "exclusive-reuse": {
      ...under("linux-6.1", { ...unknown, numaCounts: "mappings" }),
      about: "reuse by the exclusive mark, mappings are counted",
      expect: "ok",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, nodes: 2, frames: 8 });
    m.spawn("main", main, [k, createProcess(k), createPages("pinned", 1)], { children: 2 });
  },
});
