/**
 * A write fault against munmap: two threads of one process.
 *
 *   writer: mmap_lock read, find the VMA, new page, page-table lock, is the entry still empty?, map it
 *   other:  mmap_lock write, VMA off the list, downgrade, zap, free tables, flush, free
 *
 * mmap_lock keeps the VMA, its anon_vma and its page tables in place for the fault.
 */
import type { Task } from "../../machine/core.ts";
import { GFP_HIGHUSER_MOVABLE } from "../../machine/gfp.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { anonVmaPrepare } from "../anonVma.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { FAULT_WRITE, handleMmFault, userWrite } from "../memory.ts";
import { lruCacheAdd } from "../mlockPage.ts";
import { doMunmap, sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process, type Vma } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { PG_uptodate, setFlag } from "../page.ts";
import { allocPage } from "../pageAlloc.ts";
import { mkPte, PTE_DIRTY, PTE_WRITE, PTE_YOUNG, setPteAt } from "../pageTable.ts";
import { vmPageProt } from "../pgprot.ts";
import { pteAlloc } from "../pteAlloc.ts";
import { pageAddNewAnonRmap } from "../rmap.ts";
import { lruAddDrain } from "../swap.ts";
import { vmaLookup } from "../vma.ts";
import { A, smallKernel } from "../world/small.ts";

function* main(k: Kernel, p: Process, faults: number, unmaps: number, second: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  const a = spawn(faulter, k, p, faults);
  const b = second !== 0 ? spawn(faulter, k, p, faults) : spawn(unmapper, k, p, unmaps);
  yield* join(a);
  yield* join(b);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

const PROPER = 0;
const NO_LOCK = 1;
const NO_RECHECK = 2;

function* faulter(k: Kernel, p: Process, how: number): Task {
  yield* choose(1); // anybody may begin
  if (how === PROPER) yield* userWrite(k, p, A, 7);
  else if (how === NO_LOCK) yield* faultWithoutLock(k, p);
  else yield* faultWithoutRecheck(k, p);
}

function* unmapper(k: Kernel, p: Process, how: number): Task {
  yield* choose(1);
  if (how === PROPER) yield* sysMunmap(k, p, A, 1);
  else yield* doMunmap(k, p.mm as Mm, A, A + 1, false);
}

/** Nothing keeps the VMA in place. */
function* faultWithoutLock(k: Kernel, p: Process): Task {
  const vma = vmaLookup(p.mm as Mm, A);
  if (vma) yield* handleMmFault(k, vma, A, FAULT_WRITE);
}

/** do_anonymous_page that does not look again under the page-table lock. */
function* faultWithoutRecheck(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* downRead(mm.mmapLock);
  const vma = vmaLookup(mm, A) as Vma;
  yield* pteAlloc(k, mm, A);
  yield* anonVmaPrepare(k, vma);
  const pfn = yield* allocPage(k, GFP_HIGHUSER_MOVABLE);
  setFlag(k, pfn, PG_uptodate);
  yield* lock(mm.ptl);
  mm.rssAnon++;
  yield* pageAddNewAnonRmap(k, pfn, vma, A);
  yield* lruCacheAdd(k, pfn, vma);
  yield* setPteAt(k, mm, A, mkPte(pfn, vmPageProt(vma) | PTE_YOUNG | PTE_WRITE | PTE_DIRTY));
  yield* unlock(mm.ptl);
  yield* upRead(mm.mmapLock);
}

export const faultMunmap = defineCase({
  id: "mm-fault-munmap",
  title: "a write fault against munmap, and against another fault",
  variants: {
    "linux-6.1": { fault: PROPER, unmap: PROPER, second: 0, expect: "ok" },
    "linux-6.1-two-faults": { fault: PROPER, unmap: PROPER, second: 1, expect: "ok" },
    "fault-without-mmap-lock": { fault: NO_LOCK, unmap: PROPER, second: 0, expect: "data-race" },
    "munmap-without-mmap-lock": { fault: PROPER, unmap: NO_LOCK, second: 0, expect: "data-race" },
    "two-faults-without-recheck": { fault: NO_RECHECK, unmap: PROPER, second: 1, expect: "missed-notification" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    m.spawn("main", main, [k, createProcess(k), v.fault, v.unmap, v.second], { children: 2 });
  },
});
