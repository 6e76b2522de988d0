/**
 * fork against a device that is about to write into a buffer: the process writes elsewhere in the page afterwards, and the
 * page parts from its pin, if fork has made it shared.
 *
 *   before v5.9:  fork shares the page ─▶ the parent's write copies it ─▶ the device writes to the one that only the child has
 *   since v5.9:   fork gives the child a copy of what may be pinned; plain references (O_DIRECT, until v6.5) are not seen
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
import { type PresetName, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process, pages: Pages, flags: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* getUserPagesFast(k, p.mm as Mm, A, 1, flags, pages);
  const a = spawn(forker, k, p);
  const b = spawn(device, k, pages, flags);
  yield* join(a);
  yield* join(b);
  const seen = yield* userRead(k, p, A);
  must(seen === 3, "lost-write", `the device wrote 3 to the buffer, and the process reads ${seen}`);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

/** Forks, and writes to another word of the page. */
function* forker(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  const child = (yield* sysFork(k, p)) as Process;
  yield* userFault(k, p.mm as Mm, A, true);
  yield* sysExit(k, child);
}

function* device(k: Kernel, pages: Pages, flags: number): Task {
  yield* choose(1);
  k.frames.content[pages.pfn[0]] = 3;
  yield* unpinUserPages(k, pages, 1, flags, true);
}

const PIN = FOLL_PIN | FOLL_WRITE;
const GET = FOLL_GET | FOLL_WRITE;
const of = (preset: PresetName, flags: number) => ({ inForce: rules(preset), flags });

export const forkPinned = defineCase<{ inForce: Rules; flags: number }>({
  id: "mm-fork-pinned",
  title: "fork against a device that writes into a buffer",
  variants: {
    "linux-6.1-pin": { ...of("linux-6.1", PIN), expect: "ok" },
    "linux-5.10-pin": { ...of("linux-5.10", PIN), expect: "ok" },
    "fork-cow-steals-pin": { ...of("linux-5.7", PIN), expect: "lost-write" },
    "fork-cow-steals-reference": { ...of("linux-5.7", GET), expect: "lost-write" },
    "linux-6.1-reference": { ...of("linux-6.1", GET), expect: "lost-write" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), createPages("buffer", 1), v.flags], { children: 2 });
  },
});
