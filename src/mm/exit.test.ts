/** The end of an address space: what goes with it, what keeps it, and which page tables go with an unmapped VMA. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { mmput, sysExec, sysExit } from "./exit.ts";
import type { Kernel } from "./kernel.ts";
import { inKernel, type KernelBody } from "./kernelRun.testkit.ts";
import { userWrite } from "./memory.ts";
import { sysMmap, sysMunmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, type Mm, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { mmget } from "./mmUsers.ts";
import { pmdPages, tablesOf } from "./pageTable.ts";

const AT = 1 << 20;
const found: (number | boolean)[] = [];
const run = (body: KernelBody): (number | boolean)[] => {
  found.length = 0;
  inKernel(body);
  return [...found];
};

function* page(k: Kernel, p: Process, at: number): Task {
  yield* sysMmap(k, p, at, 1, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, null, 0);
  yield* userWrite(k, p, at, 1);
}

function* exits(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* page(k, p, AT);
  yield* mmget(mm);
  yield* sysExit(k, p);
  found.push(k.state.pagesInUse, tablesOf(k, mm));
  yield* mmput(k, mm);
  found.push(k.state.pagesInUse, k.state.tablesInUse);
}

test("the last user of an mm tears it down, not the process", () => {
  expect(run(exits)).toEqual([1, 3, 0, 0]);
});

function* execs(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* page(k, p, AT);
  found.push(yield* sysExec(k, p));
  found.push(p.mm !== mm, (p.mm as Mm).mmap === null, k.state.pagesInUse);
  yield* page(k, p, AT);
  yield* sysExit(k, p);
  found.push(k.state.pagesInUse, k.state.tablesInUse);
}

test("exec leaves nothing of the old address space, and the new one works", () => {
  expect(run(execs)).toEqual([0, true, true, 0, 0, 0]);
});

function* shares(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  const size = pmdPages(k);
  yield* page(k, p, AT);
  yield* page(k, p, AT + 8);
  yield* page(k, p, AT + size);
  found.push(tablesOf(k, mm));
  yield* sysMunmap(k, p, AT, 1);
  found.push(tablesOf(k, mm));
  yield* sysMunmap(k, p, AT + 8, 1);
  found.push(tablesOf(k, mm));
  yield* sysMunmap(k, p, AT + size, 1);
  found.push(tablesOf(k, mm));
}

test("a page table goes with the last VMA in what it covers", () => {
  expect(run(shares)).toEqual([4, 4, 3, 0]);
});
