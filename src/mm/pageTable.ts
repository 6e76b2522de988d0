/**
 * Page tables: four levels as on x86 without 5-level paging, all from one pool of tables with 2^tableShift entries.
 *
 *   vpn   pgd entry (a window) | pud | pmd | pte          an upper entry = number of the next table, 0 = none
 *
 * A pte is one word of 31 bits: present 1, write, dirty, accessed, soft-dirty, uffd-wp, prot-none, special; pfn << 9.
 * Not present and not 0: type << 1, then bits in the same places; offset << 9. All changes are
 * operations of their own, so that walks without the lock (GUP-fast) see every intermediate value, and atomic, since CPUs
 * set the accessed and the dirty bit of a present entry whenever they like: who changes one must not go by what it has read.
 */
import { addWord } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { pteChanges } from "./announced.ts";
import { shouldFail } from "./failingAllocations.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import type { Pfn, Vpn } from "./page.ts";
import type { Pte } from "./pte.ts";
import { clearPteBits, readPteWord, setPteBits, swapPteWord } from "./pteWord.ts";

export * from "./pte.ts";

export const pmdPages = (k: Kernel): number => 1 << k.tableShift;
export const pudPages = (k: Kernel): number => 1 << (2 * k.tableShift);
export const pgdPages = (k: Kernel): number => 1 << k.windowShift;

const pgdIndex = (k: Kernel, vpn: Vpn): number => vpn >> k.windowShift;
const pudIndex = (k: Kernel, vpn: Vpn): number => (vpn & (pgdPages(k) - 1)) >> (2 * k.tableShift);
const lowIndex = (k: Kernel, vpn: Vpn, level: number): number =>
  (vpn >> (level * k.tableShift)) & ((1 << k.tableShift) - 1);

/** Indices into the column of entries. 0 = the level above has no table. */
export function pgdSlot(k: Kernel, mm: Mm, vpn: Vpn): number {
  return mm.pgd === 0 ? 0 : (mm.pgd << k.tableShift) + pgdIndex(k, vpn);
}
export function pudSlot(k: Kernel, mm: Mm, vpn: Vpn): number {
  const pgd = pgdSlot(k, mm, vpn);
  const table = pgd === 0 ? 0 : k.tables.entry[pgd];
  return table === 0 ? 0 : (table << k.tableShift) + pudIndex(k, vpn);
}
export function pmdSlot(k: Kernel, mm: Mm, vpn: Vpn): number {
  const pud = pudSlot(k, mm, vpn);
  const table = pud === 0 ? 0 : k.tables.entry[pud];
  return table === 0 ? 0 : (table << k.tableShift) + lowIndex(k, vpn, 1);
}
/** Index of the pte of `vpn`, 0 when there is no table for it. The hot path: all levels in one go. */
export function pteSlot(k: Kernel, mm: Mm, vpn: Vpn): number {
  // The four steps of the functions above at once: every access and every change of a pte comes by here.
  const { pgd } = mm;
  if (pgd === 0) return 0;
  const { tableShift: shift, windowShift } = k;
  const { entry } = k.tables;
  const pud = entry[(pgd << shift) + (vpn >> windowShift)];
  if (pud === 0) return 0;
  const pmd = entry[(pud << shift) + ((vpn & ((1 << windowShift) - 1)) >> (2 * shift))];
  if (pmd === 0) return 0;
  const mask = (1 << shift) - 1;
  const table = entry[(pmd << shift) + ((vpn >> shift) & mask)];
  return table === 0 ? 0 : (table << shift) + (vpn & mask);
}

/** The pte of `vpn`, 0 when there is none. Page-table lock held, or the answer may be old. */
export function pteAt(k: Kernel, mm: Mm, vpn: Vpn): Pte {
  const slot = pteSlot(k, mm, vpn);
  return slot === 0 ? 0 : k.tables.entry[slot];
}

/** A table of the pool, empty; 0 when there is none left. */
export function allocTable(k: Kernel): number {
  const t = k.state.freeTable;
  if (t === 0 || shouldFail(k)) return 0;
  const first = t << k.tableShift;
  const { entry } = k.tables;
  k.state.freeTable = entry[first];
  entry[first] = 0;
  k.tableSlab.free[t] = 0;
  k.state.tablesInUse++;
  return t;
}

export function freeTable(k: Kernel, t: number): void {
  const first = t << k.tableShift;
  const { entry } = k.tables;
  entry.fill(0, first, first + (1 << k.tableShift));
  entry[first] = k.state.freeTable;
  k.state.freeTable = t;
  if (k.tableSlab.free[t] !== 0) throw new Finding("use-after-free", `page table ${t} is freed twice`);
  k.tableSlab.free[t] = 1;
  k.state.tablesInUse--;
}

/** mm_pgtables_bytes, in tables: those below the top one. */
export function tablesOf(k: Kernel, mm: Mm): number {
  return mm.pgd === 0 ? 0 : tablesBelow(k, mm.pgd, 3);
}

function tablesBelow(k: Kernel, table: number, levels: number): number {
  let n = 0;
  const first = table << k.tableShift;
  for (let i = 0; i < 1 << k.tableShift; i++) {
    const next = k.tables.entry[first + i];
    if (next !== 0) n += 1 + (levels > 1 ? tablesBelow(k, next, levels - 1) : 0);
  }
  return n;
}

/** Index of the entry of which the bits of `keep` are about to stay, and those of `set` to be set. Page-table lock held. */
function slotToChange(k: Kernel, mm: Mm, vpn: Vpn, keep: number, set: number): number {
  const slot = pteSlot(k, mm, vpn);
  if (slot === 0) throw new Finding("use-after-free", `${mm.name} has no page table for page ${vpn} any more`);
  // Under the lock nobody else changes more than the bits that CPUs set.
  if (k.announced !== null) pteChanges(k, mm, vpn, k.tables.entry[slot], (k.tables.entry[slot] & keep) | set);
  return slot;
}

/** set_pte_at: for entries that no CPU can be using, or whose other bits do not matter any more. The old entry. */
export function setPteAt(k: Kernel, mm: Mm, vpn: Vpn, pte: Pte): Task<Pte> {
  return swapPteWord(k, slotToChange(k, mm, vpn, 0, pte), pte);
}

/** ptep_get_and_clear: the old entry, with all that CPUs have noted in it. Flushing is left to the caller. */
export function ptepGetAndClear(k: Kernel, mm: Mm, vpn: Vpn): Task<Pte> {
  return setPteAt(k, mm, vpn, 0);
}

/** ptep_set_wrprotect, ptep_test_and_clear_young: the old entry. */
export function ptepClearBits(k: Kernel, mm: Mm, vpn: Vpn, bits: number): Task<Pte> {
  return clearPteBits(k, slotToChange(k, mm, vpn, ~bits, 0), bits);
}

/** ptep_set_access_flags: the old entry. */
export function ptepSetBits(k: Kernel, mm: Mm, vpn: Vpn, bits: number): Task<Pte> {
  return setPteBits(k, slotToChange(k, mm, vpn, -1, bits), bits);
}

/** READ_ONCE of a pte without the lock. */
export function readPte(k: Kernel, slot: number): Task<Pte> {
  return readPteWord(k, slot);
}

/** page_add_rmap and page_remove_rmap: how many PTEs map the frame. The old count. */
export function mapcountAdd(k: Kernel, pfn: Pfn, n: number): Task<number> {
  return addWord(k.words.mapcount + pfn, n);
}

/** pmd_addr_end, pud_addr_end, pgd_addr_end: the next multiple of `size`, at most `end`. */
export function addrEnd(addr: Vpn, end: Vpn, size: number): Vpn {
  return Math.min((Math.floor(addr / size) + 1) * size, end);
}
