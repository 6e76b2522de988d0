/**
 * Reading from swap through the swap cache (second half of mm/swap_state.c), with neighbours:
 *
 *   anonymous memory  the pages around the faulting address, as many as the last ones were of use (swap_vma_readahead)
 *   shared memory     the slots around the slot (swap_cluster_readahead)
 */
import type { Task } from "../machine/core.ts";
import { EEXIST } from "../machine/errno.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import { __GFP_COMP, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../machine/gfp.ts";
import { until } from "../machine/wait.ts";
import type { Kernel } from "./kernel.ts";
import { memCgroupChargeCurrent, memCgroupSwapinCharge } from "./memcontrol.ts";
import type { Mm, Vma } from "./mmTypes.ts";
import { folioLockWord, type Pfn, PG_readahead, PG_swapbacked, setFlag, testClearFlag, type Vpn } from "./page.ts";
import { allocPage } from "./pageAlloc.ts";
import { swapReadpage } from "./pageIo.ts";
import { pmdPages, pteAt, SWP_SWAP, swpOffset, swpType } from "./pageTable.ts";
import { folioAddLru, folioPut, lruAddDrain } from "./swap.ts";
import { putSwapFolio, swapCount, swapcachePrepare } from "./swapfile.ts";
import { addToSwapCache, swapCacheGet } from "./swapState.ts";
import { SWAP_HAS_CACHE } from "./swapTypes.ts";
import { countVm, EV } from "./vmstat.ts";
import { workingsetRefault } from "./workingset.ts";

const MAX_HITS = 63;
/** What a VMA is supposed to have hit before its first fault. */
const FIRST_HITS = 4;

/** swap_cache_get_folio: with a reference, or -1. Notes that reading ahead was of use. */
export function* swapCacheGetFolio(k: Kernel, slot: number, vma: Vma | null, vpn: Vpn): Task<Pfn> {
  const pfn = yield* swapCacheGet(k, slot);
  if (pfn < 0 || k.swap.pageCluster === 0) return pfn;
  const ahead = testClearFlag(k, pfn, PG_readahead);
  if (vma) {
    if (ahead) vma.raHits = Math.min(raHits(vma) + 1, MAX_HITS);
    else vma.raHits = raHits(vma);
    vma.raAddress = vpn;
  }
  if (ahead) {
    countVm(k, EV.swap_ra_hit);
    if (!vma) k.swap.state.raHits++;
  }
  return pfn;
}

const raHits = (vma: Vma): number =>
  vma.raAddress === 0 && vma.raWindow === 0 && vma.raHits === 0 ? FIRST_HITS : vma.raHits;

/** mem_cgroup_swapin_charge_folio: who owned the slot pays. 0 or -ENOMEM. */
export function swapinCharge(k: Kernel, pfn: Pfn, slot: number, mm: Mm | null): Task<number> {
  const owner = k.swap.slots.memcg[slot];
  if (mm === null && owner === 0) return memCgroupChargeCurrent(k, pfn, GFP_KERNEL);
  return memCgroupSwapinCharge(k, pfn, owner, mm as Mm, GFP_KERNEL);
}

const NEW = 1;
const NO_MEMORY = -1;
/** Instead of a folio: nobody has an entry for the slot any more. */
export const SLOT_FREE = -3;

/** __read_swap_cache_async: pfn << 1, with a reference; | NEW when it is locked and has to be read; SLOT_FREE, NO_MEMORY. */
function* readSwapCache(k: Kernel, slot: number, mm: Mm | null): Task<number> {
  for (;;) {
    const cached = yield* swapCacheGet(k, slot);
    if (cached >= 0) return cached << 1;
    if ((yield* swapCount(k, slot)) === 0) return SLOT_FREE;
    const pfn = yield* allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP);
    if (pfn < 0) return NO_MEMORY;
    const error = yield* swapcachePrepare(k, slot);
    if (error === 0) return (yield* fillSwapCache(k, slot, pfn, mm)) ? (pfn << 1) | NEW : NO_MEMORY;
    yield* folioPut(k, pfn);
    if (error !== -EEXIST) return SLOT_FREE;
    // Somebody is between taking the slot and putting a folio there, or between taking the folio away and giving up the slot.
    yield* waitForSlot(k, slot);
  }
}

/** Until the one who has set SWAP_HAS_CACHE without a folio to be seen has gone on. Sleeps. */
export function* waitForSlot(k: Kernel, slot: number): Task {
  yield* until(() => (k.swap.slots.map[slot] & SWAP_HAS_CACHE) === 0 || k.swap.slots.cache[slot] > 0);
}

/** A new folio becomes the one of the slot, locked. False without memory: it is gone then. */
function* fillSwapCache(k: Kernel, slot: number, pfn: Pfn, mm: Mm | null): Task<boolean> {
  yield* lockFolio(folioLockWord(k, pfn));
  setFlag(k, pfn, PG_swapbacked);
  if ((yield* swapinCharge(k, pfn, slot, mm)) !== 0) {
    yield* putSwapFolio(k, slot);
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
    return false;
  }
  const shadow = yield* addToSwapCache(k, pfn, slot);
  if (shadow < 0) yield* workingsetRefault(k, pfn, shadow);
  yield* folioAddLru(k, pfn);
  return true;
}

/** read_swap_cache_async: the folio, with a reference, unlocked or to be unlocked when it is read; SLOT_FREE, NO_MEMORY. */
export function* readSwapCacheAsync(k: Kernel, slot: number, mm: Mm | null): Task<Pfn> {
  const found = yield* readSwapCache(k, slot, mm);
  if (found < 0) return found;
  if ((found & NEW) !== 0) yield* swapReadpage(k, found >> 1);
  return found >> 1;
}

/** Reads a neighbour and forgets about it. */
function* readAhead(k: Kernel, slot: number, mm: Mm | null, wanted: number): Task {
  const found = yield* readSwapCache(k, slot, mm);
  if (found < 0) return;
  const pfn = found >> 1;
  if ((found & NEW) !== 0) {
    yield* swapReadpage(k, pfn);
    if (slot !== wanted) {
      setFlag(k, pfn, PG_readahead);
      countVm(k, EV.swap_ra);
    }
  }
  yield* folioPut(k, pfn);
}

/** __swapin_nr_pages: how many pages to read, by the hits since the last time. Pure. */
export function swapinNrPages(previous: number, at: number, hits: number, most: number, lastWindow: number): number {
  let pages = hits + 2;
  if (hits === 0) {
    // No hits to judge by, so only neighbours of the last one look like a sequence.
    if (at !== previous + 1 && at !== previous - 1) pages = 1;
  } else {
    let up = 4;
    while (up < pages) up *= 2;
    pages = up;
  }
  // The window shrinks by half at a time.
  return Math.max(Math.min(pages, most), lastWindow >> 1);
}

/** swap_cluster_readahead: for shared memory. The folio as above. */
export function* swapClusterReadahead(k: Kernel, slot: number, mm: Mm | null): Task<Pfn> {
  const n = clusterPages(k, slot);
  if (n > 1) {
    const first = Math.max(1, slot & ~(n - 1));
    const last = Math.min(slot | (n - 1), k.swap.pages - 1);
    for (let at = first; at <= last; at++) yield* readAhead(k, at, mm, slot);
    yield* lruAddDrain(k);
  }
  return yield* readSwapCacheAsync(k, slot, mm);
}

/** swapin_nr_pages. */
function clusterPages(k: Kernel, slot: number): number {
  const { state, pageCluster } = k.swap;
  if (pageCluster === 0) return 1;
  const hits = state.raHits;
  state.raHits = 0;
  const pages = swapinNrPages(state.raPrevious, slot, hits, 1 << pageCluster, state.raPages);
  if (hits === 0) state.raPrevious = slot;
  state.raPages = pages;
  return pages;
}

/** swap_vma_readahead: entry `slot` of page `vpn`, and entries around it. The folio as above. mmap_lock held. */
export function* swapVmaReadahead(k: Kernel, vma: Vma, vpn: Vpn, slot: number): Task<Pfn> {
  const mm = vma.mm as Mm;
  const previous = vma.raAddress;
  const window = vmaWindow(k, vma, vpn);
  if (window > 1) {
    const block = vpn & ~(pmdPages(k) - 1);
    const start = windowStart(previous, vpn, window);
    const first = Math.max(start, vma.start, block);
    const last = Math.min(start + window, vma.end, block + pmdPages(k));
    for (let at = first; at < last; at++) {
      // Without the page-table lock: what is read may be old, and the slot is looked at again.
      const pte = pteAt(k, mm, at);
      if (swpType(pte) === SWP_SWAP) yield* readAhead(k, swpOffset(pte), mm, slot);
    }
    yield* lruAddDrain(k);
  }
  return yield* readSwapCacheAsync(k, slot, mm);
}

/** swap_ra_info: how many pages. */
function vmaWindow(k: Kernel, vma: Vma, vpn: Vpn): number {
  if (k.swap.pageCluster === 0) return 1;
  const window = swapinNrPages(vma.raAddress, vpn, raHits(vma), 1 << Math.min(k.swap.pageCluster, 5), vma.raWindow);
  vma.raAddress = vpn;
  vma.raWindow = window;
  vma.raHits = 0;
  return window;
}

/** Upwards, downwards, or around. */
function windowStart(previous: Vpn, vpn: Vpn, window: number): Vpn {
  if (vpn === previous + 1) return vpn;
  if (previous === vpn + 1) return vpn - window + 1;
  return vpn - ((window - 1) >> 1);
}
