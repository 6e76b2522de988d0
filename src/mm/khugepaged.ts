/**
 * Taking a whole page table of a file mapping away (collapse_pte_mapped_thp in mm/khugepaged.c): its pages are cached next to each
 * other, and the next fault finds them again. Here a block of pages that are cached one by one stands for the huge page that the kernel
 * would map in the table's place.
 *
 *   mmap_lock for writing ─▶ pages locked ─▶ i_mmap for writing ─▶ start ─▶ entries are those of the pages? uncounted, table out
 *     ─▶ TLBs ─▶ no GUP-fast under way ─▶ end ─▶ table freed, the entries' references go
 */
import { touch } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { until } from "../machine/wait.ts";
import { findLockPage } from "./filemap.ts";
import { cacheEntry, type Inode } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { linearPageIndex, type Mm, type Vma } from "./mmTypes.ts";
import { tlbAdjustRange, tlbFinish, tlbGather } from "./mmuGather.ts";
import { invalidateRangeEnd, invalidateRangeStart, MMU_NOTIFY_CLEAR, RANGE_BLOCKABLE } from "./mmuNotifier.ts";
import { folioLockWord, type Vpn } from "./page.ts";
import { pmdPages, pmdSlot, pteAt, ptePfn, ptePresent, pteSlot } from "./pageTable.ts";
import { releaseTable } from "./pteAlloc.ts";
import { aboutToFreeTable } from "./pteWord.ts";
import { pageRemoveRmap } from "./rmap.ts";
import { rssAdd } from "./rss.ts";
import { guards } from "./rules.ts";
import { folioPut } from "./swap.ts";
import { tableMoves } from "./tableGuards.ts";
import { noteTableMove } from "./tlb.ts";
import { vmaLookup } from "./vma.ts";

/** The block of `vpn`: true = its page table is gone. False where not all of it is one file mapping whose pages are cached. */
export function* collapsePteMappedThp(k: Kernel, mm: Mm, vpn: Vpn): Task<boolean> {
  const start = vpn & ~(pmdPages(k) - 1);
  yield* downWrite(mm.mmapLock);
  const vma = vmaLookup(mm, start);
  const fits = vma?.inode && !vma.anonVma && vma.end >= start + pmdPages(k);
  const done = fits ? yield* collapseBlock(k, vma, start) : false;
  yield* upWrite(mm.mmapLock);
  return done;
}

function* collapseBlock(k: Kernel, vma: Vma, start: Vpn): Task<boolean> {
  const inode = vma.inode as Inode;
  const first = linearPageIndex(vma, start);
  const n = pmdPages(k);
  let locked = 0;
  while (locked < n && (yield* findLockPage(k, inode, first + locked)) >= 0) locked++;
  let done = false;
  if (locked === n) {
    yield* downWrite(inode.immapRwsem);
    done = yield* collapseAndFreePmd(k, vma, start);
    yield* upWrite(inode.immapRwsem);
  }
  // They cannot have left the cache: we have them locked.
  for (let i = 0; i < locked; i++) {
    const pfn = cacheEntry(k, inode, first + i);
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
  }
  return done;
}

/** collapse_and_free_pmd, with the look at the entries. False = the table stays. All locks held. */
function* collapseAndFreePmd(k: Kernel, vma: Vma, start: Vpn): Task<boolean> {
  const mm = vma.mm as Mm;
  const end = start + pmdPages(k);
  const tells = guards(k.rules, "collapseNotifies");
  const flags = MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE;
  if (tells) yield* invalidateRangeStart(k, mm, start, end, flags);
  yield* lock(mm.ptl);
  const table = mapsBlock(k, vma, start) ? k.tables.entry[pmdSlot(k, mm, start)] : 0;
  if (table !== 0) yield* takeTable(k, vma, start);
  yield* unlock(mm.ptl);
  if (table !== 0) {
    const tlb = tlbGather(k, mm);
    tlbAdjustRange(tlb, start, end);
    yield* tlbFinish(k, tlb);
    if (guards(k.rules, "gupFastBlocksTables")) yield* until(() => mm.tableWalkers.value === 0, mm.tableWalkers);
  }
  if (tells) yield* invalidateRangeEnd(k, mm, start, end, flags);
  if (table === 0) return false;
  yield* putEntries(k, table);
  yield* aboutToFreeTable(k, table);
  releaseTable(k, table);
  return true;
}

/** Is there a table, with nothing in it but the pages of the block? Page-table lock held. */
function mapsBlock(k: Kernel, vma: Vma, start: Vpn): boolean {
  const mm = vma.mm as Mm;
  if (pteSlot(k, mm, start) === 0) return false;
  for (let at = start; at < start + pmdPages(k); at++) {
    const pte = pteAt(k, mm, at);
    const pfn = cacheEntry(k, vma.inode as Inode, linearPageIndex(vma, at));
    if (pte !== 0 && (!ptePresent(pte) || ptePfn(pte) !== pfn)) return false;
  }
  return true;
}

/** Nothing leads to the table afterwards; its entries are not counted as mappings any more. Page-table lock held. */
function* takeTable(k: Kernel, vma: Vma, start: Vpn): Task {
  const mm = vma.mm as Mm;
  for (let at = start; at < start + pmdPages(k); at++) {
    const pte = pteAt(k, mm, at);
    if (pte === 0) continue;
    yield* pageRemoveRmap(k, ptePfn(pte));
    rssAdd(k, mm, ptePfn(pte), -1);
  }
  yield* touch(mm.tableWalkers);
  tableMoves(k, mm, start, start + pmdPages(k));
  noteTableMove(k, mm, start);
  k.tables.entry[pmdSlot(k, mm, start)] = 0;
}

/** page_ref_sub: each entry had a reference. */
function* putEntries(k: Kernel, table: number): Task {
  const first = table << k.tableShift;
  for (let i = 0; i < 1 << k.tableShift; i++) {
    const pte = k.tables.entry[first + i];
    if (pte !== 0) yield* folioPut(k, ptePfn(pte));
  }
}
