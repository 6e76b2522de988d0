/**
 * Reclaim against those who take page-table entries away or move them: a swapped page's entry goes with its slot, a page
 * on its way to swap goes with its mapping, and a page that moves is found at its new place or left alone.
 *
 *   reclaim walks the VMAs of the page's anon_vma under the rmap lock; mremap holds it where the walk could miss the page
 *   munmap, DONTNEED: entry and slot (or page) under the page-table lock; a folio that is locked is left to reclaim
 *
 * Without the rmap lock the walk reads where VMAs lie while they move and go away: its first look is the finding, whether or
 * not something happens to it afterwards.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { sysFork } from "../fork.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../madvise.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { MREMAP_FIXED, MREMAP_MAYMOVE, sysMremap } from "../mremap.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import type { TlbOption } from "../tlb.ts";
import { coldPage, leave, reclaims, swapKernel } from "../world/reclaim.ts";
import { A } from "../world/small.ts";

const MUNMAP = 0;
const DONTNEED = 1;
const MREMAP = 2;
const FORK = 3;
const EXIT = 4;
/** Where mremap moves the page to. */
const B = A + 4;

function* main(k: Kernel, p: Process, how: number, swapped: boolean): Task {
  yield* coldPage(k, p);
  // A second mapping keeps the process's other page tables.
  if (how === FORK) yield* sysMmap(k, p, B, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  if (swapped) yield* reclaims(k);
  const a = spawn(reclaims, k);
  const b = spawn(remover, k, p, how);
  yield* join(a);
  yield* join(b);
  if (how === EXIT) {
    yield* leave(k, p);
    return;
  }
  const at = how === MREMAP ? B : A;
  const seen = yield* userRead(k, p, at);
  const expected = how === MUNMAP ? -14 : how === DONTNEED ? 0 : how === FORK ? 2 : 1;
  must(seen === expected, "lost-write", `page ${at} has ${seen} at the end, and not ${expected}`);
  yield* leave(k, p);
}

function* remover(k: Kernel, p: Process, how: number): Task {
  yield* choose(1); // anybody may begin
  if (how === MUNMAP) yield* sysMunmap(k, p, A, 1);
  else if (how === DONTNEED) yield* drops(k, p);
  else if (how === MREMAP) yield* sysMremap(k, p, A, 1, 1, MREMAP_MAYMOVE | MREMAP_FIXED, B);
  else if (how === FORK) yield* forks(k, p);
  else yield* sysExit(k, p);
}

/** Whoever took the page away before: after the call it is empty, for this thread too. */
function* drops(k: Kernel, p: Process): Task {
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
  const seen = yield* userRead(k, p, A);
  must(seen === 0, "lost-write", `the thread has dropped the page, and reads ${seen}`);
}

/** Each has what it wrote, whether page or slot were shared at the time of the fork. */
function* forks(k: Kernel, p: Process): Task {
  const child = (yield* sysFork(k, p)) as Process;
  yield* userWrite(k, child, A, 3);
  yield* userWrite(k, p, A, 2);
  const seen = yield* userRead(k, child, A);
  must(seen === 3, "lost-write", `the child wrote 3, and reads ${seen}`);
  yield* sysExit(k, child);
}

interface Parameters {
  readonly inForce: Rules;
  readonly how: number;
  readonly swapped: boolean;
  readonly slow: boolean;
  readonly tlb: TlbOption;
}
const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });
const base: Parameters = { inForce: rules("linux-6.1"), how: MUNMAP, swapped: false, slow: false, tlb: false };
const forking: Parameters = { ...base, how: FORK };

export const reclaimUnmap = defineCase<Parameters>({
  id: "mm-reclaim-unmap",
  title: "reclaim against munmap, DONTNEED, mremap, fork and exit",
  variants: {
    "linux-6.1-munmap": { ...base, expect: "ok" },
    "linux-6.1-munmap-slow": { ...base, slow: true, expect: "ok" },
    "linux-6.1-munmap-swapped-slow": { ...base, swapped: true, slow: true, expect: "ok" },
    "linux-6.1-dontneed": { ...base, how: DONTNEED, expect: "ok" },
    "linux-6.1-dontneed-slow": { ...base, how: DONTNEED, slow: true, expect: "ok" },
    "linux-6.1-dontneed-tlb": { ...base, how: DONTNEED, tlb: true, expect: "ok" },
    "linux-6.1-mremap": { ...base, how: MREMAP, expect: "ok" },
    "linux-6.1-mremap-slow": { ...base, how: MREMAP, slow: true, expect: "ok" },
    "linux-6.1-mremap-tlb": { ...base, how: MREMAP, tlb: true, expect: "ok" },
    "linux-6.1-fork": { ...forking, expect: "ok" },
    "linux-6.1-fork-slow": { ...forking, slow: true, expect: "ok" },
    "linux-6.1-fork-swapped": { ...forking, swapped: true, expect: "ok" },
    "linux-5.7-fork": { ...forking, inForce: rules("linux-5.7"), expect: "ok" },
    "linux-6.1-exit": { ...base, how: EXIT, expect: "ok" },
    "linux-6.1-exit-slow": { ...base, how: EXIT, slow: true, expect: "ok" },
    "fork-keeps-exclusive": {
      ...forking,
      swapped: true,
      slow: true,
      inForce: without("swapForkShares"),
      expect: "assertion",
    },
    "exit-without-rmap-lock": { ...base, how: EXIT, inForce: without("rmapLock"), expect: "data-race" },
    "munmap-without-rmap-lock": { ...base, inForce: without("rmapLock"), expect: "data-race" },
    "dontneed-without-rmap-lock": { ...base, how: DONTNEED, inForce: without("rmapLock"), expect: "data-race" },
    "mremap-without-rmap-lock": { ...base, how: MREMAP, inForce: without("rmapLock"), expect: "data-race" },
    "fork-without-rmap-lock": { ...forking, inForce: without("rmapLock"), expect: "data-race" },
    "munmap-without-reference-check": { ...base, inForce: without("removeRefCheck"), expect: "use-after-free" },
    "fork-without-batched-flush": { ...forking, tlb: { without: "batch" }, expect: "use-after-free" },
    "dontneed-without-pending-flush": {
      ...base,
      how: DONTNEED,
      tlb: { without: "batchPending" },
      expect: "lost-write",
    },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce, swapSlow: v.slow, tlb: v.tlb, tables: 10 });
    m.spawn("main", main, [k, createProcess(k), v.how, v.swapped], { children: 2 });
  },
});
