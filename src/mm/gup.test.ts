/** GUP at the borders of VMAs and rights: how many pages, which error, which references. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { EFAULT, EINVAL } from "../machine/errno.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import {
  FOLL_FORCE,
  FOLL_GET,
  FOLL_PIN,
  FOLL_WRITE,
  getUserPages,
  getUserPagesFast,
  type Pages,
  unpinUserPages,
} from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { inKernel, type KernelBody } from "./kernelRun.testkit.ts";
import { userWrite } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, type Mm, PROT_NONE, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { sysMprotect } from "./mprotect.ts";
import { GUP_PIN_COUNTING_BIAS, ZERO_PFN } from "./page.ts";
import { pteAt, ptePfn } from "./pageTable.ts";
import { lruAddDrain } from "./swap.ts";

const AT = 1 << 20;
const ANON = MAP_ANONYMOUS | MAP_PRIVATE;
const found: number[] = [];
const run = (body: KernelBody): number[] => {
  found.length = 0;
  inKernel(body);
  return [...found];
};
const refs = (k: Kernel, p: Process, at: number): number => k.frames.refcount[ptePfn(pteAt(k, p.mm as Mm, at))];

/** Pages 0 … 2 to be read and written, 3 read-only, 4 without rights, nothing at 5. */
function* area(k: Kernel, p: Process): Task {
  yield* sysMmap(k, p, AT, 5, PROT_READ | PROT_WRITE, ANON, null, 0);
  for (let i = 0; i < 5; i++) yield* userWrite(k, p, AT + i, i);
  yield* sysMprotect(k, p, AT + 3, 1, PROT_READ);
  yield* sysMprotect(k, p, AT + 4, 1, PROT_NONE);
  yield* lruAddDrain(k);
}

function* borders(k: Kernel, p: Process, pages: Pages): Task {
  const mm = p.mm as Mm;
  yield* area(k, p);
  const read = yield* getUserPagesFast(k, mm, AT + 1, 5, FOLL_PIN, pages);
  yield* unpinUserPages(k, pages, read, FOLL_PIN, false);
  const write = yield* getUserPagesFast(k, mm, AT + 1, 5, FOLL_PIN | FOLL_WRITE, pages);
  yield* unpinUserPages(k, pages, write, FOLL_PIN, false);
  found.push(read, write);
  found.push(yield* getUserPagesFast(k, mm, AT + 3, 1, FOLL_PIN | FOLL_WRITE, pages));
  found.push(yield* getUserPagesFast(k, mm, AT + 4, 1, FOLL_GET, pages));
  found.push(yield* getUserPagesFast(k, mm, AT + 5, 1, FOLL_GET, pages));
  found.push(yield* getUserPagesFast(k, mm, AT, 0, FOLL_GET, pages));
}

test("as many as there are before the first that cannot be had; an error only for the first", () => {
  expect(run(borders)).toEqual([3, 2, -EFAULT, -EFAULT, -EFAULT, -EINVAL]);
});

function* counts(k: Kernel, p: Process, pages: Pages): Task {
  const mm = p.mm as Mm;
  yield* area(k, p);
  const before = refs(k, p, AT);
  yield* getUserPagesFast(k, mm, AT, 1, FOLL_GET, pages);
  found.push(refs(k, p, AT) - before);
  yield* unpinUserPages(k, pages, 1, FOLL_GET, false);
  yield* getUserPagesFast(k, mm, AT, 1, FOLL_PIN, pages);
  found.push(refs(k, p, AT) - before);
  yield* unpinUserPages(k, pages, 1, FOLL_PIN, false);
  found.push(refs(k, p, AT) - before);
}

test("FOLL_GET takes one reference, FOLL_PIN its bias, and both go again", () => {
  expect(run(counts)).toEqual([1, GUP_PIN_COUNTING_BIAS, 0]);
});

function* zeroPage(k: Kernel, p: Process, pages: Pages): Task {
  yield* sysMmap(k, p, AT, 1, PROT_READ, ANON, null, 0);
  const before = k.frames.refcount[ZERO_PFN];
  found.push(yield* getUserPagesFast(k, p.mm as Mm, AT, 1, FOLL_PIN, pages));
  found.push(pages.pfn[0], k.frames.refcount[ZERO_PFN] - before);
  yield* unpinUserPages(k, pages, 1, FOLL_PIN, false);
  found.push(k.frames.refcount[ZERO_PFN] - before);
}

test("the zero page is never pinned, and unpinning it does nothing", () => {
  expect(run(zeroPage)).toEqual([1, ZERO_PFN, 0, 0]);
});

function* force(k: Kernel, p: Process, pages: Pages): Task {
  const mm = p.mm as Mm;
  yield* area(k, p);
  yield* downRead(mm.mmapLock);
  for (const flags of [FOLL_WRITE, FOLL_WRITE | FOLL_FORCE]) {
    const got = yield* getUserPages(k, mm, AT + 3, 1, FOLL_GET | flags, pages);
    found.push(got);
    if (got > 0) yield* unpinUserPages(k, pages, got, FOLL_GET, false);
  }
  const got = yield* getUserPages(k, mm, AT + 4, 1, FOLL_GET | FOLL_FORCE, pages);
  found.push(got);
  if (got > 0) yield* unpinUserPages(k, pages, got, FOLL_GET, false);
  yield* upRead(mm.mmapLock);
}

test("FOLL_FORCE writes where the process may not, and reads what has no rights", () => {
  expect(run(force)).toEqual([-EFAULT, 1, 1]);
});

function* remembers(k: Kernel, p: Process, pages: Pages): Task {
  const mm = p.mm as Mm;
  yield* area(k, p);
  found.push(Number(mm.hasPinned));
  yield* getUserPagesFast(k, mm, AT, 1, FOLL_GET, pages);
  yield* unpinUserPages(k, pages, 1, FOLL_GET, false);
  found.push(Number(mm.hasPinned));
  yield* getUserPagesFast(k, mm, AT + 5, 1, FOLL_PIN, pages);
  found.push(Number(mm.hasPinned));
}

test("MMF_HAS_PINNED is set by the attempt, and by pins only", () => {
  expect(run(remembers)).toEqual([0, 0, 1]);
});
