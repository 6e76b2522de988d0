/**
 * CPU TLBs, for searches: which translations of an mm a CPU may still use although the page table says something else.
 *
 *   page table changes ──▶ the old translation may be in the TLB of any CPU ──flush──▶ in none
 *                              │ an access may use it, or may not (the CPU evicts entries as it likes): tlbAccess.ts
 *
 * CPUs walk page tables on speculation, threads migrate, and a TLB keeps what it has until somebody flushes: so at the
 * moment of the change every CPU may have the old translation, whether its thread has used the page before or not. A
 * translation that the page table still has needs no record. What a task looks up anew replaces what its CPU had: there is
 * one CPU for each task.
 *
 * Only translations whose use makes a difference are kept: a lost page, a lost right to write, a lost dirty bit. Stale
 * accessed bits only spoil statistics, and x86 leaves them in place without a flush. An entry that is writable but not dirty
 * lets no store pass: the CPU walks the page table to set the dirty bit, and sees what it says now.
 */
import { point as anything } from "../machine/cell.ts";
import { column, columns } from "../machine/columns.ts";
import type { Handle, Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { activeMachine, type Machine } from "../machine/machine.ts";
import { int, struct } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import { ALL_END } from "./mmuNotifierTypes.ts";
import type { Vpn } from "./page.ts";
import { mkSwp, PTE_DIRTY, PTE_WRITE, type Pte, ptePfn, pteReadable, pteSlot } from "./pageTable.ts";

/**
 * Where the kernel flushes. A scenario may take one of them away.
 *
 *  - `gather`: tlb_flush_mmu, for munmap, DONTNEED, FREE, mprotect, reaping.
 *  - `gatherNested`: tlb_finish_mmu flushes the whole mm when other gathers are open, see there.
 *  - `fork`, `clearRefs`: flush_tlb_mm before mmap_lock is dropped.
 *  - `batch`: try_to_unmap_flush.
 *
 * and under the page-table lock
 *
 *  - `gatherUnderPtl`: dirty pages of files were zapped, or the gather has no room.
 *  - `cow`, `mkclean`, `migrate`, `unmap`: ptep_clear_flush; `mremap`; `numa`: pages that are moved in place;
 *    `uffdWp`: before a copy where a userfaultfd write-protects.
 *  - `batchPending`: flush_tlb_batched_pending.
 */
export const FLUSH_POINTS = ["gather", "gatherNested", "fork", "clearRefs", "batch"] as const;
export type FlushPoint =
  | (typeof FLUSH_POINTS)[number]
  | "gatherUnderPtl"
  | "cow"
  | "mkclean"
  | "migrate"
  | "unmap"
  | "mremap"
  | "numa"
  | "uffdWp"
  | "batchPending";
export const FLUSH_GATHER = 0;
export const FLUSH_NESTED = 1;
export const FLUSH_FORK = 2;
export const FLUSH_CLEAR_REFS = 3;
export const FLUSH_BATCH = 4;

/** `true`, or which flush is missing. */
export type TlbOption = boolean | { readonly without: FlushPoint };

/** Stale translations that may be around at a time, and tasks, each with a CPU of its own. */
const STALE = 6;
export const MAX_CPUS = 30;
/** Pages of an address space that fit into a place. */
const PLACE_BITS = 16;

export interface Tlb extends Handle {
  readonly k: () => Kernel;
  readonly without: FlushPoint | null;
  /** In use: the first `count`, in order of place, pte, generation, so that equal contents are equal words. */
  count: number;
  readonly stale: ReturnType<typeof createStale>;
  /** mm->tlb_flush_batched, bit n for mm n: reclaim has left flushes of it to the end of its batch. */
  flushBatched: number;
  /** current->tlb_ubc, one for each task: mms whose flush it owes (bit n for mm n), and whether an entry was dirty. */
  readonly ubc: ReturnType<typeof createUbc>;
}

const flushed = { ordered: "changed with the page-table entry, and by flushes, which other CPUs cannot overtake" };
const tlbStruct = struct("tlb", { count: int(flushed), flushBatched: int(flushed) });
const createStale = () =>
  columns("tlb.stale", STALE, {
    /** Number of the mm + 1, above PLACE_BITS bits of page number. */
    place: column(flushed),
    /** The frame as in an entry, with PTE_WRITE where stores pass. */
    pte: column(flushed),
    /** How often the frame had been freed before. */
    generation: column(flushed),
    /** Bit n: the CPU of task n may have it. */
    cpus: column(flushed),
  });
const createUbc = () =>
  columns("tlb.ubc", MAX_CPUS, {
    mms: column({ ordered: "belongs to one task" }),
    writable: column({ ordered: "belongs to one task" }),
  });

/** The TLB of the kernel that a machine has, for operations on page-table entries, which know nothing but a word. */
const tlbs = new WeakMap<Machine, Tlb>();

/** Set-up. Raises a RangeError for address spaces that are too large for it. */
export function createTlb(m: Machine, option: TlbOption, pages: number, k: () => Kernel): Tlb | null {
  if (option === false) return null;
  if (pages > 1 << PLACE_BITS) throw new RangeError("address spaces are too large for a model of TLBs");
  const tlb: Tlb = Object.assign(tlbStruct.create("tlb"), {
    k,
    without: option === true ? null : option.without,
    stale: createStale(),
    ubc: createUbc(),
  });
  tlbs.set(m, tlb);
  return tlb;
}

export const mmNumber = (k: Kernel, mm: Mm): number => k.mms.indexOf(mm);
export const placeOf = (k: Kernel, mm: Mm, vpn: Vpn): number => ((mmNumber(k, mm) + 1) << PLACE_BITS) | vpn;

/** The entry at word `at` was `old`. Called by every operation that changes one, where there is a TLB. */
export function noteTranslation(at: number, old: Pte, now: Pte): void {
  if (old === now || !pteReadable(old)) return;
  const tlb = tlbs.get(activeMachine()) as Tlb;
  const k = tlb.k();
  const before = translation(old);
  if (pteReadable(now) && covers(translation(now), before)) return;
  const place = placeOfSlot(k, at - k.words.pte);
  if (place === 0) return;
  insert(tlb, place, before, k.frames.generation[ptePfn(old)]);
}

/** A whole page table leaves its place, which is that of the pages from `start` on. */
export function noteTableMove(k: Kernel, mm: Mm, start: Vpn): void {
  if (k.tlb === null) return;
  const first = k.words.pte + pteSlot(k, mm, start);
  for (let i = 0; i < 1 << k.tableShift; i++) noteTranslation(first + i, k.tables.entry[first - k.words.pte + i], 0);
}

/** Does translation `a` allow whatever `b` does, with the same effect? */
export const covers = (a: Pte, b: Pte): boolean => a === b || a === (b | PTE_WRITE);

/** What a CPU keeps of it: where, and whether stores pass without another look at the page table. */
export function translation(pte: Pte): Pte {
  const writable = (pte & (PTE_WRITE | PTE_DIRTY)) === (PTE_WRITE | PTE_DIRTY);
  return mkSwp(ptePfn(pte), writable ? PTE_WRITE : 0);
}

/** Every CPU may have it. */
function insert(tlb: Tlb, place: number, pte: Pte, generation: number): void {
  const { stale } = tlb;
  const n = tlb.count;
  let i = 0;
  while (i < n && compare(tlb, i, place, pte, generation) < 0) i++;
  if (i === n || compare(tlb, i, place, pte, generation) !== 0) {
    if (n === STALE)
      throw new Finding("assertion", `more than ${STALE} translations are stale: too many for the model`);
    for (const field of [stale.place, stale.pte, stale.generation, stale.cpus]) field.copyWithin(i + 1, i, n);
    tlb.count = n + 1;
    stale.place[i] = place;
    stale.pte[i] = pte;
    stale.generation[i] = generation;
  }
  stale.cpus[i] = cpuMask();
}

function cpuMask(): number {
  const n = activeMachine().tasks.length;
  if (n > MAX_CPUS) throw new RangeError(`${n} tasks are too many for a model of TLBs`);
  return (1 << n) - 1;
}

function compare({ stale }: Tlb, i: number, place: number, pte: Pte, generation: number): number {
  return stale.place[i] - place || stale.pte[i] - pte || stale.generation[i] - generation;
}

/** Drops the entries of which no CPU is left. */
export function removeWhere(tlb: Tlb, isGone: (i: number) => boolean): void {
  const fields = [tlb.stale.place, tlb.stale.pte, tlb.stale.generation, tlb.stale.cpus];
  const n = tlb.count;
  let left = 0;
  for (let i = 0; i < n; i++) {
    if (isGone(i)) continue;
    for (const field of fields) field[left] = field[i];
    left++;
  }
  for (const field of fields) field.fill(0, left, n);
  tlb.count = left;
}

/** Place of the page whose entry is in `slot` of the tables; 0 = the table belongs to no mm any more. */
function placeOfSlot(k: Kernel, slot: number): number {
  const { entry } = k.tables;
  const n = 1 << k.tableShift;
  const table = slot >> k.tableShift;
  for (let i = 0; i < k.mms.length; i++) {
    const { pgd } = k.mms[i];
    for (let a = 0; pgd !== 0 && a < n; a++) {
      const pud = entry[pgd * n + a];
      for (let b = 0; pud !== 0 && b < n; b++) {
        const pmd = entry[pud * n + b];
        for (let c = 0; pmd !== 0 && c < n; c++) {
          if (entry[pmd * n + c] !== table) continue;
          const vpn = (a << k.windowShift) + (((b << k.tableShift) + c) << k.tableShift) + (slot & (n - 1));
          return ((i + 1) << PLACE_BITS) | vpn;
        }
      }
    }
  }
  return 0;
}

type FlushListener = (mm: Mm, start: Vpn, end: Vpn) => void;
const listeners = new WeakMap<Kernel, FlushListener>();

/** Set-up: `listener` hears of every flush of [start, end), whether there is a model of TLBs for searches or not. */
export function onTlbFlush(k: Kernel, listener: FlushListener): void {
  listeners.set(k, listener);
}

/**
 * flush_tlb_range under the page-table lock, in the step that has changed an entry: no CPU has an old translation of
 * [start, end) when it returns. What other CPUs do between the change and the flush, they could as well do before both.
 */
export function flushTlbLocked(k: Kernel, mm: Mm, start: Vpn, end: Vpn, point: FlushPoint): void {
  const { tlb } = k;
  listeners.get(k)?.(mm, start, end);
  if (tlb === null || tlb.count === 0 || tlb.without === point) return;
  removeWhere(tlb, isWithin(k, mm, start, end, tlb));
}

/** flush_tlb_page, ptep_clear_flush after the clearing: under the page-table lock. */
export function flushTlbPage(k: Kernel, mm: Mm, vpn: Vpn, point: FlushPoint): void {
  flushTlbLocked(k, mm, vpn, vpn + 1, point);
}

/** flush_tlb_range anywhere else: a scheduling point, since others may look at the entries meanwhile. */
export function* flushTlbRange(k: Kernel, mm: Mm, start: Vpn, end: Vpn, point: number): Task {
  const { tlb } = k;
  listeners.get(k)?.(mm, start, end);
  if (tlb === null || !hasStale(k, mm, start, end, tlb) || tlb.without === FLUSH_POINTS[point]) return;
  yield* anything();
  flushTlbLocked(k, mm, start, end, FLUSH_POINTS[point]);
}

/** flush_tlb_mm. */
export function flushTlbMm(k: Kernel, mm: Mm, point: number): Task {
  return flushTlbRange(k, mm, 0, ALL_END, point);
}

function isWithin(k: Kernel, mm: Mm, start: Vpn, end: Vpn, { stale }: Tlb): (i: number) => boolean {
  const from = placeOf(k, mm, start);
  const to = placeOf(k, mm, 0) + Math.min(end, 1 << PLACE_BITS);
  const { place } = stale;
  return (i) => place[i] >= from && place[i] < to;
}

function hasStale(k: Kernel, mm: Mm, start: Vpn, end: Vpn, tlb: Tlb): boolean {
  const within = isWithin(k, mm, start, end, tlb);
  for (let i = 0; i < tlb.count; i++) if (within(i)) return true;
  return false;
}
