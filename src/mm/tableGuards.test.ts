import { expect, test } from "vitest";
import type { Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { explore } from "./explore.testkit.ts";
import { freePgtables } from "./freePgtables.ts";
import { createKernel, type Kernel } from "./kernel.ts";
import { userWrite } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, type Mm, PROT_READ, PROT_WRITE, type Process, type Vma } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import { tlbGather } from "./mmuGather.ts";
import { installTables } from "./pteAlloc.ts";
import { tableMoves } from "./tableGuards.ts";
import { vmaLookup } from "./vma.ts";

const AT = 8;
type Body = (k: Kernel, mm: Mm) => Task;

/** What is found when `body` runs in a process that has a private page at AT. */
function found(body: Body): string {
  const result = explore((m) => {
    const k = createKernel(m, {
      frames: 8,
      nodes: 1,
      tableShift: 1,
      windowShift: 3,
      tables: 12,
      mms: 1,
      watchPtes: true,
    });
    m.keep(body);
    m.spawn("main", main, [k, createProcess(k), body]);
  });
  return `${result.verdict}: ${result.message}`;
}

function* main(k: Kernel, p: Process, body: Body): Task {
  yield* sysMmap(k, p, AT, 2, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, AT, 1);
  yield* body(k, p.mm as Mm);
}

function* installs(k: Kernel, mm: Mm): Task {
  installTables(k, mm, AT + 4);
}

function* frees(k: Kernel, mm: Mm): Task {
  yield* downWrite(mm.mmapLock);
  const vma = vmaLookup(mm, AT) as Vma;
  yield* freePgtables(k, tlbGather(k, mm), vma, 0, 0);
  yield* upWrite(mm.mmapLock);
}

function* moves(k: Kernel, mm: Mm): Task {
  tableMoves(k, mm, AT, AT + 2);
}

function* movesUnannounced(k: Kernel, mm: Mm): Task {
  yield* lock(mm.ptl);
  tableMoves(k, mm, AT, AT + 2);
  yield* unlock(mm.ptl);
}

function* looks(_k: Kernel, mm: Mm): Task {
  vmaLookup(mm, AT);
}

function* changes(_k: Kernel, mm: Mm): Task {
  yield* downWrite(mm.mmapLock);
  const vma = vmaLookup(mm, AT) as Vma;
  yield* upWrite(mm.mmapLock);
  vma.end = AT + 1;
}

test("page tables and VMAs have their locks", () => {
  expect(found(installs)).toBe("data-race: main changes page tables of mm1 without holding mm1.mmapLock");
  expect(found(frees)).toBe("use-after-free: page tables of vma1 are freed, and the reverse mapping leads to it");
  expect(found(moves)).toBe("data-race: main moves a page table of mm1 without holding mm1.ptl");
  expect(found(movesUnannounced)).toMatch("missed-notification: main moves the table of pages 8 to 10 of mm1");
  expect(found(looks)).toBe("data-race: main reads mm1.mmap without holding mm1.mmapLock");
  expect(found(changes)).toBe("data-race: main writes vma1.end without holding mm1.mmapLock");
});
