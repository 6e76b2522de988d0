/**
 * Who may use a page again: a child of fork puts a shared page into a pipe (vmsplice, a plain reference), unmaps it, and
 * reads the pipe later. The parent is now the only one that maps the page, and writes a secret.
 *
 *   mapcount (before 5.8): one mapping ─▶ reuse: the pipe shows the secret (CVE-2020-29374)
 *   refcount, exclusive:   two references ─▶ copy
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { sysFork } from "../fork.ts";
import { createPages, FOLL_GET, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

const SECRET = 9;

function* main(k: Kernel, p: Process, pages: Pages): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const child = (yield* sysFork(k, p)) as Process;
  const a = spawn(writer, k, p);
  const b = spawn(splicer, k, child, pages);
  yield* join(a);
  yield* join(b);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* writer(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  yield* userWrite(k, p, A, SECRET);
}

function* splicer(k: Kernel, child: Process, pages: Pages): Task {
  yield* choose(1);
  yield* getUserPagesFast(k, child.mm as Mm, A, 1, FOLL_GET, pages);
  yield* sysMunmap(k, child, A, 1);
  yield* choose(1); // the pipe is read later
  const seen = k.frames.content[pages.pfn[0]];
  must(seen === 1, "stale-mapping", `the child reads ${seen} from the pipe, which its parent wrote after fork`);
  yield* unpinUserPages(k, pages, 1, FOLL_GET, false);
  yield* sysExit(k, child);
}

export const cowVmsplice = defineCase<{ inForce: Rules }>({
  id: "mm-cow-vmsplice",
  title: "copy on write against a page in a pipe",
  variants: {
    "linux-6.1": { inForce: rules("linux-6.1"), expect: "ok" },
    "linux-5.10": { inForce: rules("linux-5.10"), expect: "ok" },
    "linux-5.7": { inForce: rules("linux-5.7"), expect: "stale-mapping" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), createPages("pipe", 1)], { children: 2 });
  },
});
