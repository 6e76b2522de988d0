/**
 * Caches of swap slots (mm/swap_slots.c), so that each slot does not take swap_info.lock: 64 are taken at a time, and 64 are
 * given back at a time. Those that wait in a cache have SWAP_HAS_CACHE, and are not free.
 */
import { answer, type Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { memCgroupTryChargeSwap } from "./memcontrol.ts";
import { folioMemcg, type Pfn } from "./page.ts";
import { putSwapFolio, swapEntryFree, swapRangeFree, takeSlot } from "./swapfile.ts";
import { SLOT_CACHE } from "./swapTypes.ts";

// Multiples of SLOT_CACHE. Not worked out here: the module that it is in may be waiting for this one to be loaded.
const ACTIVATE = 5;
const DEACTIVATE = 2;

/** folio_alloc_swap: a slot, which the cgroup of the folio pays for; 0 = swap is full, or the cgroup has its share. */
export function* folioAllocSwap(k: Kernel, pfn: Pfn): Task<number> {
  const slot = yield* allocSlot(k);
  const memcg = folioMemcg(k, pfn);
  if (slot === 0 || memcg === 0) return slot;
  if (memCgroupTryChargeSwap(k, memcg)) {
    k.swap.slots.memcg[slot] = memcg;
    return slot;
  }
  yield* putSwapFolio(k, slot);
  return 0;
}

function* allocSlot(k: Kernel): Task<number> {
  const { swap } = k;
  let slot = 0;
  yield* checkCacheActive(k);
  if (swap.state.cacheActive === 1) {
    yield* lock(swap.allocLock);
    if (swap.state.cached === 0) yield* refill(k);
    if (swap.state.cached > 0) {
      slot = swap.slotCache.slot[swap.state.cursor];
      swap.slotCache.slot[swap.state.cursor] = 0;
      swap.state.cursor++;
      swap.state.cached--;
    }
    yield* unlock(swap.allocLock);
  }
  return slot !== 0 ? slot : yield* getSwapPage(k);
}

function* getSwapPage(k: Kernel): Task<number> {
  if (k.swap.state.free === 0) return 0;
  yield* lock(k.swap.lock);
  const slot = takeSlot(k);
  yield* unlock(k.swap.lock);
  return slot;
}

/** check_cache_active: caches are used while there is much free space; else their slots are given back. */
function checkCacheActive(k: Kernel): Task {
  const { state } = k.swap;
  if (state.cacheActive === 0) {
    if (state.free > ACTIVATE * SLOT_CACHE) state.cacheActive = 1;
  } else if (state.free < DEACTIVATE * SLOT_CACHE) {
    return drainSwapSlots(k);
  }
  return answer(undefined) as never;
}

/** refill_swap_slots_cache. alloc_lock held. */
function* refill(k: Kernel): Task {
  const { swap } = k;
  yield* lock(swap.lock);
  let n = 0;
  for (let slot = takeSlot(k); slot !== 0; slot = n < SLOT_CACHE ? takeSlot(k) : 0) {
    swap.slotCache.slot[n] = slot;
    n++;
  }
  yield* unlock(swap.lock);
  swap.state.cached = n;
  swap.state.cursor = 0;
}

/** free_swap_slot: into the cache of those to be given back, or back at once. */
export function* freeSwapSlot(k: Kernel, slot: number): Task {
  const { swap } = k;
  if (swap.state.cacheActive === 0) {
    yield* swapEntryFree(k, slot);
    return;
  }
  yield* lock(swap.freeLock);
  if (swap.state.returned === SLOT_CACHE) yield* flushReturned(k);
  swap.slotCache.returned[swap.state.returned] = slot;
  swap.state.returned++;
  yield* unlock(swap.freeLock);
}

/** swapcache_free_entries of all, under swap_info.lock once. free_lock held. */
function* flushReturned(k: Kernel): Task {
  const { slotCache, state } = k.swap;
  if (state.returned === 0) return;
  yield* lock(k.swap.lock);
  for (let n = state.returned; n > 0; n--) yield* swapRangeFree(k, slotCache.returned[n - 1]);
  yield* unlock(k.swap.lock);
  slotCache.returned.fill(0);
  state.returned = 0;
}

/** deactivate_swap_slots_cache, drain_slots_cache_cpu: what is in the caches is free again, and they are out of use. */
export function* drainSwapSlots(k: Kernel): Task {
  const { swap } = k;
  swap.state.cacheActive = 0;
  yield* lock(swap.allocLock);
  while (swap.state.cached > 0) {
    const slot = swap.slotCache.slot[swap.state.cursor];
    swap.slotCache.slot[swap.state.cursor] = 0;
    swap.state.cursor++;
    swap.state.cached--;
    yield* swapEntryFree(k, slot);
  }
  yield* unlock(swap.allocLock);
  yield* lock(swap.freeLock);
  yield* flushReturned(k);
  yield* unlock(swap.freeLock);
}
