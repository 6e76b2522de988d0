/**
 * The OOM killer called by allocations, against the victim's own: who finds nothing kills, one at a time, and waits; the victim
 * may be anywhere, in the page allocator too, and gets on with its death by what is kept for it.
 *
 *   allocation: nothing to reclaim ─▶ oom_lock? ─taken─▶ wait       victim: killed in its fault, mmap_lock held for reading
 *      └─▶ memory has come? ─▶ somebody dying? ─▶ kill ─▶ again        └─▶ half of the reserves ─▶ signal ─▶ exit
 *                                                                   reaper: mmap_lock for reading ─▶ pages ─▶ MMF_OOM_SKIP
 *
 * The memory of the worst process is enough for all, so nobody else need die: not while that one is dying, and not when its
 * memory has come. But there are ways: exit_mmap sets MMF_OOM_SKIP while pages are still in its gather, not yet free; and a
 * victim where the reaper cannot get in is given up, so that the next one dies for it.
 */
import { type Cell, cell, fetchAdd } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import { downWrite, upWrite } from "../../machine/rwsem.ts";
import { defineCase } from "../../machine/scenario.ts";
import { until } from "../../machine/wait.ts";
import { becomeProcess } from "../current.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import type { Mm, Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { startOomReaper } from "../oomReaper.ts";
import { allocPage } from "../pageAlloc.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import { folioPut } from "../swap.ts";
import { ANON, anonPages, createHog, type Hog, mapPages } from "../world/pages.ts";
import { A, smallKernel } from "../world/small.ts";

const FAULTS = 0;
const EXITS = 1;
/** Does nothing. */
const IDLE = 4;
/** Allocates with mmap_lock held for writing, where the reaper cannot get in. */
const STUCK = 2;
/** Holds mmap_lock for writing until the others have what they need. */
const WAITS = 3;

/** A thread of the kernel that needs a page. */
function* allocator(k: Kernel, hog: Hog, served: Cell, i: number): Task {
  const pfn = yield* allocPage(k, GFP_KERNEL);
  must(pfn >= 0, "assertion", "an allocation fails, and somebody could have been killed");
  hog.pfn[i] = pfn;
  yield* fetchAdd(served, 1);
}

/** The worst process. But for EXITS it lives until the others have their pages: what they get comes from the reaper. */
function* worst(k: Kernel, p: Process, served: Cell, allocators: number, how: number): Task {
  becomeProcess(p);
  if (how <= EXITS) yield* userWrite(k, p, A + 3, 2);
  else if (how !== IDLE) yield* changesMappings(k, p.mm as Mm, served, allocators, how);
  if (how === FAULTS || how === IDLE) yield* until(() => served.value === allocators);
  yield* sysExit(k, p);
}

function* changesMappings(k: Kernel, mm: Mm, served: Cell, allocators: number, how: number): Task {
  yield* downWrite(mm.mmapLock);
  if (how === WAITS) {
    yield* until(() => served.value === allocators);
  } else {
    const pfn = yield* allocPage(k, GFP_KERNEL);
    if (pfn >= 0) yield* folioPut(k, pfn);
  }
  yield* upWrite(mm.mmapLock);
}

interface Parameters {
  readonly inForce: Rules;
  readonly allocators: number;
  readonly how: number;
  readonly reaper: boolean;
  /** Must nobody else be killed? */
  readonly spares: boolean;
}
const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });
const one: Parameters = { inForce: rules("linux-6.1"), allocators: 1, how: FAULTS, reaper: true, spares: true };
const two: Parameters = { ...one, allocators: 2, how: IDLE };
const stuck: Parameters = { ...one, how: STUCK, reaper: false, spares: false };
const waits: Parameters = { ...one, how: WAITS, spares: false };

export const oomAllocation = defineCase<Parameters>({
  id: "mm-oom-allocation",
  title: "allocations that kill against what their victim allocates",
  variants: {
    "linux-6.1": { ...one, expect: "ok" },
    "linux-6.1-two": { ...two, expect: "ok" },
    "linux-6.1-stuck": { ...stuck, expect: "ok" },
    "linux-6.1-waits": { ...waits, expect: "ok" },
    "killed-for-who-exits": { ...one, how: EXITS, expect: "assertion" },
    "killed-for-who-is-stuck": { ...waits, spares: true, expect: "assertion" },
    "second-victim": { ...two, inForce: without("oomOneVictim"), expect: "assertion" },
    "without-last-look": { ...two, inForce: without("oomLastLook"), expect: "assertion" },
    "without-reserves": { ...stuck, inForce: without("oomReserves"), expect: "livelock" },
    "reaper-never-gives-up": { ...waits, inForce: without("oomReaperSkips"), expect: "livelock" },
  },
  setup(m, v) {
    const k = smallKernel(m, {
      rules: v.inForce,
      reclaims: true,
      zones: [{ name: "NORMAL", pages: 6 }],
      minFreeKbytes: 8,
      watermarkScaleFactor: 0,
      tables: 12,
      reclaimers: 3,
      reclaimRetries: 1,
      oomReapRetries: 2,
    });
    const p = createProcess(k);
    const bystander = createProcess(k);
    const hog = createHog(k);
    m.boot(mapPages, [k, p, A, 4, ANON, 3]);
    m.boot(anonPages, [k, bystander, A, 1]);
    const served = cell("served");
    if (v.reaper) startOomReaper(m, k);
    for (let i = 0; i < v.allocators; i++) m.spawn(`allocator${i + 1}`, allocator, [k, hog, served, i]);
    m.spawn("worst", worst, [k, p, served, v.allocators, v.how]);
    if (v.spares) m.invariant("who need not die lives", () => !bystander.killed);
  },
});
