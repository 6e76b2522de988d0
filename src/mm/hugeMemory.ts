/** Transparent huge pages (mm/huge_memory.c): so far only what their being compiled in does to small pages. */
import type { Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm, Vma } from "./mmTypes.ts";
import { invalidateRangeOnlyEnd, invalidateRangeStart, MMU_NOTIFY_CLEAR, RANGE_BLOCKABLE } from "./mmuNotifier.ts";
import type { Vpn } from "./page.ts";
import { pmdPages, pmdSlot } from "./pageTable.ts";

/**
 * vma_adjust_trans_huge: the VMA is about to get these boundaries. A huge page across one of them would have to be
 * split; subscribers are told before anybody looks whether there is one.
 */
export function* vmaAdjustTransHuge(k: Kernel, vma: Vma, start: Vpn, end: Vpn, _adjustNext: number): Task {
  yield* splitHugePmdIfNeeded(k, vma, start);
  yield* splitHugePmdIfNeeded(k, vma, end);
}

function* splitHugePmdIfNeeded(k: Kernel, vma: Vma, at: Vpn): Task {
  const size = pmdPages(k);
  const block = at & ~(size - 1);
  if (block === at || block < vma.start || block + size > vma.end) return;
  yield* splitHugePmdAddress(k, vma, at);
}

/** split_huge_pmd_address: only if the levels above the pmd exist. */
export function* splitHugePmdAddress(k: Kernel, vma: Vma, at: Vpn): Task {
  const mm = vma.mm as Mm;
  if (pmdSlot(k, mm, at) === 0) return;
  const size = pmdPages(k);
  const block = at & ~(size - 1);
  const flags = MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE;
  yield* invalidateRangeStart(k, mm, block, block + size, flags);
  yield* invalidateRangeOnlyEnd(k, mm, block, block + size, flags);
}
