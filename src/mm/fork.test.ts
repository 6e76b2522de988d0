/** fork: what a child gets, what it does not get, and what is left when memory runs out. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import { sysExit } from "./exit.ts";
import { sysFork } from "./fork.ts";
import { FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { inKernel, type KernelBody } from "./kernelRun.testkit.ts";
import { MADV_DONTFORK, MADV_WIPEONFORK, sysMadvise } from "./madvise.ts";
import { userRead, userWrite } from "./memory.ts";
import { sysMlock } from "./mlock.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, type Mm, PROT_READ, PROT_WRITE, type Process, VM_LOCKED } from "./mmTypes.ts";
import { pteAt, ptePfn, pteWrite } from "./pageTable.ts";
import { vmaLookup } from "./vma.ts";

const AT = 1 << 20;
const found: (number | boolean)[] = [];
const run = (body: KernelBody, tables = 32): (number | boolean)[] => {
  found.length = 0;
  inKernel(body, { tables });
  return [...found];
};

function* touched(k: Kernel, p: Process, n: number): Task {
  yield* sysMmap(k, p, AT, n, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, null, 0);
  for (let i = 0; i < n; i++) yield* userWrite(k, p, AT + i, 7 + i);
}

function* inherits(k: Kernel, p: Process): Task {
  yield* touched(k, p, 4);
  yield* sysMadvise(k, p, AT + 1, 1, MADV_DONTFORK);
  yield* sysMadvise(k, p, AT + 2, 1, MADV_WIPEONFORK);
  yield* sysMlock(k, p, AT + 3, 1);
  const child = (yield* sysFork(k, p)) as Process;
  const mm = child.mm as Mm;
  found.push(mm.rssAnon, mm.lockedVm, ((vmaLookup(mm, AT + 3)?.flags ?? 0) & VM_LOCKED) !== 0);
  found.push(vmaLookup(mm, AT + 1) === null);
  for (let i = 0; i < 4; i++) found.push(yield* userRead(k, child, AT + i));
  yield* sysExit(k, child);
  found.push((p.mm as Mm).rssAnon);
}

test("a child has the pages, but for DONTFORK and WIPEONFORK; nothing of it is locked", () => {
  expect(run(inherits)).toEqual([2, 0, false, true, 7, -14, 0, 10, 4]);
});

function* pinned(k: Kernel, p: Process, pages: Pages): Task {
  const mm = p.mm as Mm;
  yield* touched(k, p, 2);
  yield* getUserPagesFast(k, mm, AT, 1, FOLL_PIN | FOLL_WRITE, pages);
  const child = (yield* sysFork(k, p)) as Process;
  for (let i = 0; i < 2; i++) {
    const ours = pteAt(k, mm, AT + i);
    const theirs = pteAt(k, child.mm as Mm, AT + i);
    found.push(ptePfn(ours) === ptePfn(theirs), pteWrite(ours), pteWrite(theirs));
  }
  yield* sysExit(k, child);
  yield* unpinUserPages(k, pages, 1, FOLL_PIN, false);
}

test("a pinned page is copied and both may write; any other is shared and nobody may", () => {
  expect(run(pinned)).toEqual([false, true, true, true, false, false]);
});

function* runsOut(k: Kernel, p: Process): Task {
  yield* touched(k, p, 2);
  const { pagesInUse, tablesInUse } = k.state;
  const child = yield* sysFork(k, p);
  found.push(child as number, k.state.pagesInUse - pagesInUse, k.state.tablesInUse - tablesInUse);
  found.push(yield* userRead(k, p, AT + 1));
  found.push(yield* userWrite(k, p, AT, 3));
}

test("without memory for its page tables there is no child, and nothing left of it", () => {
  expect(run(runsOut, 6)).toEqual([-ENOMEM, 0, 0, 8, 0]);
});
