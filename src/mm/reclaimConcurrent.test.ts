/** Reclaim against what else can happen to its folios, in every interleaving: the rules of Linux 6.1 hold at every step. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { checkEveryStep, checkNothingLeft } from "./checks.ts";
import { sysExit } from "./exit.ts";
import { explore } from "./explore.testkit.ts";
import { createKernel, type Kernel, type KernelOptions } from "./kernel.ts";
import { MADV_FREE, sysMadvise } from "./madvise.ts";
import { userWrite } from "./memory.ts";
import { sysMmap, sysMunmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { lruAddDrain } from "./swap.ts";
import { performReclaim } from "./vmscan.ts";

const AT = 64;
const box: { k: Kernel | null } = { k: null };
type Act = (k: Kernel, p: Process) => Task;

function small(m: Machine, options: KernelOptions): Kernel {
  const k = createKernel(m, {
    frames: 6,
    nodes: 1,
    tableShift: 3,
    windowShift: 6,
    tables: 12,
    mms: 2,
    processes: 2,
    vmas: 4,
    inodes: 1,
    files: 1,
    filePages: 2,
    gathers: 2,
    gatherPages: 2,
    seqMask: 15,
    reclaimers: 2,
    ageMask: 7,
    watchPtes: true,
    ...options,
  });
  checkEveryStep(m, k);
  m.atEnd("nothing is left", () => checkNothingLeft(k) ?? true);
  return k;
}

/** Maps and writes a page, marks it lazyfree if asked, lets both run, and exits. */
function* main(k: Kernel, p: Process, a: Act, b: Act, free: boolean): Task {
  yield* sysMmap(k, p, AT, 1, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, null, 0);
  yield* userWrite(k, p, AT, 7);
  yield* lruAddDrain(k);
  if (free) {
    yield* sysMadvise(k, p, AT, 1, MADV_FREE);
    yield* lruAddDrain(k);
  }
  const one = spawn(a, k, p);
  const two = spawn(b, k, p);
  yield* join(one);
  yield* join(two);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function race(a: Act, b: Act, free: boolean, options: KernelOptions = {}) {
  return explore((m) => {
    const k = small(m, options);
    box.k = k;
    const p = createProcess(k);
    for (const f of [a, b]) m.keep(f);
    m.spawn("main", main, [k, p, a, b, free], { children: 2 });
  });
}

function* reclaims(k: Kernel): Task {
  yield* performReclaim(k, GFP_KERNEL, 0);
}
/** The first look keeps what was used, and notes that it was. */
function* reclaimsTwice(k: Kernel): Task {
  yield* performReclaim(k, GFP_KERNEL, 0);
  yield* performReclaim(k, GFP_KERNEL, 0);
}
function* unmaps(k: Kernel, p: Process): Task {
  yield* sysMunmap(k, p, AT, 1);
}
function* writes(k: Kernel, p: Process): Task {
  yield* choose(1); // at any time, not only before the others
  yield* userWrite(k, p, AT, 8);
}

/** Rows of the decision table that the search must have come by, in some order of steps. */
test.each([
  ["munmap", unmaps, [26]],
  ["a write", writes, [18, 26]],
  ["another reclaim", reclaims, [26]],
] as const)(
  "a lazily freed page is discarded, or not, against %s",
  (_name, act, rows) => {
    const r = race(reclaims, act, true);
    expect({ verdict: r.verdict, message: r.message }).toEqual({ verdict: "ok", message: "" });
    for (const row of rows) expect(box.k?.stat.rows[row] ?? 0, `row ${row}`).toBeGreaterThan(0);
  },
  120_000,
);

test.each([
  ["munmap", unmaps],
  ["a write, which brings it back", writes],
  ["another reclaim", reclaims],
] as const)(
  "a page goes to swap against %s",
  (_name, act) => {
    const r = race(reclaimsTwice, act, false, { swapPages: 6 });
    expect({ verdict: r.verdict, message: r.message }).toEqual({ verdict: "ok", message: "" });
    expect(box.k?.stat.rows[26] ?? 0).toBeGreaterThan(0);
  },
  120_000,
);
