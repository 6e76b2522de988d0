/**
 * Reclaim against faults: one task swaps a page out, others read and write it. Whoever faults finds the page where it is by
 * then: mapped, in the swap cache, on its way to the disk, or only there. No write is lost, and no read is of another page.
 *
 *   reclaim:  lock ─▶ swap cache ─▶ entry becomes a swap entry ─▶ written ─▶ references frozen, clean? ─▶ out of the cache ─▶ freed
 *   fault:    swap cache, or read from the disk ─▶ lock ─▶ still the folio of the slot? ─▶ entry unchanged? ─▶ mapped
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { createPages, FOLL_GET, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_DONTNEED, MADV_PAGEOUT, sysMadvise } from "../madvise.ts";
import { userRead, userWrite } from "../memory.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import type { TlbOption } from "../tlb.ts";
import { coldPage, leave, reclaims, swapKernel } from "../world/reclaim.ts";
import { A } from "../world/small.ts";

const READ = 0;
const WRITE = 1;
const BOTH = 2;
/** Another thread drops the page, writes anew, and that goes to swap, where it gets the same slot. */
const AGAIN = 3;
/** The same against GUP, whose caller hears of what user code never notices: there was no memory, it says. */
const AGAIN_GET = 4;

function* main(k: Kernel, p: Process, pages: Pages, how: number, swapped: boolean): Task {
  yield* coldPage(k, p);
  if (swapped) yield* reclaims(k);
  const a = how >= AGAIN ? spawn(anew, k, p) : spawn(reclaims, k);
  const b = how === AGAIN_GET ? spawn(getter, k, p, pages) : spawn(how === WRITE ? writer : reader, k, p, how);
  const c = how === BOTH ? spawn(writer, k, p) : null;
  yield* join(a);
  yield* join(b);
  if (c !== null) yield* join(c);
  const last = yield* userRead(k, p, A);
  const expected = how === READ ? 1 : 2;
  must(last === expected, "lost-write", `${expected} was written last, and ${last} is read at the end`);
  yield* leave(k, p);
}

function* reader(k: Kernel, p: Process, how: number): Task {
  yield* choose(1); // anybody may begin
  const seen = yield* userRead(k, p, A);
  const ok = seen === 1 || (how !== READ && seen === 2) || (how === AGAIN && seen === 0);
  must(ok, "lost-write", `1 was written, and ${seen} is read`);
}

function* getter(k: Kernel, p: Process, pages: Pages): Task {
  yield* choose(1);
  const got = yield* getUserPagesFast(k, p.mm as Mm, A, 1, FOLL_GET, pages);
  must(got === 1, "assertion", `GUP answers ${got}, and there is memory`);
  yield* unpinUserPages(k, pages, 1, FOLL_GET, false);
}

function* anew(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
  yield* userWrite(k, p, A, 2);
  yield* lruAddDrain(k);
  yield* sysMadvise(k, p, A, 1, MADV_PAGEOUT);
}

function* writer(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* userWrite(k, p, A, 2);
  const seen = yield* userRead(k, p, A);
  must(seen === 2, "lost-write", `2 was written, and ${seen} is read`);
}

interface Parameters {
  readonly inForce: Rules;
  readonly how: number;
  readonly slow: boolean;
  /** Does it begin with the page on the disk? */
  readonly swapped: boolean;
  readonly tlb: TlbOption;
}
const all = rules("linux-6.1");
const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });
const base: Parameters = { inForce: all, how: READ, slow: false, swapped: false, tlb: false };
const again: Parameters = { ...base, how: AGAIN, swapped: true, slow: true };
const swapin: Parameters = { ...base, how: BOTH, swapped: true, slow: true };

export const reclaimFault = defineCase<Parameters>({
  id: "mm-reclaim-fault",
  title: "reclaim against faults",
  variants: {
    "linux-6.1-read": { ...base, expect: "ok" },
    "linux-6.1-write": { ...base, how: WRITE, expect: "ok" },
    "linux-6.1-read-slow": { ...base, slow: true, expect: "ok" },
    "linux-6.1-write-slow": { ...base, how: WRITE, slow: true, expect: "ok" },
    "linux-6.1-swapin-both": { ...base, how: BOTH, swapped: true, expect: "ok" },
    "linux-6.1-swapin-slow": { ...base, how: WRITE, swapped: true, slow: true, expect: "ok" },
    "linux-6.1-tlb": { ...base, how: WRITE, tlb: true, expect: "ok" },
    "without-batched-flush": { ...base, how: WRITE, tlb: { without: "batch" }, expect: "use-after-free" },
    "without-entry-recheck": { ...swapin, inForce: without("swapinPteRecheck"), expect: "use-after-free" },
    "linux-6.1-slot-reused": { ...again, expect: "ok" },
    "gup-slot-reused": { ...again, how: AGAIN_GET, expect: "assertion" },
    "without-folio-recheck": { ...again, inForce: without("swapinFolioRecheck"), expect: "lost-write" },
    "without-folio-lock": { ...swapin, inForce: without("swapinFolioLock"), expect: "lost-write" },
    "without-swap-cache-lock": {
      ...base,
      swapped: true,
      slow: true,
      inForce: without("swapCacheLock"),
      expect: "use-after-free",
    },
    "without-reference-check": {
      ...base,
      swapped: true,
      slow: true,
      inForce: without("removeRefCheck"),
      expect: "use-after-free",
    },
  },
  setup(m, v) {
    const k = swapKernel(m, { rules: v.inForce, swapSlow: v.slow, swapPages: v.how >= AGAIN ? 2 : 3, tlb: v.tlb });
    m.spawn("main", main, [k, createProcess(k), createPages("got", 1), v.how, v.swapped], { children: 3 });
  },
});
