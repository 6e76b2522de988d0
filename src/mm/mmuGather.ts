/**
 * mmu_gather: clearing many page-table entries with one TLB flush. Pages whose entries are cleared are freed only after
 * the flush; `tlbFinish` comes after the end of the notifier section, so freeing does too.
 */
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { tlbTableFlush } from "./freePgtables.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import type { Gather } from "./mmuGatherTypes.ts";
import { ALL_END, invalidateRange } from "./mmuNotifier.ts";
import type { Pfn, Vpn } from "./page.ts";
import { freePageList } from "./pageAlloc.ts";
import { lruAddDrain, putPage } from "./swap.ts";
import { freeSwapCache } from "./swapState.ts";
import { FLUSH_GATHER, FLUSH_NESTED, flushTlbLocked, flushTlbMm, flushTlbRange } from "./tlb.ts";

/** tlb_gather_mmu, tlb_gather_mmu_fullmm. */
export function tlbGather(k: Kernel, mm: Mm, fullmm = false): Gather {
  const tlb = k.state.freeGather;
  must(tlb !== null, "assertion", "all mmu_gathers are open: create the kernel with more");
  const gather = tlb as Gather;
  k.state.freeGather = gather.nextFree;
  gather.nextFree = null;
  gather.mm = mm;
  gather.fullmm = fullmm;
  gather.pages = 0;
  resetRange(gather);
  mm.tlbFlushPending++;
  return gather;
}

/** __tlb_reset_range. */
function resetRange(tlb: Gather): void {
  tlb.start = tlb.fullmm ? 0 : ALL_END;
  tlb.end = tlb.fullmm ? ALL_END : 0;
}

/** __tlb_adjust_range: [start, end) has to be flushed. */
export function tlbAdjustRange(tlb: Gather, start: Vpn, end: Vpn): void {
  if (start < tlb.start) tlb.start = start;
  if (end > tlb.end) tlb.end = end;
}

/** __tlb_remove_page: it is to be freed after the flush. True = the gather is full and must be flushed. */
export function tlbRemovePage(k: Kernel, tlb: Gather, pfn: Pfn): boolean {
  k.gathered.page[tlb.slot * k.gatherPages + tlb.pages] = pfn;
  tlb.pages++;
  return tlb.pages === k.gatherPages;
}

/** tlb_flush_mmu_tlbonly: nothing happens where nothing was cleared. CPUs first, devices that share their tables next. */
export function* tlbFlushOnly(k: Kernel, tlb: Gather, underPtl = false): Task {
  if (tlb.end <= tlb.start) return;
  const { start, end } = tlb;
  // Left out by a scenario, it is not forgotten: it comes later, and too late.
  if (underPtl && k.tlb?.without === "gatherUnderPtl") return;
  if (underPtl) flushTlbLocked(k, tlb.mm as Mm, start, end, "gatherUnderPtl");
  else yield* flushTlbRange(k, tlb.mm as Mm, start, end, FLUSH_GATHER);
  if (!tlb.fullmm || tlb.mm?.notifierSubscriptions.active) yield* invalidateRange(k, tlb.mm as Mm, start, end);
  resetRange(tlb);
}

/** tlb_flush_mmu: flushes, and frees what was gathered. */
export function* tlbFlush(k: Kernel, tlb: Gather): Task {
  yield* tlbFlushOnly(k, tlb);
  const n = tlb.pages;
  if (n === 0) return;
  tlb.pages = 0;
  yield* lruAddDrain(k);
  const first = tlb.slot * k.gatherPages;
  let freed = 0;
  for (let i = 0; i < n; i++) yield* freeSwapCache(k, k.gathered.page[first + i]);
  for (let i = 0; i < n; i++) freed = yield* putPage(k, k.gathered.page[first + i], freed);
  yield* freePageList(k, freed);
}

/**
 * tlb_finish_mmu. With another gather open (both callers have mmap_lock for reading), an entry that was found empty may have
 * been emptied by the other one, who has not flushed yet; the whole mm is flushed then.
 */
export function* tlbFinish(k: Kernel, tlb: Gather): Task {
  const mm = tlb.mm as Mm;
  if (mm.tlbFlushPending > 1) yield* flushTlbMm(k, mm, FLUSH_NESTED);
  yield* tlbFlush(k, tlb);
  yield* tlbTableFlush(k, tlb);
  mm.tlbFlushPending--;
  tlb.mm = null;
  tlb.nextFree = k.state.freeGather;
  k.state.freeGather = tlb;
}
