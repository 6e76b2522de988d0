/**
 * Swap slots (mm/swapfile.c): handed out cluster by cluster, counted by those who lead to them, free again when nobody does
 * and the swap cache has let go.
 *
 *   free ─takeSlot▶ HAS_CACHE ─swapDuplicate (a page-table entry)▶ HAS_CACHE + n ─swapFree, putSwapFolio▶ … ▶ 0 ─▶ free
 */
import { readWordBits } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { EEXIST, ENOENT } from "../machine/errno.ts";
import { broken } from "../machine/finding.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { memCgroupUnchargeSwap, memcgSwapFull } from "./memcontrol.ts";
import {
  folioLockWord,
  folioMapcount,
  folioMemcg,
  hasFlag,
  type Pfn,
  PG_dirty,
  PG_swapcache,
  PG_writeback,
  setFlag,
} from "./page.ts";
import { folioPut } from "./swap.ts";
import { freeSwapSlot } from "./swapSlots.ts";
import { deleteFromSwapCache, swapCacheGet } from "./swapState.ts";
import { CLUSTER_SLOTS, SWAP_HAS_CACHE, swapCountOf } from "./swapTypes.ts";
import { zramFree } from "./zram.ts";

/** get_nr_swap_pages: free slots, those in caches of slots not counted. */
export const getNrSwapPages = (k: Kernel): number => k.swap.state.free;
/** total_swap_pages. */
export const totalSwapPages = (k: Kernel): number => k.swap.state.total;

/** scan_swap_map_slots, one slot: 0 = none is free. It has SWAP_HAS_CACHE now. swap_info.lock held. */
export function takeSlot(k: Kernel): number {
  const { state, slots, clusters } = k.swap;
  if (state.free === 0 || state.total === 0) return 0;
  for (;;) {
    if (state.cluster === 0 && !nextCluster(k)) return 0;
    const c = state.cluster - 1;
    const end = Math.min((c + 1) * CLUSTER_SLOTS, k.swap.pages);
    let slot = state.next;
    while (slot < end && slots.map[slot] !== 0) slot++;
    state.next = slot + 1;
    if (slot + 1 >= end) state.cluster = 0;
    if (slot >= end) continue;
    slots.map[slot] = SWAP_HAS_CACHE;
    clusters.used[c]++;
    state.free--;
    return slot;
  }
}

/** The oldest free cluster, else any that has a free slot. */
function nextCluster(k: Kernel): boolean {
  const { state, clusters } = k.swap;
  let c = state.freeFirst - 1;
  if (c >= 0) {
    state.freeFirst = clusters.next[c];
    if (state.freeFirst === 0) state.freeLast = 0;
    clusters.next[c] = 0;
    clusters.listed[c] = 0;
  } else {
    c = firstWithRoom(k);
    if (c < 0) return false;
  }
  state.cluster = c + 1;
  state.next = Math.max(1, c * CLUSTER_SLOTS);
  return true;
}

function firstWithRoom(k: Kernel): number {
  const { used } = k.swap.clusters;
  const n = used.length;
  for (let c = 0; c < n; c++) {
    if (used[c] < Math.min(CLUSTER_SLOTS, k.swap.pages - c * CLUSTER_SLOTS)) return c;
  }
  return -1;
}

/** swap_entry_free: nobody uses the slot any more. */
export function* swapEntryFree(k: Kernel, slot: number): Task {
  yield* lock(k.swap.lock);
  yield* swapRangeFree(k, slot);
  yield* unlock(k.swap.lock);
}

/** The same, with what its content was in the past, which is forgotten (swap_range_free). swap_info.lock held. */
export function* swapRangeFree(k: Kernel, slot: number): Task {
  const { swap } = k;
  if (swap.slots.map[slot] !== SWAP_HAS_CACHE) broken("use-after-free", `swap slot ${slot} is freed and in use`);
  yield* lock(swap.cacheLock);
  if (swap.slots.cache[slot] > 0) broken("use-after-free", `swap slot ${slot} is freed and in the swap cache`);
  swap.slots.cache[slot] = 0;
  yield* unlock(swap.cacheLock);
  swap.slots.map[slot] = 0;
  swap.slots.disk[slot] = 0;
  if (swap.zram !== null) yield* zramFree(k, slot);
  // Only now, not when the last user left: what waits in the cache of slots is still paid for.
  memCgroupUnchargeSwap(k, swap.slots.memcg[slot]);
  swap.slots.memcg[slot] = 0;
  const c = Math.floor(slot / CLUSTER_SLOTS);
  swap.clusters.used[c]--;
  if (swap.state.total > 0) swap.state.free++;
  if (swap.clusters.used[c] === 0 && swap.state.cluster !== c + 1 && swap.clusters.listed[c] === 0) listCluster(k, c);
}

function listCluster(k: Kernel, c: number): void {
  const { state, clusters } = k.swap;
  clusters.listed[c] = 1;
  if (state.freeLast === 0) state.freeFirst = c + 1;
  else clusters.next[state.freeLast - 1] = c + 1;
  state.freeLast = c + 1;
}

/** __swap_count: how many entries lead to the slot; may be old. */
export function swapCount(k: Kernel, slot: number): Task<number> {
  return readWordBits(k.swap.mapWord + slot, SWAP_HAS_CACHE - 1);
}

/** swap_duplicate: one entry more. 0, or -ENOENT when nobody uses the slot. */
export function* swapDuplicate(k: Kernel, slot: number): Task<number> {
  yield* lock(k.swap.lock);
  const used = k.swap.slots.map[slot] !== 0;
  if (used) k.swap.slots.map[slot]++;
  yield* unlock(k.swap.lock);
  return used ? 0 : -ENOENT;
}

/** swapcache_prepare: the slot is to get a folio. 0, -EEXIST when it has one or is about to, -ENOENT when nobody uses it. */
export function* swapcachePrepare(k: Kernel, slot: number): Task<number> {
  yield* lock(k.swap.lock);
  const map = k.swap.slots.map[slot];
  const free = map !== 0 && (map & SWAP_HAS_CACHE) === 0;
  if (free) k.swap.slots.map[slot] = map | SWAP_HAS_CACHE;
  yield* unlock(k.swap.lock);
  return free ? 0 : map === 0 ? -ENOENT : -EEXIST;
}

/** swap_free: one entry less; what is left. */
export function swapFree(k: Kernel, slot: number): Task<number> {
  return swapEntryPut(k, slot);
}

/** __swap_entry_free: what is left. The last one frees the slot. */
function* swapEntryPut(k: Kernel, slot: number): Task<number> {
  yield* lock(k.swap.lock);
  if (swapCountOf(k.swap.slots.map[slot]) <= 0) {
    broken("use-after-free", `swap slot ${slot} loses a user that it does not have`);
  }
  k.swap.slots.map[slot]--;
  const left = k.swap.slots.map[slot];
  if (left === 0) k.swap.slots.map[slot] = SWAP_HAS_CACHE;
  yield* unlock(k.swap.lock);
  if (left === 0) yield* freeSwapSlot(k, slot);
  return left;
}

/** put_swap_folio, swapcache_clear: the swap cache has let go of the slot. */
export function* putSwapFolio(k: Kernel, slot: number): Task {
  yield* lock(k.swap.lock);
  const map = k.swap.slots.map[slot];
  if ((map & SWAP_HAS_CACHE) === 0) broken("use-after-free", `swap slot ${slot} leaves the swap cache twice`);
  const last = swapCountOf(map) === 0;
  if (!last) k.swap.slots.map[slot] = map - SWAP_HAS_CACHE;
  yield* unlock(k.swap.lock);
  if (last) yield* freeSwapSlot(k, slot);
}

/** free_swap_and_cache: one entry less; a folio that is kept for nobody goes, unless somebody has it locked. Atomic. */
export function* freeSwapAndCache(k: Kernel, slot: number): Task {
  if ((yield* swapEntryPut(k, slot)) !== SWAP_HAS_CACHE) return;
  const pfn = yield* swapCacheGet(k, slot);
  if (pfn < 0) return;
  if (yield* trylockFolio(folioLockWord(k, pfn))) {
    const unmapped = (yield* folioMapcount(k, pfn)) === 0;
    if (unmapped || memcgSwapFull(k, folioMemcg(k, pfn))) yield* folioFreeSwap(k, pfn);
    yield* unlockFolio(folioLockWord(k, pfn));
  }
  yield* folioPut(k, pfn);
}

/** folio_free_swap: gives up the place in swap if nobody else needs it; the page is dirty then. Folio locked, we have a reference. */
export function* folioFreeSwap(k: Kernel, pfn: Pfn): Task<boolean> {
  if (!hasFlag(k, pfn, PG_swapcache) || hasFlag(k, pfn, PG_writeback)) return false;
  if ((yield* swapCount(k, k.frames.private[pfn])) > 0) return false;
  yield* deleteFromSwapCache(k, pfn);
  setFlag(k, pfn, PG_dirty);
  return true;
}
