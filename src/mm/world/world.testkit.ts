/** For tests: what may happen to the pages of a world. */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { GFP_KERNEL } from "../../machine/gfp.ts";
import { sysExit } from "../exit.ts";
import type { Pages } from "../gup.ts";
import { HMM_VALID, HMM_WRITE } from "../hmm.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../madvise.ts";
import { userRead } from "../memory.ts";
import type { Process } from "../mmTypes.ts";
import { hasFlag, PG_anon, PG_lru, PG_swapcache, type Vpn } from "../page.ts";
import { allocPage } from "../pageAlloc.ts";
import { lruAddDrain } from "../swap.ts";
import { ANON, frameAt, type Hog, type PageKind, SWAP_CACHE } from "./pages.ts";
import { A } from "./small.ts";

export const unmapped = (k: Kernel, p: Process, vpn: Vpn): boolean => frameAt(k, p, vpn) < 0;

export function* looksAt(k: Kernel, p: Process, at: Vpn, kind: PageKind): Task {
  const pfn = frameAt(k, p, at);
  must(pfn > 0 && unmapped(k, p, at + 1), "assertion", "the first page is there, and not the second");
  const found = [hasFlag(k, pfn, PG_lru), hasFlag(k, pfn, PG_anon), hasFlag(k, pfn, PG_swapcache)].join();
  const anon = kind === ANON || kind === SWAP_CACHE;
  must(found === [true, anon, kind === SWAP_CACHE].join(), "assertion", `on the LRU, anonymous, in swap: ${found}`);
  yield* reads(k, p, at);
}

export function* reads(k: Kernel, p: Process, at: Vpn): Task {
  const content = yield* userRead(k, p, at);
  must(content === 1, "lost-write", `${content} is read`);
}

export function* allocates(k: Kernel, hog: Hog, p: Process, at: Vpn): Task {
  const pfn = yield* allocPage(k, GFP_KERNEL);
  must(pfn > 0, "assertion", "nothing was reclaimed");
  hog.pfn[hog.pfn.indexOf(0)] = pfn;
  must(unmapped(k, p, at), "assertion", "the oldest page is still there");
}

export function* allocatesNothing(k: Kernel, free: number): Task {
  for (let i = 0; i <= free; i++) {
    const pfn = yield* allocPage(k, GFP_KERNEL);
    must(pfn > 0 === i < free, "assertion", `allocation ${i} has given ${pfn}`);
  }
}

export function* leavesAll(k: Kernel, p: Process): Task {
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

export function* copies(k: Kernel, p: Process, table: Pages): Task {
  table.pfn[0] = (frameAt(k, p, A) << 2) | HMM_WRITE | HMM_VALID;
}

export function* drops(k: Kernel, p: Process, at: Vpn): Task {
  yield* sysMadvise(k, p, at, 1, MADV_DONTNEED);
}
