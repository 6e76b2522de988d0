/** Two or three tasks on one small machine, in every interleaving: the rules of Linux 6.1 hold at every step. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { join, spawn } from "../machine/wait.ts";
import { checkEveryStep, checkNothingLeft } from "./checks.ts";
import { sysExit } from "./exit.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { userWrite } from "./memory.ts";
import { sysMmap, sysMunmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { explore } from "./slice/explore.testkit.ts";
import { lruAddDrain } from "./swap.ts";

const AT = 64;

function small(m: Machine): Kernel {
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
  });
  checkEveryStep(m, k);
  m.atEnd("nothing is left", () => checkNothingLeft(k) ?? true);
  return k;
}

/** Maps a page, lets both run, and exits. */
function* main(k: Kernel, p: Process, a: (k: Kernel, p: Process) => Task, b: (k: Kernel, p: Process) => Task): Task {
  yield* sysMmap(k, p, AT, 1, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, null, 0);
  yield* userWrite(k, p, AT, 7);
  const one = spawn(a, k, p);
  const two = spawn(b, k, p);
  yield* join(one);
  yield* join(two);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* unmaps(k: Kernel, p: Process): Task {
  yield* sysMunmap(k, p, AT, 1);
}

function* writes(k: Kernel, p: Process): Task {
  yield* userWrite(k, p, AT, 8);
}

function race(a: (k: Kernel, p: Process) => Task, b: (k: Kernel, p: Process) => Task) {
  return explore((m) => {
    const k = small(m);
    const p = createProcess(k);
    for (const f of [a, b]) m.keep(f);
    m.spawn("main", main, [k, p, a, b], { children: 2 });
  });
}

/** The verdict, with what led to it. */
function outcome(result: ReturnType<typeof race>): string {
  return [result.verdict, result.message, ...result.steps].filter((line) => line !== "").join("\n");
}

test("a store against munmap", () => {
  expect(outcome(race(writes, unmaps))).toBe("ok");
});

test("two stores to an untouched page", () => {
  expect(outcome(race(writes, writes))).toBe("ok");
});
