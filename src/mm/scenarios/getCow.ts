/**
 * DMA against copy on write: a device writes into a page that was taken for writing, while the process forks and touches
 * another word of the page. What the device has written must be what the process reads.
 *
 * With a plain reference (O_DIRECT in 6.1) fork shares the page, and the first to touch it gets a copy: the write of the
 * device is lost, in every kernel up to 6.1 and as documented. With a pin fork makes the copy for the child.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { sysFork } from "../fork.ts";
import { createPages, FOLL_GET, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { userFault, userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process, pages: Pages, flags: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* getUserPagesFast(k, p.mm as Mm, A, 1, flags | FOLL_WRITE, pages);
  const a = spawn(forker, k, p);
  const b = spawn(dma, k, pages, flags);
  yield* join(a);
  yield* join(b);
  const seen = yield* userRead(k, p, A);
  must(seen === 5, "lost-write", `the device wrote 5 to the page, and the process reads ${seen}`);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* forker(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  const child = (yield* sysFork(k, p)) as Process;
  // A store to another word of the page: only its fault matters here.
  yield* userFault(k, p.mm as Mm, A, true);
  yield* sysExit(k, child);
}

function* dma(k: Kernel, pages: Pages, flags: number): Task {
  yield* choose(1);
  k.frames.content[pages.pfn[0]] = 5;
  yield* unpinUserPages(k, pages, 1, flags, true);
}

export const getCow = defineCase<{ inForce: Rules; flags: number }>({
  id: "mm-get-cow",
  title: "a device that writes against fork and copy on write",
  variants: {
    "linux-6.1-pin": { inForce: rules("linux-6.1"), flags: FOLL_PIN, expect: "ok" },
    "linux-6.1-get": { inForce: rules("linux-6.1"), flags: FOLL_GET, expect: "lost-write" },
    "linux-5.10-pin": { inForce: rules("linux-5.10"), flags: FOLL_PIN, expect: "ok" },
    "linux-5.7-pin": { inForce: rules("linux-5.7"), flags: FOLL_PIN, expect: "lost-write" },
    "fork-shares-pinned": {
      inForce: rules("linux-6.1", { forkCopiesPinned: false }),
      flags: FOLL_PIN,
      expect: "lost-write",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), createPages("taken", 1), v.flags], { children: 2 });
  },
});
