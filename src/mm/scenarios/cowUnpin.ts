/**
 * COW against unpin: a page is shared with a child of fork, a driver holds a plain reference or a pin, and drops it while
 * the process writes. The writer copies or uses the page again, according to the references that it sees; in no case may
 * the child see the new content, and a pinned page must stay the page of the process.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { sysFork } from "../fork.ts";
import { createPages, FOLL_GET, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { pteAt, ptePfn } from "../pageTable.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process, pages: Pages, flags: number, early: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  if (early !== 0) yield* getUserPagesFast(k, p.mm as Mm, A, 1, flags, pages);
  const child = (yield* sysFork(k, p)) as Process;
  if (early === 0) yield* getUserPagesFast(k, p.mm as Mm, A, 1, flags, pages);
  const a = spawn(writer, k, p);
  const b = spawn(driver, k, p, pages, flags);
  const c = spawn(reader, k, child);
  yield* join(a);
  yield* join(b);
  yield* join(c);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* writer(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* userWrite(k, p, A, 2);
}

function* driver(k: Kernel, p: Process, pages: Pages, flags: number): Task {
  yield* choose(1);
  const pfn = pages.pfn[0];
  if ((flags & FOLL_PIN) === 0) {
    const seen = k.frames.content[pfn];
    must(seen === 1, "assertion", `the holder of a plain reference sees ${seen}, which was written afterwards`);
  } else {
    const mapped = ptePfn(pteAt(k, p.mm as Mm, A));
    must(mapped === pfn, "assertion", `frame ${pfn} is pinned, and the process has frame ${mapped}`);
  }
  yield* unpinUserPages(k, pages, 1, flags, false);
}

function* reader(k: Kernel, child: Process): Task {
  yield* choose(1);
  const seen = yield* userRead(k, child, A);
  must(seen === 1, "assertion", `the child of fork sees ${seen}, which its parent wrote afterwards`);
  yield* sysExit(k, child);
}

export const cowUnpin = defineCase<{ inForce: Rules; flags: number; early: number }>({
  id: "mm-cow-unpin",
  title: "copy on write against a reference that is dropped",
  variants: {
    "linux-6.1-get": { inForce: rules("linux-6.1"), flags: FOLL_GET, early: 0, expect: "ok" },
    "linux-6.1-pin-write": { inForce: rules("linux-6.1"), flags: FOLL_PIN | FOLL_WRITE, early: 1, expect: "ok" },
    "linux-6.1-pin-read": { inForce: rules("linux-6.1"), flags: FOLL_PIN, early: 0, expect: "ok" },
    "pin-without-unshare": {
      inForce: rules("linux-6.1", { gupUnshares: false }),
      flags: FOLL_PIN,
      early: 0,
      expect: "assertion",
    },
    "fork-shares-pinned": {
      inForce: rules("linux-6.1", { forkCopiesPinned: false }),
      flags: FOLL_PIN | FOLL_WRITE,
      early: 1,
      expect: "assertion",
    },
    "reuse-by-mapcount": {
      inForce: rules("linux-6.1", { cowReuse: "mapcount" }),
      flags: FOLL_GET,
      early: 0,
      expect: "assertion",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), createPages("pinned", 1), v.flags, v.early], { children: 3 });
  },
});
