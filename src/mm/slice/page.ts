/**
 * Folios: the page frames of the machine and what the kernel knows about each of them (struct folio; one page each so
 * far). A folio is never created or destroyed, it is handed out and freed; `generation` counts its lives.
 *
 *   free list ──allocPage──▶ refcount 1 ──map, pin, cache, isolate──▶ refcount n ──last put, or freeze──▶ free list
 *                                                                                  generation + 1
 *
 * Who holds references: each PTE that maps it 1, the swap cache or page cache 1, an isolation from the LRU 1, a pin
 * GUP_PIN_COUNTING_BIAS. So reclaim may free it when only its own and the cache's are left.
 */
import { type Cell, cellField } from "../../machine/cell.ts";
import type { Handle } from "../../machine/core.ts";
import { type FolioLock, folioLockField } from "../../machine/folioLock.ts";
import { bool, int, ref, struct } from "../../machine/struct.ts";
import type { PgNode } from "./kernel.ts";
import type { Mapping } from "./mapping.ts";

/** Number of a page frame. */
export type Pfn = number & { readonly unit?: "pfn" };
/** Number of a virtual page of an address space. */
export type Vpn = number & { readonly unit?: "vpn" };

/** What one FOLL_PIN adds to the reference count of a small folio. */
export const GUP_PIN_COUNTING_BIAS = 1024;

/**
 * Generations wrap, so that a loop which frees pages comes back to equal states. A use that comes exactly two frees
 * too late goes unnoticed, but the checker also has the run in which it comes one free too late.
 */
export const GENERATION_MASK = 1;

export interface Folio extends Handle {
  /** PG_locked. Freeze, swap cache, and PTE removal by rmap happen under it; reclaim only tries to take it. */
  readonly lock: FolioLock;
  readonly refcount: Cell;
  readonly mapcount: Cell;
  /** How often it has been freed, see GENERATION_MASK. A user that remembers an older number uses freed memory. */
  readonly generation: Cell;
  /** What backs it, and where in there; null while it is free. */
  mapping: Mapping | null;
  index: number;
  /** PG_swapcache: an anonymous folio that has its place in swap, so it may be dropped when it is clean. */
  swapCache: boolean;
  /** PG_lru: it is on the LRU list of its node, and nobody has isolated it. */
  onLru: boolean;
  lruNext: Folio | null;
  lruPrev: Folio | null;
  buddyNext: Folio | null;
  /** Where it lives; constant. */
  readonly node: PgNode;
  readonly pfn: Pfn;
}

const lruLock = (f: Folio) => f.node.lruLock;
const zoneLock = (f: Folio) => f.node.zoneLock;
const owned =
  "set by whoever allocated the folio before the LRU, a cache or a page table can lead anybody to it; cleared when the last reference is gone";

const folioStruct = struct("folio", {
  lock: folioLockField(),
  refcount: cellField(),
  mapcount: cellField(),
  generation: cellField(),
  mapping: ref<Mapping>({ ordered: owned }),
  index: int({ ordered: owned }),
  swapCache: bool({ guardedBy: "lock" }),
  onLru: bool({ guardedBy: lruLock }),
  lruNext: ref<Folio>({ guardedBy: lruLock }),
  lruPrev: ref<Folio>({ guardedBy: lruLock }),
  buddyNext: ref<Folio>({ guardedBy: zoneLock }),
});

/** Set-up: a folio that is not on the free list yet. */
export function createFolio(node: PgNode, pfn: Pfn): Folio {
  return Object.assign(folioStruct.create(`folio${pfn}`), { node, pfn });
}
