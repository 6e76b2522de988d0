/** Taking pages out of page tables (mm/memory.c): unmap_vmas, zap_page_range_single, unmap_mapping_range. */
import type { Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import type { Inode } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { munlockVmaPage } from "./mlockPage.ts";
import { type Mm, VM_SEQ_READ, type Vma } from "./mmTypes.ts";
import { tlbAdjustRange, tlbFinish, tlbFlush, tlbFlushOnly, tlbGather, tlbRemovePage } from "./mmuGather.ts";
import type { Gather } from "./mmuGatherTypes.ts";
import {
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_CLEAR,
  MMU_NOTIFY_UNMAP,
  RANGE_BLOCKABLE,
} from "./mmuNotifier.ts";
import { hasFlag, type Pfn, PG_anon, PG_dirty, setFlag, type Vpn } from "./page.ts";
import {
  addrEnd,
  isDevicePrivateType,
  isMigrationType,
  type Pte,
  pmdPages,
  pteAt,
  pteDirty,
  ptePfn,
  ptePresent,
  ptepGetAndClear,
  pteSlot,
  pteSpecial,
  pteYoung,
  SWP_MARKER,
  SWP_SWAP,
  setPteAt,
  swpOffset,
  swpType,
} from "./pageTable.ts";
import { pageRemoveRmap } from "./rmap.ts";
import { rssAdd } from "./rss.ts";
import { folioMarkAccessed, folioPut, lruAddDrain } from "./swap.ts";
import { freeSwapAndCache } from "./swapfile.ts";
import { flushTlbBatchedPending } from "./tlbBatch.ts";

/** What zapping is to leave alone: zap_details. */
export const ZAP_ALL = 0;
/** Private copies of file pages stay: a truncation that is not one. */
export const ZAP_EVEN_COWS_NOT = 1;

/** unmap_page_range, and unmap_single_vma without its clipping. Announced by the caller. mmap_lock or rmap lock held. */
export function* unmapPageRange(k: Kernel, tlb: Gather, vma: Vma, start: Vpn, end: Vpn, details: number): Task {
  const size = pmdPages(k);
  for (let addr = start; addr < end; addr = addrEnd(addr, end, size)) {
    if (pteSlot(k, vma.mm as Mm, addr) === 0) continue;
    yield* zapPteRange(k, tlb, vma, addr, addrEnd(addr, end, size), details);
  }
}

/** zap_pte_range: within one page table; flushes in between when the gather is full. */
function* zapPteRange(k: Kernel, tlb: Gather, vma: Vma, start: Vpn, end: Vpn, details: number): Task {
  const mm = vma.mm as Mm;
  let addr = start;
  while (addr < end) {
    let forceFlush = false;
    yield* lock(mm.ptl);
    flushTlbBatchedPending(k, mm);
    for (; addr < end && !forceFlush; addr++) {
      const pte = pteAt(k, mm, addr);
      if (pte === 0) continue;
      if (!ptePresent(pte)) yield* zapNonPresent(k, vma, addr, pte, details);
      else if (yield* zapPresent(k, tlb, vma, addr, pte, details)) forceFlush = true;
    }
    // File pages that were dirty: no CPU may write through a stale entry once the page can be cleaned.
    if (tlb.dirtyShared) forceFlush = true;
    tlb.dirtyShared = false;
    if (forceFlush) yield* tlbFlushOnly(k, tlb, true);
    yield* unlock(mm.ptl);
    if (forceFlush) yield* tlbFlush(k, tlb);
  }
}

/** True = the gather is full. Page-table lock held. */
function* zapPresent(k: Kernel, tlb: Gather, vma: Vma, addr: Vpn, pte: Pte, details: number): Task<boolean> {
  const mm = vma.mm as Mm;
  const pfn: Pfn = ptePfn(pte);
  const anon = !pteSpecial(pte) && hasFlag(k, pfn, PG_anon);
  if (details === ZAP_EVEN_COWS_NOT && anon) return false;
  const old = yield* ptepGetAndClear(k, mm, addr);
  tlbAdjustRange(tlb, addr, addr + 1);
  if (pteSpecial(pte)) return false;
  if (!anon) {
    if (pteDirty(old)) {
      tlb.dirtyShared = true;
      setFlag(k, pfn, PG_dirty);
    }
    if (pteYoung(old) && (vma.flags & VM_SEQ_READ) === 0) yield* folioMarkAccessed(k, pfn);
  }
  rssAdd(k, mm, pfn, -1);
  yield* pageRemoveRmap(k, pfn);
  yield* munlockVmaPage(k, pfn, vma);
  return tlbRemovePage(k, tlb, pfn);
}

function* zapNonPresent(k: Kernel, vma: Vma, addr: Vpn, pte: Pte, details: number): Task {
  const mm = vma.mm as Mm;
  const type = swpType(pte);
  const file = isMigrationType(type) && !hasFlag(k, swpOffset(pte), PG_anon);
  if (details === ZAP_EVEN_COWS_NOT && !file) return;
  if (type === SWP_SWAP) {
    mm.swapEntries--;
    yield* freeSwapAndCache(k, swpOffset(pte));
  } else if (isMigrationType(type)) {
    rssAdd(k, mm, swpOffset(pte), -1);
  } else if (isDevicePrivateType(type)) {
    // The kernel clears the entry last; under the page-table lock nobody can tell.
    yield* setPteAt(k, mm, addr, 0);
    rssAdd(k, mm, swpOffset(pte), -1);
    yield* pageRemoveRmap(k, swpOffset(pte));
    yield* folioPut(k, swpOffset(pte));
    return;
  } else if (type !== SWP_MARKER) {
    return;
  }
  yield* setPteAt(k, mm, addr, 0);
}

/** unmap_vmas: one section over [start, end), which spans the VMAs from `vma` on (linked by `next`). */
export function* unmapVmas(k: Kernel, tlb: Gather, mm: Mm, vma: Vma | null, start: Vpn, end: Vpn): Task {
  const flags = MMU_NOTIFY_UNMAP | RANGE_BLOCKABLE;
  yield* invalidateRangeStart(k, mm, start, end, flags);
  for (; vma && vma.start < end; vma = vma.next) {
    yield* unmapPageRange(k, tlb, vma, Math.max(vma.start, start), Math.min(vma.end, end), ZAP_ALL);
  }
  yield* invalidateRangeEnd(k, mm, start, end, flags);
}

/** zap_page_range_single: one VMA. mmap_lock or i_mmap_rwsem held. */
export function* zapPageRangeSingle(k: Kernel, vma: Vma, start: Vpn, end: Vpn, details: number): Task {
  const mm = vma.mm as Mm;
  const flags = MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE;
  yield* lruAddDrain(k);
  const tlb = tlbGather(k, mm);
  yield* invalidateRangeStart(k, mm, start, end, flags);
  yield* unmapPageRange(k, tlb, vma, start, end, details);
  yield* invalidateRangeEnd(k, mm, start, end, flags);
  yield* tlbFinish(k, tlb);
}

/** unmap_mapping_pages: pages [from, to) of the inode out of every page table; `to` = -1: to its end. */
export function* unmapMappingPages(k: Kernel, inode: Inode, from: number, to: number, details: number): Task {
  const last = to < 0 ? k.filePages : to;
  yield* downRead(inode.immapRwsem);
  for (let vma = inode.immap; vma; vma = vma.nextShared) {
    const start = Math.max(vma.start, vma.start + (from - vma.pgoff));
    const end = Math.min(vma.end, vma.start + (last - vma.pgoff));
    if (start < end) yield* zapPageRangeSingle(k, vma, start, end, details);
  }
  yield* upRead(inode.immapRwsem);
}
