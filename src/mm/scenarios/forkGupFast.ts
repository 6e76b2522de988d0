/**
 * fork against GUP-fast: one thread forks, another one pins the page for writing without any lock; afterwards the parent
 * writes to the page, and what it writes must be what the device sees.
 *
 *   GUP-fast: sequence even?  entry, +1024, entry the same?  sequence the same? else unpin and take the slow way
 *   fork:     sequence odd,   may it be pinned? copy : share, write-protect both;   sequence even
 *
 * Whichever comes first, either fork sees the pin and copies, or the pinner sees that fork ran.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { sysFork } from "../fork.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

const FLAGS = FOLL_PIN | FOLL_WRITE;

function* main(k: Kernel, p: Process, pages: Pages): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const a = spawn(pinner, k, p, pages);
  const b = spawn(forker, k, p);
  yield* join(a);
  yield* join(b);
  yield* userWrite(k, p, A, 2);
  const seen = k.frames.content[pages.pfn[0]];
  must(
    seen === 2,
    "lost-write",
    `the process wrote 2 to its page, and the device sees ${seen} in the one that it pinned`,
  );
  yield* unpinUserPages(k, pages, 1, FLAGS, false);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* pinner(k: Kernel, p: Process, pages: Pages): Task {
  yield* choose(1); // anybody may begin
  const got = yield* getUserPagesFast(k, p.mm as Mm, A, 1, FLAGS, pages);
  must(got === 1, "assertion", `the page could not be pinned: ${got}`);
}

function* forker(k: Kernel, p: Process): Task {
  yield* choose(1);
  const child = (yield* sysFork(k, p)) as Process;
  yield* sysExit(k, child);
}

export const forkGupFast = defineCase<{ inForce: Rules }>({
  id: "mm-fork-gup-fast",
  title: "fork against a pin without locks",
  variants: {
    "linux-6.1": { inForce: rules("linux-6.1"), expect: "ok" },
    "linux-5.11": { inForce: rules("linux-5.11"), expect: "ok" },
    "linux-5.10": { inForce: rules("linux-5.10"), expect: "lost-write" },
    "without-seqcount": { inForce: rules("linux-6.1", { gupFastSeqcount: false }), expect: "assertion" },
    "fork-shares-pinned": { inForce: rules("linux-6.1", { forkCopiesPinned: false }), expect: "lost-write" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), createPages("pinned", 1)], { children: 2 });
  },
});
