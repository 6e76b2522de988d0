/** Two or three tasks on one small machine, in every interleaving: the rules of Linux 6.1 hold at every step. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { join, spawn } from "../machine/wait.ts";
import { checkEveryStep, checkNothingLeft } from "./checks.ts";
import { sysExit } from "./exit.ts";
import { explore } from "./explore.testkit.ts";
import { sysFork } from "./fork.ts";
import { FOLL_PIN, FOLL_WRITE, getUserPagesFast, unpinUserPages } from "./gup.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "./madvise.ts";
import { userWrite } from "./memory.ts";
import { sysMmap, sysMunmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, type Mm, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { sysMprotect } from "./mprotect.ts";
import { rules } from "./rules.ts";
import { lruAddDrain } from "./swap.ts";

const AT = 64;
type Act = (k: Kernel, p: Process) => Task;
type Changes = Parameters<typeof rules>[1];

function small(m: Machine, changes: Changes): Kernel {
  const k = createKernel(m, {
    rules: rules("linux-6.1", changes),
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
    watchPtes: true,
  });
  checkEveryStep(m, k);
  m.atEnd("nothing is left", () => checkNothingLeft(k) ?? true);
  return k;
}

/** Maps a page, lets both run, and exits. */
function* main(k: Kernel, p: Process, a: Act, b: Act): Task {
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

function race(a: Act, b: Act, changes: Changes = {}) {
  return explore((m) => {
    const k = small(m, changes);
    const p = createProcess(k);
    for (const f of [a, b]) m.keep(f);
    m.spawn("main", main, [k, p, a, b], { children: 2 });
  });
}

/** A child that comes and goes. */
function* forks(k: Kernel, p: Process): Task {
  const child = yield* sysFork(k, p);
  if (typeof child !== "number") yield* sysExit(k, child);
}

function* pins(k: Kernel, p: Process): Task {
  const got = yield* getUserPagesFast(k, p.mm as Mm, AT, 1, FOLL_PIN | FOLL_WRITE, k.scratch);
  if (got === 1) yield* unpinUserPages(k, k.scratch, 1, FOLL_PIN, false);
}

function* drops(k: Kernel, p: Process): Task {
  yield* sysMadvise(k, p, AT, 1, MADV_DONTNEED);
}

function* protects(k: Kernel, p: Process): Task {
  yield* sysMprotect(k, p, AT, 1, PROT_READ);
  yield* sysMprotect(k, p, AT, 1, PROT_READ | PROT_WRITE);
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

test("fork against a store", () => {
  expect(outcome(race(forks, writes))).toBe("ok");
});

test("MADV_DONTNEED against a pin, and against fork", () => {
  expect(outcome(race(drops, pins))).toBe("ok");
  expect(outcome(race(drops, forks))).toBe("ok");
});

test("mprotect against a pin", () => {
  expect(outcome(race(protects, pins))).toBe("ok");
});

test("fork against a fast pin: safe because of the sequence, and not without it", () => {
  expect(outcome(race(forks, pins))).toBe("ok");
  expect(race(forks, pins, { gupFastSeqcount: false }).message).toMatch("is pinned and not exclusive");
});
