import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { sysExit } from "../mm/exit.ts";
import { sysFork } from "../mm/fork.ts";
import { createPages, FOLL_GET, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userWrite } from "../mm/memory.ts";
import { sysMunmap } from "../mm/mmap.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import type { Rules } from "../mm/rules.ts";
import { leavePage, ownPage, under } from "../mm/world/onePage.ts";
import { A, smallKernel } from "../mm/world/small.ts";

const SECRET = 9;

function* main(k: Kernel, p: Process, pipe: Pages): Task {
  yield* ownPage(k, p);
  const child = (yield* sysFork(k, p)) as Process;
  const a = spawn(parent, k, p);
  const b = spawn(splicer, k, child, pipe);
  yield* join(a);
  yield* join(b);
  yield* leavePage(k, p);
}

function* parent(k: Kernel, p: Process): Task {
  yield* choose(1); // the child may begin
  yield* userWrite(k, p, A, SECRET);
}

/** vmsplice: the pipe has a plain reference, the child gives its mapping up and reads the pipe later. */
function* splicer(k: Kernel, child: Process, pipe: Pages): Task {
  yield* choose(1);
  yield* getUserPagesFast(k, child.mm as Mm, A, 1, FOLL_GET, pipe);
  yield* sysMunmap(k, child, A, 1);
  yield* choose(1);
  const seen = k.frames.content[pipe.pfn[0]];
  must(seen === 1, "stale-mapping", `the child reads ${seen} from the pipe, which its parent wrote after fork`);
  yield* unpinUserPages(k, pipe, 1, FOLL_GET, false);
  yield* sysExit(k, child);
}

interface Parameters {
  readonly inForce: Rules;
}
const early = { reclaimPinCheck: "freshAnon" } as const;
const noCheck = { reclaimPinCheck: "none" } as const;

export default defineCase<Parameters>({
  id: "cow-either-way",
  title: "the reader keeps the page, the writer keeps writing into it",
  class: "stale-mapping",
  text: `After fork both processes map one page read-only. The child splices it into a pipe, which takes a plain reference, and
unmaps it. The parent writes: it is the only one that maps the page, so it uses it again, and the child reads from the pipe what
the parent wrote (CVE-2020-29374). A copy would have been right, for whichever of the two moves on.

*Three generations of fixes:* v5.8 made every reference to such a page break COW first, as if to write; v5.9 counts references
instead of mappings; v5.19 marks the pages that are exclusive. The same switches as in \`pinned-page-swapcache\`, which has the other
half of the matrix: counting references is right here and copies too often there. Whether reclaim looks at pins makes no
difference to this case.`,
  sources: [
    { ref: "17839856fd58", what: "gup: document and work around 'COW can break either way' issue, v5.8" },
    { ref: "09854ba94c6a", what: "mm: do_wp_page() simplification, v5.9" },
    { ref: "6c287605fd56", what: "mm: remember exclusively mapped anonymous pages with PG_anon_exclusive, v5.19" },
    { ref: "CVE-2020-29374", what: "get_user_pages() may grant unintended write access" },
  ],
  variants: {
    buggy: { ...under("linux-5.7"), about: "before v5.8: reuse by mappings", expect: "stale-mapping" },
    "break-at-reference": {
      ...under("linux-5.7", { gupBreaksCow: true }),
      about: "v5.8: who takes a reference gets his own copy first",
      expect: "ok",
    },
    fixed: { ...under("linux-5.10"), about: "v5.9, v5.10: reuse by references", expect: "ok" },
    "mapcount-checked": {
      ...under("linux-5.7", early),
      about: "reuse by mappings, pinned pages stay mapped",
      expect: "stale-mapping",
    },
    "refcount-checked": {
      ...under("linux-5.11"),
      about: "v5.11: reuse by references, pinned stay mapped",
      expect: "ok",
    },
    "exclusive-unchecked": {
      ...under("linux-6.1", noCheck),
      about: "reuse by the exclusive mark, no look at pins before the unmap",
      expect: "ok",
    },
    "exclusive-checked": { ...under("linux-6.1"), about: "v5.19: both", expect: "ok" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), createPages("pipe", 1)], { children: 2 });
  },
});
