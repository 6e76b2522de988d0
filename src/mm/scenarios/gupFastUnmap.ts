/**
 * GUP-fast against unmapping: one thread takes a page without any lock, while another one unmaps it, and the frame goes to
 * another page of the process, with a secret.
 *
 *   GUP-fast: interrupts off ─▶ tables ─▶ entry ─▶ reference ─▶ entry the same? ─▶ interrupts on
 *   unmap:    entry cleared ─▶ tables out of the mm ─▶ no walk under way ─▶ tables and pages are freed
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { sysFork } from "../fork.ts";
import { createPages, FOLL_GET, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../madvise.ts";
import { userWrite } from "../memory.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

const SECRET = 9;
const DONTNEED = 0;
const UNMAPS = 1;
/** The page is shared with a child, copied by a write, and freed with the child. */
const COPIES = 2;

function* main(k: Kernel, p: Process, pages: Pages, what: number): Task {
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const child = what === COPIES ? ((yield* sysFork(k, p)) as Process) : null;
  const a = spawn(getter, k, p, pages);
  const b = child ? spawn(copier, k, p, child) : what === UNMAPS ? spawn(unmapper, k, p) : spawn(dropper, k, p);
  yield* join(a);
  yield* join(b);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* getter(k: Kernel, p: Process, pages: Pages): Task {
  yield* choose(1); // anybody may begin
  const got = yield* getUserPagesFast(k, p.mm as Mm, A, 1, FOLL_GET, pages);
  if (got !== 1) return;
  const seen = k.frames.content[pages.pfn[0]];
  must(seen !== SECRET, "assertion", `the page was never at this address, and shows ${seen}`);
  yield* unpinUserPages(k, pages, 1, FOLL_GET, false);
}

function* unmapper(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMunmap(k, p, A, 2);
}

function* dropper(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
  yield* userWrite(k, p, A + 1, SECRET);
}

function* copier(k: Kernel, p: Process, child: Process): Task {
  yield* choose(1);
  yield* userWrite(k, p, A, 2);
  yield* sysExit(k, child);
  yield* userWrite(k, p, A + 1, SECRET);
}

export const gupFastUnmap = defineCase<{ inForce: Rules; what: number }>({
  id: "mm-gup-fast-unmap",
  title: "GUP-fast against unmapping, the reuse of the frame, and the freeing of page tables",
  variants: {
    "linux-6.1-dontneed": { inForce: rules("linux-6.1"), what: DONTNEED, expect: "ok" },
    "linux-6.1-munmap": { inForce: rules("linux-6.1"), what: UNMAPS, expect: "ok" },
    "linux-6.1-copy": { inForce: rules("linux-6.1"), what: COPIES, expect: "ok" },
    "without-recheck": {
      inForce: rules("linux-6.1", { without: ["gupFastRecheck"] }),
      what: DONTNEED,
      expect: "assertion",
    },
    "copy-without-recheck": {
      inForce: rules("linux-6.1", { without: ["gupFastRecheck"] }),
      what: COPIES,
      expect: "assertion",
    },
    "tables-freed-at-once": {
      inForce: rules("linux-6.1", { without: ["gupFastBlocksTables"] }),
      what: UNMAPS,
      expect: "use-after-free",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), createPages("got", 1), v.what], { children: 2 });
  },
});
