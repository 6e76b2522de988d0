/**
 * Page frames (struct page, struct folio; one page each): integers 0 … n-1 whose fields are columns of the
 * kernel's `frames`, 12 words each. Frame 0 is the zero page.
 *
 *   free list ──allocPage──▶ refcount 1 ──map, cache, LRU batch, pin──▶ refcount n ──last put──▶ free list
 *
 * References: each PTE 1, page cache 1, swap cache 1, buffers 1, an LRU batch 1, an isolation 1, FOLL_GET 1, FOLL_PIN 1024.
 */
import {
  readWord,
  refAddWord,
  refPutWord,
  refTryAddWord,
  replaceWord,
  wordAtLeast,
  writeWord,
} from "../machine/cell.ts";
import { column, columns } from "../machine/columns.ts";
import type { Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import type { Kernel } from "./kernel.ts";
import { pageZone } from "./zone.ts";

/** Number of a page frame. */
export type Pfn = number & { readonly unit?: "pfn" };
/** Number of a virtual page of an address space. */
export type Vpn = number & { readonly unit?: "vpn" };

/** What one FOLL_PIN adds to the reference count of a small folio. */
export const GUP_PIN_COUNTING_BIAS = 1024;

export const ZERO_PFN = 0;

// Page flags; PG_anon stands for the low bit of page->mapping.
export const PG_referenced = 1 << 0;
export const PG_uptodate = 1 << 1;
export const PG_dirty = 1 << 2;
export const PG_lru = 1 << 3;
export const PG_active = 1 << 4;
export const PG_workingset = 1 << 5;
export const PG_swapbacked = 1 << 6;
export const PG_swapcache = 1 << 7;
export const PG_mlocked = 1 << 8;
export const PG_unevictable = 1 << 9;
export const PG_writeback = 1 << 10;
export const PG_anon = 1 << 11;
export const PG_anonExclusive = 1 << 12;
export const PG_private = 1 << 13;
/** On the free list: an own bit, so that a use after free shows. */
export const PG_buddy = 1 << 14;
/** Reclaim wants it: at the end of writeback it goes to the tail of its list. The same bit as PG_readahead. */
export const PG_reclaim = 1 << 15;
/** It was read ahead of its use. */
export const PG_readahead = PG_reclaim;
/** From here on the number of the memory cgroup that the folio is charged to; 0 = none. */
export const MEMCG_SHIFT = 24;
export const MAX_MEMCGS = 64;
const MEMCG_MASK = (MAX_MEMCGS - 1) << MEMCG_SHIFT;

const atomic = "atomic operations; readers tolerate any order";
const owned = "set before anybody can find the folio, cleared when the last reference is gone; else under its lock";

/** The columns of all frames. */
export function createFrames(count: number) {
  return columns("folio", count, {
    refcount: column({ ordered: atomic }),
    /** PTEs that map it (the kernel's _mapcount + 1). */
    mapcount: column({ ordered: atomic }),
    flags: column({ ordered: "atomic bits, most of them under the folio lock" }),
    /** PG_locked: slot of the task + 1. */
    lock: column({ ordered: "operations of folioLock.ts" }),
    /** Handle + 1 of the anon_vma or of the inode; 0 = none. */
    mapping: column({ ordered: owned }),
    index: column({ ordered: owned }),
    private: column({ ordered: owned }),
    /** List links (pfn + 1): LRU, free list, isolation lists. A folio is on one at a time. */
    next: column({ ordered: "the lock of the list that it is on, or its isolator" }),
    prev: column({ ordered: "the lock of the list that it is on, or its isolator" }),
    /** While unevictable: how many VMAs have locked it. */
    mlockCount: column({ ordered: "the lru_lock of the node" }),
    /** First word of the page. */
    content: column({ ordered: "the memory itself: accesses by CPUs and devices race as they do" }),
    /** How often it was freed: whoever remembers an older number uses freed memory. */
    generation: column({ ordered: "changed by the one who frees it" }),
  });
}
export type Frames = ReturnType<typeof createFrames>;

/** Atomic bits; no scheduling point of their own. */
export function hasFlag(k: Kernel, pfn: Pfn, flag: number): boolean {
  return (k.frames.flags[pfn] & flag) !== 0;
}
export function setFlag(k: Kernel, pfn: Pfn, flag: number): void {
  mustBeInUse(k, pfn);
  const { flags } = k.frames;
  const before = flags[pfn];
  flags[pfn] = before | flag;
  if ((flag & DECIDES_PENDING) !== 0) notePending(k, pfn, before, before | flag);
}
export function clearFlag(k: Kernel, pfn: Pfn, flag: number): void {
  mustBeInUse(k, pfn);
  const { flags } = k.frames;
  const before = flags[pfn];
  flags[pfn] = before & ~flag;
  if ((flag & DECIDES_PENDING) !== 0) notePending(k, pfn, before, before & ~flag);
}

/** Flags that say whether a folio is in NR_ZONE_WRITE_PENDING: dirty file pages, and those under writeback. */
const DECIDES_PENDING = PG_dirty | PG_writeback | PG_anon | PG_swapbacked;
export const isWritePending = (flags: number): boolean =>
  (flags & (PG_dirty | PG_writeback)) !== 0 && (flags & (PG_anon | PG_swapbacked)) === 0;

/** The flags of a frame change, or have changed, from `before` to `now`: is there one more to be written on its node, or one less? */
export function notePending(k: Kernel, pfn: Pfn, before: number, now: number): void {
  if (isWritePending(before) === isWritePending(now)) return;
  k.pgdats[pageToNid(k, pfn)].writePending += isWritePending(now) ? 1 : -1;
}
/** Lookups without locks may read the flags of a frame that was freed; nobody may change them. */
function mustBeInUse(k: Kernel, pfn: Pfn): void {
  if ((k.frames.flags[pfn] & PG_buddy) !== 0)
    throw new Finding("use-after-free", `frame ${pfn} is used, and it is free`);
}
/** test_and_clear_bit, test_and_set_bit. */
export function testClearFlag(k: Kernel, pfn: Pfn, flag: number): boolean {
  const was = hasFlag(k, pfn, flag);
  clearFlag(k, pfn, flag);
  return was;
}
export function testSetFlag(k: Kernel, pfn: Pfn, flag: number): boolean {
  const was = hasFlag(k, pfn, flag);
  setFlag(k, pfn, flag);
  return was;
}

/** folio_get: the caller has a reference, or holds a lock that keeps one in place. */
export function folioGet(k: Kernel, pfn: Pfn): Task<number> {
  return refAddWord(k.words.refcount + pfn, 1);
}

/** folio_try_get: a reference, if there is one already. Whoever has none must look again whether it is still that folio. */
export function folioTryGet(k: Kernel, pfn: Pfn): Task<boolean> {
  return refTryAddWord(k.words.refcount + pfn, 1);
}

/** folio_put_testzero: true = it was the last one, and nobody frees the folio but the caller. */
export function folioPutTestzero(k: Kernel, pfn: Pfn): Task<boolean> {
  return refPutWord(k.words.refcount + pfn, 1);
}

/** folio_ref_add: the old count. */
export function folioRefAdd(k: Kernel, pfn: Pfn, n: number): Task<number> {
  return refAddWord(k.words.refcount + pfn, n);
}

/** folio_ref_count. */
export function folioRefCount(k: Kernel, pfn: Pfn): Task<number> {
  return readWord(k.words.refcount + pfn);
}

/** folio_ref_freeze: with exactly `expected` references nobody can take another one, until they are given back. */
export function folioRefFreeze(k: Kernel, pfn: Pfn, expected: number): Task<boolean> {
  return replaceWord(k.words.refcount + pfn, expected, 0);
}

/** folio_ref_unfreeze. */
export function folioRefUnfreeze(k: Kernel, pfn: Pfn, refs: number): Task {
  return writeWord(k.words.refcount + pfn, refs);
}

/** folio_mapcount. */
export function folioMapcount(k: Kernel, pfn: Pfn): Task<number> {
  return readWord(k.words.mapcount + pfn);
}

/** Word of the folio lock, for lockFolio, trylockFolio, unlockFolio. */
export function folioLockWord(k: Kernel, pfn: Pfn): number {
  return k.words.lock + pfn;
}

/** folio_maybe_dma_pinned: true for pinned folios, and for those with very many plain references. */
export function folioMaybeDmaPinned(k: Kernel, pfn: Pfn): Task<boolean> {
  return wordAtLeast(k.words.refcount + pfn, GUP_PIN_COUNTING_BIAS);
}

/** folio_memcg: 0 = the root, to which nothing is charged. */
export function folioMemcg(k: Kernel, pfn: Pfn): number {
  return (k.frames.flags[pfn] & MEMCG_MASK) >>> MEMCG_SHIFT;
}
export function setFolioMemcg(k: Kernel, pfn: Pfn, memcg: number): void {
  k.frames.flags[pfn] = (k.frames.flags[pfn] & ~MEMCG_MASK) | (memcg << MEMCG_SHIFT);
}

/** Node of a frame. */
export function pageToNid(k: Kernel, pfn: Pfn): number {
  return k.nodes === 1 ? 0 : pageZone(k, pfn).nid;
}
