/**
 * MADV_DONTNEED against itself and against a fault: all of them have mmap_lock for reading only, so entries are all that
 * they agree on, under the page-table lock.
 *
 *   DONTNEED: start ─▶ page-table lock: present? cleared, mapping and page to the gather ─▶ end ─▶ flush, free
 *   fault:    page ─▶ page-table lock: still empty? map : give the page back
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../madvise.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { pteAt, ptePfn, ptePresent, setPteAt } from "../pageTable.ts";
import { pageRemoveRmap } from "../rmap.ts";
import { rssAdd } from "../rss.ts";
import { folioPut, lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process, careless: boolean): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const a = spawn(dropper, k, p, careless);
  const b = spawn(dropper, k, p, careless);
  const c = spawn(writer, k, p);
  yield* join(a);
  yield* join(b);
  yield* join(c);
  const seen = yield* userRead(k, p, A);
  must(seen === 0 || seen === 2, "assertion", `the page was dropped and written, and shows ${seen}`);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* dropper(k: Kernel, p: Process, careless: boolean): Task {
  yield* choose(1); // anybody may begin
  if (careless) yield* dropWithoutPtl(k, p.mm as Mm);
  else yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}

function* writer(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userWrite(k, p, A, 2);
}

/** Between looking and clearing the entry may change. */
function* dropWithoutPtl(k: Kernel, mm: Mm): Task {
  yield* downRead(mm.mmapLock);
  const pte = pteAt(k, mm, A);
  if (ptePresent(pte)) {
    yield* setPteAt(k, mm, A, 0);
    rssAdd(k, mm, ptePfn(pte), -1);
    yield* pageRemoveRmap(k, ptePfn(pte));
    yield* folioPut(k, ptePfn(pte));
  }
  yield* upRead(mm.mmapLock);
}

export const dontneed = defineCase<{ careless: boolean }>({
  id: "mm-dontneed",
  title: "MADV_DONTNEED against another one and against a fault",
  variants: {
    "linux-6.1": { careless: false, expect: "ok" },
    "without-page-table-lock": { careless: true, expect: "data-race" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    m.spawn("main", main, [k, createProcess(k), v.careless], { children: 3 });
  },
});
