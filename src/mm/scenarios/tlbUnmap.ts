/**
 * Stale translations and freed pages: one thread takes pages out of the page table, another still uses them through the
 * TLB of its CPU.
 *
 *   mmu_gather: entry cleared, page kept ─▶ PTL dropped, section ended ─▶ flush ─▶ pages freed ─▶ call returns
 *                                  other CPUs may use the page ────────▶│ and may not any more
 *
 * After the call has returned, no CPU may get at the page: what the user has unmapped or dropped is gone.
 */
import { type Cell, cell, readOnce, writeOnce } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { defineCase } from "../../machine/scenario.ts";
import { join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../madvise.ts";
import { userRead, userWrite } from "../memory.ts";
import { unmapPageRange, ZAP_ALL } from "../memoryZap.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process, type Vma } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { tlbFinish, tlbFlushOnly, tlbGather } from "../mmuGather.ts";
import { invalidateRangeEnd, invalidateRangeStart, MMU_NOTIFY_CLEAR, RANGE_BLOCKABLE } from "../mmuNotifier.ts";
import { MREMAP_FIXED, MREMAP_MAYMOVE, sysMremap } from "../mremap.ts";
import { freePageList } from "../pageAlloc.ts";
import { lruAddDrain, putPage } from "../swap.ts";
import type { TlbOption } from "../tlb.ts";
import { vmaLookup } from "../vma.ts";
import { A, smallKernel } from "../world/small.ts";

const READ = 0;
const WRITE = 1;

const MUNMAP = 0;
/** MADV_DONTNEED by hand, with the pages freed before the flush. */
const FREE_FIRST = 1;
/** MADV_DONTNEED by two threads: each must be able to rely on its own call. */
const DONTNEED = 2;
/** The page moves away, and is unmapped at its new place. */
const MREMAP = 3;

/** The page that is used: the second of two, so that page tables stay when it goes. */
const AT = A + 1;

function* main(k: Kernel, p: Process, done: Cell, how: number, access: number): Task {
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, AT, 1);
  yield* lruAddDrain(k);
  const a = spawn(remover, k, p, done, how);
  const b = how === DONTNEED ? spawn(dropper, k, p) : spawn(user, k, p, done, how, access);
  yield* join(a);
  yield* join(b);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* remover(k: Kernel, p: Process, done: Cell, how: number): Task {
  if (how === MUNMAP) yield* sysMunmap(k, p, AT, 1);
  else if (how === FREE_FIRST) yield* dropCarelessly(k, p);
  else if (how === MREMAP) {
    yield* sysMremap(k, p, AT, 1, 1, MREMAP_MAYMOVE | MREMAP_FIXED, A + 4);
    yield* sysMunmap(k, p, A + 4, 1);
  } else yield* dropper(k, p);
  yield* writeOnce(done, 1);
}

/** Drops the page, and reads it: it has to be empty. */
function* dropper(k: Kernel, p: Process): Task {
  yield* sysMadvise(k, p, AT, 1, MADV_DONTNEED);
  const seen = yield* userRead(k, p, AT);
  must(seen === 0, "assertion", `the thread has dropped the page, and reads ${seen} from it`);
}

/** zap_page_range_single, but pages are freed before the flush. */
function* dropCarelessly(k: Kernel, p: Process): Task {
  const mm = p.mm as Mm;
  yield* downRead(mm.mmapLock);
  const vma = vmaLookup(mm, AT) as Vma;
  const tlb = tlbGather(k, mm);
  yield* invalidateRangeStart(k, mm, AT, AT + 1, MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE);
  yield* unmapPageRange(k, tlb, vma, AT, AT + 1, ZAP_ALL);
  yield* invalidateRangeEnd(k, mm, AT, AT + 1, MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE);
  const pages = tlb.pages;
  tlb.pages = 0;
  let freed = 0;
  for (let i = 0; i < pages; i++) freed = yield* putPage(k, k.gathered.page[tlb.slot * k.gatherPages + i], freed);
  yield* freePageList(k, freed);
  yield* tlbFlushOnly(k, tlb);
  yield* tlbFinish(k, tlb);
  yield* upRead(mm.mmapLock);
}

function* user(k: Kernel, p: Process, done: Cell, how: number, access: number): Task {
  const late = (yield* readOnce(done)) === 1;
  const result = access === WRITE ? yield* userWrite(k, p, AT, 2) : yield* userRead(k, p, AT);
  if (how === FREE_FIRST || !late) return;
  must(result < 0, "assertion", `the page was unmapped, and an access afterwards has the result ${result}`);
}

interface Parameters {
  readonly tlb: TlbOption;
  readonly how: number;
  readonly access: number;
}

export const tlbUnmap = defineCase<Parameters>({
  id: "mm-tlb-unmap",
  title: "unmapping against threads whose CPUs have the translation",
  variants: {
    "linux-6.1-munmap-read": { tlb: true, how: MUNMAP, access: READ, expect: "ok" },
    "linux-6.1-munmap-write": { tlb: true, how: MUNMAP, access: WRITE, expect: "ok" },
    "linux-6.1-dontneed-twice": { tlb: true, how: DONTNEED, access: READ, expect: "ok" },
    "linux-6.1-mremap": { tlb: true, how: MREMAP, access: WRITE, expect: "ok" },
    "munmap-without-flush": { tlb: { without: "gather" }, how: MUNMAP, access: READ, expect: "use-after-free" },
    "pages-freed-before-flush-read": { tlb: true, how: FREE_FIRST, access: READ, expect: "use-after-free" },
    "pages-freed-before-flush-write": { tlb: true, how: FREE_FIRST, access: WRITE, expect: "use-after-free" },
    "dontneed-twice-without-nested-flush": {
      tlb: { without: "gatherNested" },
      how: DONTNEED,
      access: READ,
      expect: "assertion",
    },
    "mremap-without-flush": { tlb: { without: "mremap" }, how: MREMAP, access: WRITE, expect: "use-after-free" },
  },
  setup(m, v) {
    const k = smallKernel(m, { tlb: v.tlb, tables: 12 });
    m.spawn("main", main, [k, createProcess(k), cell("done"), v.how, v.access], { children: 2 });
  },
});
