/**
 * Freeing page tables after an unmap (free_pgtables in mm/memory.c). A table goes when no VMA is left in what it covers:
 * `floor` is the end of the VMA before, `ceiling` the start of the one after (0 = none). The gather is told about the
 * first page of each freed table, at the p4d level even where there was no table.
 *
 *   out of the mm ─▶ list of the gather ─▶ no GUP-fast under way any more (IPI, or an RCU grace period) ─▶ free
 */
import { touch } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { until } from "../machine/wait.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm, Vma } from "./mmTypes.ts";
import { tlbAdjustRange } from "./mmuGather.ts";
import type { Gather } from "./mmuGatherTypes.ts";
import type { Vpn } from "./page.ts";
import { addrEnd, pgdPages, pgdSlot, pmdPages, pmdSlot, pudPages, pudSlot } from "./pageTable.ts";
import { releaseTable } from "./pteAlloc.ts";
import { aboutToFreeTable } from "./pteWord.ts";
import { guards } from "./rules.ts";
import { mustBeHidden, tablesChange } from "./tableGuards.ts";

/** free_pgtables: `vma` and those linked after it are unmapped already. */
export function* freePgtables(k: Kernel, tlb: Gather, vma: Vma | null, floor: Vpn, ceiling: Vpn): Task {
  // Walks without locks see a table or do not: the point at which it leaves the mm.
  if (vma) yield* touch((tlb.mm as Mm).tableWalkers);
  for (let each = vma; each; each = each.next) mustBeHidden(k, each);
  if (vma) tablesChange(k, tlb.mm as Mm);
  while (vma) {
    const start = vma.start;
    let last: Vma = vma;
    // Close neighbours share tables, so they are done together.
    while (last.next && last.next.start <= last.end + pmdPages(k)) last = last.next;
    freePgdRange(k, tlb, start, last.end, floor, last.next ? last.next.start : ceiling);
    vma = last.next;
  }
}

function freePgdRange(k: Kernel, tlb: Gather, from: Vpn, to: Vpn, floor: Vpn, ceiling: Vpn): void {
  const pmd = pmdPages(k);
  let addr = from & ~(pmd - 1);
  let end = to;
  if (addr < floor) addr += pmd;
  if (ceiling !== 0) {
    ceiling &= ~(pmd - 1);
    if (ceiling === 0) return;
    if (end > ceiling) end -= pmd;
  }
  if (addr > end - 1) return;
  const mm = tlb.mm as Mm;
  const size = pgdPages(k);
  for (let at = addr; at < end; at = addrEnd(at, end, size)) {
    freeP4dRange(k, tlb, mm, at, addrEnd(at, end, size), floor, ceiling);
  }
}

/** Does the block of `size` pages around `at` lie between floor and ceiling? */
function isFree(at: Vpn, end: Vpn, size: number, floor: Vpn, ceiling: Vpn): boolean {
  if ((at & ~(size - 1)) < floor) return false;
  if (ceiling === 0) return true;
  const limit = ceiling & ~(size - 1);
  return limit !== 0 && end <= limit;
}

/** One window. The p4d level is folded into the pgd, yet its being freed is noted where it was empty, too. */
function freeP4dRange(k: Kernel, tlb: Gather, mm: Mm, addr: Vpn, end: Vpn, floor: Vpn, ceiling: Vpn): void {
  const slot = pgdSlot(k, mm, addr);
  const table = k.tables.entry[slot];
  const start = addr & ~(pgdPages(k) - 1);
  if (table !== 0) {
    freePudRange(k, tlb, mm, addr, end, floor, ceiling);
    if (isFree(addr, end, pgdPages(k), floor, ceiling)) {
      k.tables.entry[slot] = 0;
      removeTable(k, tlb, table);
      tlbAdjustRange(tlb, start, start + 1);
    }
  }
  if (isFree(addr, end, pgdPages(k), floor, ceiling)) tlbAdjustRange(tlb, start, start + 1);
}

function freePudRange(k: Kernel, tlb: Gather, mm: Mm, addr: Vpn, end: Vpn, floor: Vpn, ceiling: Vpn): void {
  const size = pudPages(k);
  for (let at = addr; at < end; at = addrEnd(at, end, size)) {
    const slot = pudSlot(k, mm, at);
    const table = slot === 0 ? 0 : k.tables.entry[slot];
    if (table === 0) continue;
    const next = addrEnd(at, end, size);
    freePmdRange(k, tlb, mm, at, next);
    if (!isFree(at, next, size, floor, ceiling)) continue;
    k.tables.entry[slot] = 0;
    removeTable(k, tlb, table);
    const start = at & ~(size - 1);
    tlbAdjustRange(tlb, start, start + 1);
  }
}

function freePmdRange(k: Kernel, tlb: Gather, mm: Mm, addr: Vpn, end: Vpn): void {
  const size = pmdPages(k);
  for (let at = addr; at < end; at = addrEnd(at, end, size)) {
    const slot = pmdSlot(k, mm, at);
    const table = slot === 0 ? 0 : k.tables.entry[slot];
    if (table === 0) continue;
    k.tables.entry[slot] = 0;
    removeTable(k, tlb, table);
    tlbAdjustRange(tlb, at, at + 1);
  }
}

/** tlb_remove_table. */
function removeTable(k: Kernel, tlb: Gather, table: number): void {
  k.tableSlab.next[table] = tlb.tables;
  tlb.tables = table;
}

/** tlb_table_flush: frees the tables that were taken out, after every walk that may still be in them. */
export function* tlbTableFlush(k: Kernel, tlb: Gather): Task {
  const mm = tlb.mm as Mm;
  if (tlb.tables === 0) return;
  if (guards(k.rules, "gupFastBlocksTables")) yield* until(() => mm.tableWalkers.value === 0, mm.tableWalkers);
  while (tlb.tables !== 0) {
    yield* aboutToFreeTable(k, tlb.tables);
    const table = tlb.tables;
    tlb.tables = k.tableSlab.next[table];
    k.tableSlab.next[table] = 0;
    releaseTable(k, table);
  }
}
