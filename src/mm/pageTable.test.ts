/** Page tables: which levels there are, what runs out, what changes of entries give back. */
import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import type { Kernel } from "./kernel.ts";
import { inKernel, type KernelBody } from "./kernelRun.testkit.ts";
import { sysMmap, sysMunmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, type Mm, PROT_READ, type Process } from "./mmTypes.ts";
import {
  addrEnd,
  mkPte,
  PTE_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  pmdPages,
  pteAt,
  ptePfn,
  ptePresent,
  ptepClearBits,
  ptepGetAndClear,
  ptepSetBits,
  pteSlot,
  pudPages,
  setPteAt,
  tablesOf,
} from "./pageTable.ts";
import { pmdAlloc, pteAlloc } from "./pteAlloc.ts";

const AT = 1 << 20;
const found: (number | boolean)[] = [];
const run = (body: KernelBody, tables = 32): (number | boolean)[] => {
  found.length = 0;
  inKernel(body, { tables });
  return [...found];
};

function* levels(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* sysMmap(k, p, AT, 2 * pmdPages(k), PROT_READ, MAP_ANONYMOUS | MAP_PRIVATE, null, 0);
  yield* downWrite(mm.mmapLock);
  found.push(yield* pmdAlloc(k, mm, AT), tablesOf(k, mm), pteSlot(k, mm, AT));
  found.push(yield* pteAlloc(k, mm, AT), tablesOf(k, mm), yield* pteAlloc(k, mm, AT + 1), tablesOf(k, mm));
  found.push(pteSlot(k, mm, AT + 1) - pteSlot(k, mm, AT), pteSlot(k, mm, AT + pmdPages(k)));
  found.push(yield* pteAlloc(k, mm, AT + pmdPages(k)), tablesOf(k, mm));
  yield* upWrite(mm.mmapLock);
  yield* sysMunmap(k, p, AT, 2 * pmdPages(k));
  found.push(tablesOf(k, mm));
}

test("a pte needs three tables below the top, its neighbour none, the next block one; munmap gives all back", () => {
  expect(run(levels)).toEqual([true, 2, 0, true, 3, true, 3, 1, 0, true, 4, 0]);
});

function* runsOut(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* sysMmap(k, p, AT, 1, PROT_READ, MAP_ANONYMOUS | MAP_PRIVATE, null, 0);
  yield* downWrite(mm.mmapLock);
  found.push(yield* pteAlloc(k, mm, AT), pteAt(k, mm, AT));
  yield* upWrite(mm.mmapLock);
  yield* sysMunmap(k, p, AT, 1);
}

test("without a table for the last level there is no entry, and no harm", () => {
  expect(run(runsOut, 3)).toEqual([false, 0]);
});

function* bits(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* sysMmap(k, p, AT, 1, PROT_READ, MAP_ANONYMOUS | MAP_PRIVATE, null, 0);
  yield* downWrite(mm.mmapLock);
  yield* pteAlloc(k, mm, AT);
  yield* lock(mm.ptl);
  found.push(yield* setPteAt(k, mm, AT, mkPte(5, PTE_WRITE)));
  const before = yield* ptepSetBits(k, mm, AT, PTE_DIRTY | PTE_YOUNG);
  found.push((before & PTE_DIRTY) !== 0, (pteAt(k, mm, AT) & PTE_DIRTY) !== 0);
  const young = yield* ptepClearBits(k, mm, AT, PTE_YOUNG);
  found.push((young & PTE_YOUNG) !== 0, (pteAt(k, mm, AT) & PTE_YOUNG) !== 0);
  const old = yield* ptepGetAndClear(k, mm, AT);
  found.push(ptePresent(old), ptePfn(old), (old & PTE_WRITE) !== 0, pteAt(k, mm, AT));
  yield* unlock(mm.ptl);
  yield* upWrite(mm.mmapLock);
  yield* sysMunmap(k, p, AT, 1);
}

test("every change of an entry answers with the old one", () => {
  expect(run(bits)).toEqual([0, false, true, true, false, true, 5, true, 0]);
});

function* withoutTable(k: Kernel, p: Process): Task {
  yield* setPteAt(k, p.mm as Mm, AT, 0);
}

test("an entry of a table that is not there is a finding", () => {
  expect(() => run(withoutTable)).toThrow(Finding);
});

test("addresses end at the next multiple, or before", () => {
  expect([addrEnd(3, 100, 8), addrEnd(8, 100, 8), addrEnd(97, 100, 8)]).toEqual([8, 16, 100]);
  expect(pudPages({ tableShift: 9 } as Kernel)).toBe(1 << 18);
});
