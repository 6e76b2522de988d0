/**
 * Flushes that reclaim puts off until it has unmapped many pages (first part of mm/rmap.c).
 *
 *   try_to_unmap_one(TTU_BATCH_FLUSH): entry cleared ─▶ setTlbUbcFlushPending ─▶ page-table lock dropped, section ends
 *   then, by the same task: before I/O on a page whose entry was dirty   ─▶ tryToUnmapFlushDirty
 *                           before the pages are freed                   ─▶ tryToUnmapFlush
 *   others who look at entries of that mm under its page-table lock      ─▶ flushTlbBatchedPending, or they would take
 *                                                       an entry that is empty for one that no CPU can use any more
 *
 * All of it is nothing where there is no model of TLBs.
 */
import { answer, current, type Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import { ALL_END } from "./mmuNotifierTypes.ts";
import { type Pte, pteDirty } from "./pageTable.ts";
import { FLUSH_BATCH, flushTlbLocked, flushTlbMm, mmNumber, type Tlb } from "./tlb.ts";

/** should_defer_flush, of a caller with TTU_BATCH_FLUSH: other CPUs run the mm, so that one interrupt for many pays. */
export function shouldDeferFlush(k: Kernel): boolean {
  return k.tlb !== null;
}

/** set_tlb_ubc_flush_pending: the entry was `pte` and has been cleared. Page-table lock held. */
export function setTlbUbcFlushPending(k: Kernel, mm: Mm, pte: Pte): void {
  const { tlb } = k;
  if (tlb === null) return;
  const bit = 1 << mmNumber(k, mm);
  tlb.ubc.mms[current] |= bit;
  tlb.flushBatched |= bit;
  // A dirty entry may be in a TLB as writable: stores would go on while the page is written to disk.
  if (pteDirty(pte)) tlb.ubc.writable[current] = 1;
}

/** try_to_unmap_flush: what the running task owes. */
export function tryToUnmapFlush(k: Kernel): Task {
  return k.tlb === null ? (answer(undefined) as never) : flushOwed(k, k.tlb);
}

function* flushOwed(k: Kernel, tlb: Tlb): Task {
  const owed = tlb.ubc.mms[current];
  if (owed === 0) return;
  for (let i = 0; i < k.mms.length; i++) if ((owed & (1 << i)) !== 0) yield* flushTlbMm(k, k.mms[i], FLUSH_BATCH);
  tlb.ubc.mms[current] = 0;
  tlb.ubc.writable[current] = 0;
}

/** try_to_unmap_flush_dirty: only if some entry was dirty. */
export function tryToUnmapFlushDirty(k: Kernel): Task {
  return k.tlb !== null && k.tlb.ubc.writable[current] !== 0 ? flushOwed(k, k.tlb) : (answer(undefined) as never);
}

/** flush_tlb_batched_pending: whoever is about to rely on the entries of the mm. Page-table lock held. */
export function flushTlbBatchedPending(k: Kernel, mm: Mm): void {
  const { tlb } = k;
  if (tlb === null) return;
  const bit = 1 << mmNumber(k, mm);
  if ((tlb.flushBatched & bit) === 0) return;
  flushTlbLocked(k, mm, 0, ALL_END, "batchPending");
  tlb.flushBatched &= ~bit;
}
