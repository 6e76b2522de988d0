import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { sysExit } from "../mm/exit.ts";
import { sysFork } from "../mm/fork.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userWrite } from "../mm/memory.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import type { Rules } from "../mm/rules.ts";
import { leavePage, ownPage, under } from "../mm/world/onePage.ts";
import { A, smallKernel } from "../mm/world/small.ts";

const FLAGS = FOLL_PIN | FOLL_WRITE;

function* main(k: Kernel, p: Process, pinned: Pages): Task {
  yield* ownPage(k, p);
  const a = spawn(pinner, k, p, pinned);
  const b = spawn(forker, k, p);
  yield* join(a);
  yield* join(b);
  yield* userWrite(k, p, A, 2);
  const seen = k.frames.content[pinned.pfn[0]];
  must(seen === 2, "lost-write", `the process wrote 2 to its page, and its device has pinned one with ${seen}`);
  yield* unpinUserPages(k, pinned, 1, FLAGS, false);
  yield* leavePage(k, p);
}

/** pin_user_pages_fast: entry ─▶ pin ─▶ the same entry? ─▶ has fork run meanwhile? then unpin, and the slow way. */
function* pinner(k: Kernel, p: Process, pinned: Pages): Task {
  yield* choose(1); // fork may begin
  const got = yield* getUserPagesFast(k, p.mm as Mm, A, 1, FLAGS, pinned);
  must(got === 1, "assertion", `the page could not be pinned: ${got}`);
}

function* forker(k: Kernel, p: Process): Task {
  yield* choose(1);
  const child = (yield* sysFork(k, p)) as Process;
  yield* sysExit(k, child);
}

export default defineCase<{ inForce: Rules }>({
  id: "gup-fast-vs-fork",
  title: "a lockless pin between fork's look at pins and its write protection",
  class: "lost-write",
  text: `fork copies pages that may be pinned, and shares the others read-only. GUP-fast takes no lock: it reads the writable
entry, pins, and looks whether the entry is the same. Fork can look at the pins before the pin and write-protect after the second
look. Then the page is pinned for writing and shared, and the next write of the process copies it away from its device.

*Fix:* a sequence count around fork's copying. GUP-fast unpins and takes the slow way, which waits for mmap_lock, when the count
is odd or has moved. With the exclusive mark (v5.19) the same race is a page that is pinned without being exclusive: the check for that
finds it one step earlier.`,
  sources: [
    { ref: "57efa1fe5957", what: "mm/gup: prevent gup_fast from racing with COW during fork, v5.11" },
    { ref: "70e806e4e645", what: "mm: Do early cow for pinned pages during fork() for ptes, v5.9: what it makes good" },
  ],
  variants: {
    buggy: {
      ...under("linux-5.10"),
      about: "v5.9, v5.10: fork looks at pins, GUP-fast not at fork",
      expect: "lost-write",
    },
    fixed: { ...under("linux-5.11"), about: "v5.11: the sequence count", expect: "ok" },
    "exclusive-without-count": {
      ...under("linux-6.1", { gupFastSeqcount: false }),
      about: "v5.19 without the sequence count: pinned and not exclusive",
      expect: "assertion",
    },
    "exclusive-fixed": { ...under("linux-6.1"), about: "v5.19 as it is", expect: "ok" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), createPages("pinned", 1)], { children: 2 });
  },
});
