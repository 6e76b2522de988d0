/**
 * Translations that the one CPU of a sequential run has cached for user code. They show in a single place: x86 clears accessed
 * bits without a flush, and as long as a translation is cached no access sets the bit again; so reclaim takes a page for idle
 * that is used all the time.
 *
 *   access ─cached?─▶ the page table is not looked at           else walk, fault, walk again ─▶ accessed bit, cached
 *   flush of the page, another address space on the CPU ─▶ not cached
 *
 * It has room for all pages that a workload uses. A translation that was cached for reading, or before the page was dirty, lets
 * no store pass.
 */
import type { Kernel } from "../kernel.ts";
import type { Mm, Process } from "../mmTypes.ts";
import type { Vpn } from "../page.ts";
import { PTE_DIRTY, PTE_WRITE, PTE_YOUNG, type Pte, pteAt, ptePfn, pteReadable } from "../pageTable.ts";
import { onTlbFlush } from "../tlb.ts";

export interface UserTlb {
  readonly k: Kernel;
  /** Whose they are; null = nobody has run yet. */
  mm: Mm | null;
  /** By page: the entry as it was found, with the accessed bit. */
  readonly cached: Map<Vpn, Pte>;
}

/** What `cachedRead` answers when the page table must be walked. */
export const NOT_CACHED = 2 ** 31;

/** Set-up. */
export function createUserTlb(k: Kernel): UserTlb {
  const tlb: UserTlb = { k, mm: null, cached: new Map() };
  onTlbFlush(k, (mm, start, end) => {
    if (mm !== tlb.mm) return;
    for (const vpn of tlb.cached.keys()) if (vpn >= start && vpn < end) tlb.cached.delete(vpn);
  });
  return tlb;
}

/** The CPU goes on with a task that has this address space; kernel threads have none, and leave what there is. */
export function switchMm(tlb: UserTlb, mm: Mm | null): void {
  if (mm === null || mm === tlb.mm) return;
  tlb.mm = mm;
  tlb.cached.clear();
}

/** A load: the content of the page, or NOT_CACHED. */
export function cachedRead(tlb: UserTlb | null, p: Process, at: Vpn): number {
  const pte = tlb === null ? 0 : cachedEntry(tlb, p, at);
  return tlb === null || pte === 0 ? NOT_CACHED : tlb.k.frames.content[ptePfn(pte)];
}

/** A store. False = not done, the page table must be walked. */
export function cachedWrite(tlb: UserTlb | null, p: Process, at: Vpn, content: number): boolean {
  const pte = tlb === null ? 0 : cachedEntry(tlb, p, at);
  const writable = PTE_WRITE | PTE_DIRTY;
  if (tlb === null || (pte & writable) !== writable) return false;
  tlb.k.frames.content[ptePfn(pte)] = content;
  return true;
}

/** An access has walked the page table, after a fault if need be. */
export function noteWalk(tlb: UserTlb | null, p: Process, at: Vpn): void {
  if (tlb === null || p.mm === null) return;
  switchMm(tlb, p.mm);
  const pte = pteAt(tlb.k, p.mm, at);
  if (pteReadable(pte)) tlb.cached.set(at, pte | PTE_YOUNG);
}

/** 0 = not cached. What has changed otherwise than by the accessed bit was flushed, or will be before it matters. */
function cachedEntry(tlb: UserTlb, p: Process, at: Vpn): Pte {
  if (p.mm === null || p.mm !== tlb.mm) return 0;
  const was = tlb.cached.get(at);
  return was !== undefined && (pteAt(tlb.k, p.mm, at) | PTE_YOUNG) === was ? was : 0;
}
