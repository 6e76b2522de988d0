/**
 * kswapd itself against those who allocate: it naps, sleeps, is woken below the low watermark, and balances the node up to the
 * high one, while an allocation that finds nothing reclaims directly. However they meet, nobody's need is overlooked: kswapd
 * never sleeps while less is free than the low watermark says.
 *
 *   kswapd: enough? ─▶ on the queue, nap ─▶ off ─▶ on again ─▶ enough? ─▶ sleep      allocation: low? ─▶ on the queue? wake it
 *
 * What can be reclaimed is page cache that nobody maps, and half of it is enough: kswapd is done after one round, so that the
 * priorities and failures that it counts meanwhile do not multiply what there is to see.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import { defineCase } from "../../machine/scenario.ts";
import { fileRead } from "../filemap.ts";
import { type File, type Inode, O_CREAT } from "../fs.ts";
import { closeFile, nameFile, openFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { startKswapd } from "../kswapd.ts";
import { createProcess } from "../mmUsers.ts";
import { allocPage } from "../pageAlloc.ts";
import { type Guard, type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { createHog, type Hog } from "../world/pages.ts";
import { smallKernel } from "../world/small.ts";

/** Boot: a file of `pages` pages, all of them in memory. */
function* cachedFile(k: Kernel, path: number, pages: number): Task {
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  (file.inode as Inode).size = pages << 12;
  for (let i = 0; i < pages; i++) {
    yield* fileRead(k, file, i);
    yield* lruAddDrain(k);
  }
  yield* closeFile(k, file);
}

/** Takes `n` pages for good. */
function* allocator(k: Kernel, hog: Hog, first: number, n: number): Task {
  for (let i = first; i < first + n; i++) {
    const pfn = yield* allocPage(k, GFP_KERNEL);
    must(pfn >= 0, "assertion", "an allocation fails, and pages could have been reclaimed");
    hog.pfn[i] = pfn;
  }
}

function neverTooLow(k: Kernel): string | true {
  const free = k.zoneState.free[0];
  const { low } = k.zones[0].marks;
  return free >= low || `kswapd sleeps, ${free} pages are free, and it should be woken below ${low}`;
}

interface Parameters {
  readonly inForce: Rules;
  /** Pages that each task allocates. */
  readonly takes: readonly number[];
  /** Pages of the file, and free ones, at the beginning. */
  readonly cached: number;
  readonly free: number;
  /** Pages between the watermarks: 0, `gap`, 2 * `gap`. Without a gap kswapd is woken when reclaim is direct already. */
  readonly gap: number;
}
const without = (guard: Guard): Rules => rules("linux-6.1", { without: [guard] });
/** Enough is free at the beginning, and half of the file brings as much again. */
const asleep: Parameters = { inForce: rules("linux-6.1"), takes: [3], cached: 6, free: 3, gap: 1 };
const direct: Parameters = { ...asleep, cached: 2, free: 1, gap: 0 };

export const kswapdDaemon = defineCase<Parameters>({
  id: "mm-kswapd-daemon",
  title: "kswapd, asleep and awake, against those who allocate",
  variants: {
    "linux-6.1": { ...asleep, expect: "ok" },
    "linux-6.1-direct": { ...direct, takes: [2], expect: "ok" },
    "linux-6.1-direct-two": { ...direct, takes: [1, 1], expect: "ok" },
    "looks-before-it-queues": { ...asleep, inForce: without("kswapdQueuesFirst"), expect: "assertion" },
    "sleeps-without-looking": { ...asleep, inForce: without("kswapdLooksAgain"), expect: "assertion" },
  },
  setup(m, v) {
    const pages = v.cached + v.free;
    const k = smallKernel(m, {
      rules: v.inForce,
      reclaims: true,
      zones: [{ name: "NORMAL", pages }],
      minFreeKbytes: 0,
      watermarkScaleFactor: Math.ceil((10_000 * v.gap) / pages),
      filePages: v.cached,
      reclaimers: 3,
      reclaimRetries: 2,
      ageMask: 0,
    });
    createProcess(k); // somebody lives, so that what is cached may stay
    const hog = createHog(k);
    m.boot(cachedFile, [k, nameFile(k, "/mnt/file"), v.cached]);
    startKswapd(m, k, true);
    v.takes.forEach((n, i) => {
      m.spawn(`allocator${i + 1}`, allocator, [k, hog, 2 * i, n]);
    });
    m.atEnd("kswapd", () => neverTooLow(k), "assertion");
  },
});
