import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { sysExit } from "../mm/exit.ts";
import { createHugetlb, type Hugetlb, hugeContent, hugeWrite, migrateHugePage } from "../mm/hugetlb.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import type { Rules } from "../mm/rules.ts";
import { under } from "../mm/world/onePage.ts";
import { smallKernel } from "../mm/world/small.ts";

function* main(k: Kernel, h: Hugetlb, p: Process, q: Process): Task {
  yield* hugeWrite(k, h, 0, 0, 1);
  yield* hugeWrite(k, h, 1, 0, 2);
  const a = spawn(migrator, k, h);
  const b = spawn(writer, k, h);
  yield* join(a);
  yield* join(b);
  const seen = hugeContent(h, 0);
  must(seen === 3, "lost-write", `the second process has written 3, and the page has ${seen}`);
  yield* sysExit(k, p);
  yield* sysExit(k, q);
}

function* migrator(k: Kernel, h: Hugetlb): Task {
  yield* choose(1); // the writer may begin
  yield* migrateHugePage(k, h, 0);
}

/** The second process; its CPU knows the page. */
function* writer(k: Kernel, h: Hugetlb): Task {
  yield* choose(1);
  yield* hugeWrite(k, h, 1, 0, 3);
}

interface Parameters {
  readonly inForce: Rules;
  readonly watchPtes: boolean;
  readonly checksFrames: boolean;
}
const asIs = { watchPtes: false, checksFrames: false };
const watched = { watchPtes: true, checksFrames: true };
const shared = { without: ["hugeUnshares"] } as const;
const narrow = { without: ["hugeWidensRange"] } as const;

export default defineCase<Parameters>({
  id: "hugetlb-shared-pmd-migrate",
  title: "one mapcount for many mappings",
  class: "lost-write",
  text: `Processes that map the same large block of a hugetlb file share the page table for it, so a huge page that many map has a mapcount
of 1. Migration walks the processes until the count is 0: after the first. The entry in the shared table is gone for all, but only
the first process was told, by a flush of its TLBs and by its notifiers. The CPU of the second still has the translation: it
writes to the old page after the copy. Found as corruption of a database.

*Fix:* whoever finds a shared table gives it up first, process by process, until the last one has it alone. That takes the whole block away
from each, so the section must cover the block, and since sharing is known only under the lock, it always does. With the range of
one page the others in the block go unannounced (row \`narrow\`).
In the model the missed notification is there in the buggy kernel as well (row \`buggy-watched\`), one step before the lost write.`,
  sources: [
    { ref: "017b1660df89", what: "mm: migration: fix migration of huge PMD shared pages, v4.20" },
    { ref: "dff11abe280b", what: "hugetlb: take PMD sharing into account when flushing tlb/caches, v4.20" },
  ],
  variants: {
    buggy: {
      ...under("linux-5.7", shared),
      ...asIs,
      about: "before v4.20: what becomes of the write",
      expect: "lost-write",
    },
    "buggy-freed": {
      ...under("linux-5.7", shared),
      watchPtes: false,
      checksFrames: true,
      about: "before v4.20: where the write goes",
      expect: "use-after-free",
    },
    "buggy-watched": {
      ...under("linux-5.7", shared),
      ...watched,
      about: "before v4.20: each loss is held against what was announced",
      expect: "missed-notification",
    },
    narrow: {
      ...under("linux-5.7", narrow),
      ...watched,
      about: "tables are given up, the section covers one page",
      expect: "missed-notification",
    },
    fixed: {
      ...under("linux-5.7"),
      ...watched,
      about: "v4.20: tables are given up, the section covers the block",
      expect: "ok",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, watchPtes: v.watchPtes });
    const p = createProcess(k);
    const q = createProcess(k);
    const h = createHugetlb([p.mm as Mm, q.mm as Mm], v.checksFrames);
    m.keep(h);
    m.spawn("main", main, [k, h, p, q], { children: 2 });
  },
});
