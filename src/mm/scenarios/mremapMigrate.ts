/**
 * mremap against a walk of the reverse mapping: one thread moves a page to another address while migration looks for its
 * mappings, to replace them by migration entries and to put them back.
 *
 *   walk:   anon_vma root read ─▶ VMAs in order of the chain ─▶ page-table lock, is it here?
 *   mremap: the copy of the VMA joins the chain behind the old one (root write) ─▶ the entry moves under the page-table lock
 *
 * The entry moves in the direction of the walk, so the walk cannot miss it: no lock is held over both looks. Where the
 * entry moves to a VMA that stands in front, because it was merged there, mremap holds the root lock meanwhile.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { lockFolio, unlockFolio } from "../../machine/folioLock.ts";
import { downWrite, upWrite } from "../../machine/rwsem.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { doMunmap, sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process, type Vma } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { MREMAP_FIXED, MREMAP_MAYMOVE, movePageTables, sysMremap } from "../mremap.ts";
import { folioGet, folioLockWord, folioMapcount } from "../page.ts";
import { pteAt, ptePfn } from "../pageTable.ts";
import { removeMigrationPtes, tryToMigrate } from "../rmapMigrate.ts";
import { folioPut, lruAddDrain } from "../swap.ts";
import { vmaLookup } from "../vma.ts";
import { vmaMerge } from "../vmaMerge.ts";
import { A, smallKernel } from "../world/small.ts";

const TO = A + 4;

/** `back`: the page comes back to where it was before, next to the VMA that it was cut off from, and joins that. */
function* main(k: Kernel, p: Process, back: number, pages: number, unlocked: number): Task {
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  const at = pages === 2 ? A : A + 1;
  yield* userWrite(k, p, at, 1);
  yield* lruAddDrain(k);
  if (back !== 0) yield* sysMremap(k, p, at, pages, pages, MREMAP_MAYMOVE | MREMAP_FIXED, TO);
  const from = back !== 0 ? TO : at;
  const to = back !== 0 ? at : TO;
  const pfn = ptePfn(pteAt(k, p.mm as Mm, from));
  // The walker's own reference, taken while nobody can free the page.
  yield* folioGet(k, pfn);
  const a = unlocked !== 0 ? spawn(careless, k, p, from, to) : spawn(mover, k, p, from, to, pages);
  const b = spawn(walker, k, pfn);
  yield* join(a);
  yield* join(b);
  const seen = yield* userRead(k, p, to);
  must(seen === 1, "assertion", `the page was moved with content 1, and has ${seen}`);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* mover(k: Kernel, p: Process, from: number, to: number, pages: number): Task {
  yield* choose(1); // anybody may begin
  yield* sysMremap(k, p, from, pages, pages, MREMAP_MAYMOVE | MREMAP_FIXED, to);
}

/** mremap into the VMA in front, and the entry moves without the rmap locks. */
function* careless(k: Kernel, p: Process, from: number, to: number): Task {
  const mm = p.mm as Mm;
  yield* choose(1);
  yield* downWrite(mm.mmapLock);
  const vma = vmaLookup(mm, from) as Vma;
  const front = vmaLookup(mm, to - 1) as Vma;
  yield* vmaMerge(k, mm, front, to, to + 1, vma.flags, vma.anonVma, null, vma.pgoff, vma.policy);
  yield* movePageTables(k, vma, from, to, 1, false);
  yield* doMunmap(k, mm, from, from + 1, false);
  yield* upWrite(mm.mmapLock);
}

/** The first and the last step of migration, with the page going back to where it was. */
function* walker(k: Kernel, pfn: number): Task {
  yield* choose(1);
  yield* lockFolio(folioLockWord(k, pfn));
  yield* tryToMigrate(k, pfn);
  const left = yield* folioMapcount(k, pfn);
  must(left === 0, "assertion", `the walk went over all VMAs, and ${left} entries map the page`);
  yield* removeMigrationPtes(k, pfn, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
}

export const mremapMigrate = defineCase({
  id: "mm-mremap-rmap",
  title: "mremap against a walk of the reverse mapping",
  variants: {
    "linux-6.1": { back: 0, pages: 1, unlocked: 0, expect: "ok" },
    "linux-6.1-whole-table": { back: 0, pages: 2, unlocked: 0, expect: "ok" },
    "linux-6.1-merges": { back: 1, pages: 1, unlocked: 0, expect: "ok" },
    "merges-without-rmap-locks": { back: 1, pages: 1, unlocked: 1, expect: "assertion" },
  },
  setup(m, v) {
    const k = smallKernel(m, { tables: 12 });
    m.spawn("main", main, [k, createProcess(k), v.back, v.pages, v.unlocked], { children: 2 });
  },
});
