/**
 * Stale writable translations: the page table has become read-only, or leads to another frame, and a store still goes
 * through the TLB of some CPU. What is stored then is lost, or is seen by somebody who must not see it.
 *
 *   fork         entries of the parent lose the right to write ─▶ flush_tlb_mm ─▶ mmap_lock dropped, the child runs
 *   mprotect     entries change ─▶ section ends ─▶ flush ─▶ mmap_lock dropped
 *   COW          old entry cleared ─▶ flush ─▶ new entry, all under the page-table lock
 *   migration    entry cleared ─▶ flush ─▶ migration entry, under the page-table lock; then the content is copied
 *   clear_refs   entries change ─▶ section ends ─▶ flush_tlb_mm ─▶ mmap_lock dropped
 */
import { type Cell, cell, readOnce, writeOnce } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { type Broken, must } from "../../machine/finding.ts";
import { defineCase, type Variant } from "../../machine/scenario.ts";
import { join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { sysFork } from "../fork.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMovePages } from "../mempolicy.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { sysMprotect } from "../mprotect.ts";
import { PTE_SOFT_DIRTY, pteAt } from "../pageTable.ts";
import { lruAddDrain } from "../swap.ts";
import { CLEAR_REFS_SOFT_DIRTY, clearRefs } from "../taskMmu.ts";
import type { FlushPoint, TlbOption } from "../tlb.ts";
import { A, smallKernel } from "../world/small.ts";

const FORK = 0;
const MPROTECT = 1;
const COW = 2;
const MIGRATE = 3;
const CLEAR_REFS = 4;

function* main(k: Kernel, p: Process, done: Cell, how: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const child = how === COW ? ((yield* sysFork(k, p)) as Process) : null;
  const a = spawn(changer, k, p, done, how);
  const b = how === COW ? spawn(reader, k, p, done) : spawn(writer, k, p, done, how);
  yield* join(a);
  yield* join(b);
  if (how === MIGRATE) yield* mustRead(k, p, 2, true);
  if (child) {
    yield* mustRead(k, child, 1, false);
    yield* sysExit(k, child);
  }
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* changer(k: Kernel, p: Process, done: Cell, how: number): Task {
  if (how === FORK) yield* forks(k, p);
  else if (how === MPROTECT) yield* sysMprotect(k, p, A, 1, PROT_READ);
  else if (how === COW) yield* userWrite(k, p, A, 2);
  else if (how === MIGRATE) yield* sysMovePages(k, p, A, 1, 1, 2);
  else yield* clearRefs(k, p, p.mm as Mm, CLEAR_REFS_SOFT_DIRTY);
  yield* writeOnce(done, 1);
}

/** What the child reads is what there was at the time of the fork, however often it looks. */
function* forks(k: Kernel, p: Process): Task {
  const child = (yield* sysFork(k, p)) as Process;
  const seen = yield* userRead(k, child, A);
  yield* mustRead(k, child, seen, false);
  yield* sysExit(k, child);
}

/** What the process itself has stored, or what its parent had when it was forked. */
function* mustRead(k: Kernel, p: Process, expected: number, own: boolean): Task {
  const seen = yield* userRead(k, p, A);
  const what = own ? "the process has stored" : "the child of fork has";
  must(seen === expected, own ? "lost-write" : "assertion", `${what} ${expected}, and a load finds ${seen}`);
}

function* writer(k: Kernel, p: Process, done: Cell, how: number): Task {
  const late = (yield* readOnce(done)) === 1;
  const result = yield* userWrite(k, p, A, 2);
  if (how === MPROTECT && late) must(result < 0, "assertion", "the page is read-only, and a store succeeds");
  if (how !== CLEAR_REFS || !late) return;
  const tracked = (pteAt(k, p.mm as Mm, A) & PTE_SOFT_DIRTY) !== 0;
  must(tracked, "assertion", "a page was written after clear_refs, and is not soft-dirty");
}

/** The other thread has stored 2 in a page that was shared with a child. */
function* reader(k: Kernel, p: Process, done: Cell): Task {
  const late = (yield* readOnce(done)) === 1;
  const seen = yield* userRead(k, p, A);
  must(!late || seen === 2, "lost-write", `the process has stored 2, and a load afterwards finds ${seen}`);
}

/** What goes wrong without the flush. */
const CALLS: readonly { name: string; how: number; point: FlushPoint; broken: Broken }[] = [
  { name: "fork", how: FORK, point: "fork", broken: "assertion" },
  { name: "mprotect", how: MPROTECT, point: "gather", broken: "assertion" },
  { name: "cow", how: COW, point: "cow", broken: "lost-write" },
  { name: "migration", how: MIGRATE, point: "migrate", broken: "use-after-free" },
  { name: "clear-refs", how: CLEAR_REFS, point: "clearRefs", broken: "assertion" },
];

interface Parameters {
  readonly how: number;
  readonly tlb: TlbOption;
}

const variants = CALLS.flatMap(({ name, how, point, broken }): [string, Parameters & Variant][] => [
  [`linux-6.1-${name}`, { how, tlb: true, expect: "ok" }],
  [`${name}-without-flush`, { how, tlb: { without: point }, expect: broken }],
]);

export const tlbProtect = defineCase<Parameters>({
  id: "mm-tlb-protect",
  title: "taking the right to write against a thread whose CPU has it",
  variants: Object.fromEntries(variants),
  setup(m, v) {
    const migrates = v.how === MIGRATE;
    const k = smallKernel(m, { tlb: v.tlb, tables: 10, frames: migrates ? 8 : 6, nodes: migrates ? 2 : 1 });
    m.spawn("main", main, [k, createProcess(k), cell("done"), v.how], { children: 2 });
  },
});
