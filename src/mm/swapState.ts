/**
 * The swap cache (mm/swap_state.c): folios that have a place in swap, by slot. A folio is put there before it is unmapped and
 * written, and again when it is read back; so whoever has an entry for the slot finds the one folio that has the content.
 */
import type { Task } from "../machine/core.ts";
import { broken } from "../machine/finding.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";
import {
  clearFlag,
  folioGet,
  folioLockWord,
  folioMapcount,
  hasFlag,
  type Pfn,
  PG_dirty,
  PG_swapcache,
  setFlag,
} from "./page.ts";
import { guards } from "./rules.ts";
import { folioPut } from "./swap.ts";
import { folioFreeSwap, putSwapFolio } from "./swapfile.ts";
import { folioAllocSwap } from "./swapSlots.ts";

/** add_to_swap: the folio gets a place in swap, and is dirty. False = swap is full. Folio locked and up to date. */
export function* addToSwap(k: Kernel, pfn: Pfn): Task<boolean> {
  const slot = yield* folioAllocSwap(k, pfn);
  if (slot === 0) return false;
  yield* addToSwapCache(k, pfn, slot);
  // Its content is on no disk yet, whatever the page tables say about it.
  setFlag(k, pfn, PG_dirty);
  return true;
}

/** add_to_swap_cache: what workingset.ts remembered of the slot (below 0; 0 = nothing). Folio locked; the slot has SWAP_HAS_CACHE. */
export function* addToSwapCache(k: Kernel, pfn: Pfn, slot: number): Task<number> {
  const { slots, cacheLock } = k.swap;
  yield* folioGet(k, pfn);
  setFlag(k, pfn, PG_swapcache);
  k.frames.private[pfn] = slot;
  yield* lock(cacheLock);
  const shadow = k.swap.slots.cache[slot];
  if (shadow > 0) broken("use-after-free", `swap slot ${slot} has two folios`);
  slots.cache[slot] = pfn + 1;
  memcgRstatUpdated(k, 1); // NR_SWAPCACHE
  yield* unlock(cacheLock);
  return shadow;
}

/** filemap_get_folio of the swap cache: with a reference, or -1. */
export function* swapCacheGet(k: Kernel, slot: number): Task<Pfn> {
  const locks = guards(k.rules, "swapCacheLock");
  if (locks) yield* lock(k.swap.cacheLock);
  const pfn = k.swap.slots.cache[slot] - 1;
  if (pfn >= 0) yield* folioGet(k, pfn);
  if (locks) yield* unlock(k.swap.cacheLock);
  return pfn >= 0 ? pfn : -1;
}

/** get_shadow_from_swap_cache. */
export function* getShadowFromSwapCache(k: Kernel, slot: number): Task<number> {
  yield* lock(k.swap.cacheLock);
  const shadow = Math.min(k.swap.slots.cache[slot], 0);
  yield* unlock(k.swap.cacheLock);
  return shadow;
}

/**
 * __delete_from_swap_cache: `shadow` (below 0, or 0) takes the folio's place. The caller has the folio locked and the xa_lock
 * (`k.swap.cacheLock`), and afterwards gives up the slot (`putSwapFolio`) and the reference of the cache. The slot.
 */
export function deleteFromSwapCacheLocked(k: Kernel, pfn: Pfn, shadow: number): number {
  const slot = k.frames.private[pfn];
  const { cache } = k.swap.slots;
  if (cache[slot] !== pfn + 1) broken("use-after-free", `frame ${pfn} is not in the swap cache at slot ${slot}`);
  cache[slot] = shadow;
  memcgRstatUpdated(k, 1);
  clearFlag(k, pfn, PG_swapcache);
  k.frames.private[pfn] = 0;
  return slot;
}

/** delete_from_swap_cache. Folio locked, not under writeback; the caller has a reference of its own. */
export function* deleteFromSwapCache(k: Kernel, pfn: Pfn, shadow = 0): Task {
  yield* lock(k.swap.cacheLock);
  const slot = deleteFromSwapCacheLocked(k, pfn, shadow);
  yield* unlock(k.swap.cacheLock);
  yield* putSwapFolio(k, slot);
  yield* folioPut(k, pfn);
}

/** free_swap_cache: an anonymous page that nobody maps any more needs no place in swap. The caller has a reference. */
export function* freeSwapCache(k: Kernel, pfn: Pfn): Task {
  if (!hasFlag(k, pfn, PG_swapcache)) return;
  if ((yield* folioMapcount(k, pfn)) !== 0) return;
  if (!(yield* trylockFolio(folioLockWord(k, pfn)))) return;
  yield* folioFreeSwap(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
}
