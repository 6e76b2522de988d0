import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { sysExit } from "../mm/exit.ts";
import { sysFork } from "../mm/fork.ts";
import {
  createPages,
  FOLL_GET,
  FOLL_PIN,
  FOLL_WRITE,
  getUserPagesFast,
  type Pages,
  unpinUserPages,
} from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userFault, userRead } from "../mm/memory.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import type { Rules } from "../mm/rules.ts";
import { leavePage, ownPage, under } from "../mm/world/onePage.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* main(k: Kernel, p: Process, buffer: Pages, flags: number): Task {
  yield* ownPage(k, p);
  yield* getUserPagesFast(k, p.mm as Mm, A, 1, flags, buffer);
  const a = spawn(forker, k, p);
  const b = spawn(device, k, buffer, flags);
  yield* join(a);
  yield* join(b);
  const seen = yield* userRead(k, p, A);
  must(seen === 3, "lost-write", `the device wrote 3 to the buffer, and the process reads ${seen}`);
  yield* leavePage(k, p);
}

/** Forks, and stores to another word of the page: only the fault of the store matters here. */
function* forker(k: Kernel, p: Process): Task {
  yield* choose(1); // the device may begin
  const child = (yield* sysFork(k, p)) as Process;
  yield* userFault(k, p.mm as Mm, A, true);
  yield* sysExit(k, child);
}

/** The DMA completes, whenever it likes. */
function* device(k: Kernel, buffer: Pages, flags: number): Task {
  yield* choose(1);
  k.frames.content[buffer.pfn[0]] = 3;
  yield* unpinUserPages(k, buffer, 1, flags, true);
}

const PIN = FOLL_PIN | FOLL_WRITE;
const GET = FOLL_GET | FOLL_WRITE;

export default defineCase<{ inForce: Rules; flags: number }>({
  id: "fork-cow-steals-pin",
  title: "O_DIRECT or RDMA into a buffer, and fork",
  class: "lost-write",
  text: `A device is about to write into a page of the process. Another thread forks: the page becomes read-only in both. The
process writes elsewhere in the page, gets a copy, and the child keeps the page of the device: what the device writes never
reaches the process.

*Fix:* fork gives the child a copy at once of what may be pinned, and leaves the parent's entry alone. It can tell pins
(FOLL_PIN), not plain references (FOLL_GET), so O_DIRECT stayed broken until it took pins itself (v6.5).`,
  sources: [
    { ref: "70e806e4e645", what: "mm: Do early cow for pinned pages during fork() for ptes, v5.9" },
    { ref: "008cfe4418b3", what: "mm: Introduce mm_struct.has_pinned, v5.9" },
  ],
  variants: {
    buggy: { ...under("linux-5.7"), flags: PIN, about: "before v5.9: fork shares pinned pages", expect: "lost-write" },
    fixed: { ...under("linux-5.10"), flags: PIN, about: "v5.9: fork copies what may be pinned", expect: "ok" },
    "fixed-6.1": { ...under("linux-6.1"), flags: PIN, about: "v5.19: the same, by the exclusive mark", expect: "ok" },
    "reference-5.7": {
      ...under("linux-5.7"),
      flags: GET,
      about: "before v5.9, O_DIRECT: a plain reference",
      expect: "lost-write",
    },
    "reference-6.1": {
      ...under("linux-6.1"),
      flags: GET,
      about: "up to v6.4, O_DIRECT: a plain reference, which fork does not see",
      expect: "lost-write",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), createPages("buffer", 1), v.flags], { children: 2 });
  },
});
