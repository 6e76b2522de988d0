import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn, until } from "../machine/wait.ts";
import { createPages, FOLL_GET, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userFault, userRead, userWrite } from "../mm/memory.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { PTE_UFFD_WP, pteAt } from "../mm/pageTable.ts";
import type { Rules } from "../mm/rules.ts";
import { mwriteprotectRange, userfaultfdRegisterWp } from "../mm/userfaultfd.ts";
import { leavePage, ownPage, under } from "../mm/world/onePage.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* main(k: Kernel, p: Process, held: Pages, protects: boolean): Task {
  yield* ownPage(k, p);
  yield* userfaultfdRegisterWp(p, A);
  // Somebody has a reference, so that the page is copied where references are counted.
  yield* getUserPagesFast(k, p.mm as Mm, A, 1, FOLL_GET, held);
  const a = spawn(protects ? protector : unprotector, k, p);
  const c = spawn(writer, k, p);
  const b = spawn(faulter, k, p);
  if (protects) yield* join(spawn(monitor, k, p));
  yield* join(a);
  yield* join(b);
  yield* join(c);
  const seen = yield* userRead(k, p, A);
  must(seen === 2, "lost-write", `the process has stored 2, and a load finds ${seen}`);
  yield* unpinUserPages(k, held, 1, FOLL_GET, false);
  yield* leavePage(k, p);
}

/** UFFDIO_WRITEPROTECT over a page that was not protected: the entry loses the right to write all the same. */
function* unprotector(k: Kernel, p: Process): Task {
  yield* choose(1); // the others may begin
  yield* mwriteprotectRange(k, p, A, 1, false);
}

function* protector(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* mwriteprotectRange(k, p, A, 1, true);
}

/** Another thread of the monitor finds the page protected, and somebody who waits. */
function* monitor(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* until(() => (pteAt(k, mm, A) & PTE_UFFD_WP) !== 0);
  yield* mwriteprotectRange(k, p, A, 1, false);
}

/** A store to another word of the page: its fault is what matters. */
function* faulter(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userFault(k, p.mm as Mm, A, true);
}

/** On another CPU, which may have the old translation. */
function* writer(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userWrite(k, p, A, 2);
}

const without = { without: ["uffdWpFlushesFirst"] } as const;

export default defineCase<{ inForce: Rules; protects: boolean }>({
  id: "uffd-wp-deferred-flush",
  title: "copy while another CPU can still write",
  class: "lost-write",
  text: `A userfaultfd monitor gives the right to write back to a range. The function that does it takes the right away from private entries
that have it, for the next fault to give it back; it holds mmap_lock for reading, and flushes at its end. A fault on another
CPU copies the page meanwhile, since somebody has a reference to it, and flushes only when it puts the copy into the entry. A third
CPU has the old translation, and stores into the old page after the copy was taken. The same where one thread protects and another
one unprotects before the first has flushed.

*Fix:* where a userfaultfd write-protects and a flush is still to come, flush before the copy. The shape is that of
\`numa-thp-late-invalidate\`: copying before everybody has stopped writing. With the exclusive mark a page with one owner is not copied
at all.`,
  sources: [{ ref: "6ce64428d620", what: "mm/userfaultfd: fix memory corruption due to writeprotect, v5.12" }],
  variants: {
    buggy: {
      ...under("linux-5.11", without),
      protects: false,
      about: "v5.7 … v5.11: the page is copied while a flush is still to come",
      expect: "lost-write",
    },
    fixed: { ...under("linux-5.11"), protects: false, about: "v5.12: flushed before the copy", expect: "ok" },
    "buggy-protect": {
      ...under("linux-5.11", without),
      protects: true,
      about: "the same, one thread protects and another one unprotects",
      expect: "lost-write",
    },
    "fixed-protect": { ...under("linux-5.11"), protects: true, about: "the same with the fix", expect: "ok" },
    "exclusive-reuse": {
      ...under("linux-6.1", without),
      protects: false,
      about: "v5.19 without the flush: an exclusive page is not copied",
      expect: "ok",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tlb: true });
    m.spawn("main", main, [k, createProcess(k), createPages("held", 1), v.protects], { children: 4 });
  },
});
