/** Page faults and zapping (mm/memory.c). */
import { mayfailError } from "../../errors.ts";
import { fetchAdd, readOnce, writeOnce } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { ENOMEM } from "../../machine/errno.ts";
import { lockFolio, trylockFolio, unlockFolio } from "../../machine/folioLock.ts";
import { GFP_HIGHUSER_MOVABLE } from "../../machine/gfp.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { downRead, downWrite, upRead, upWrite } from "../../machine/rwsem.ts";
import { cacheAddFolio, cacheGetFolio, deleteFromSwapCache } from "./cache.ts";
import type { Kernel } from "./kernel.ts";
import { folioAddLru, folioPut, lruLink } from "./lru.ts";
import { ANON, type Mapping } from "./mapping.ts";
import type { Mm } from "./mm.ts";
import {
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_CLEAR,
  MMU_NOTIFY_UNMAP,
  RANGE_BLOCKABLE,
} from "./mmuNotifier.ts";
import type { Folio, Vpn } from "./page.ts";
import { allocPage } from "./pageAlloc.ts";
import { clearPte, PTE_NONE, PTE_PRESENT, PTE_SWAP, type Pte, setPte } from "./pageTable.ts";

/**
 * handle_mm_fault: makes page `vpn` present, with write permission if `write`. mmap_lock held. 0, also when the caller
 * must look again because somebody else was faster, or -ENOMEM. Allocates with GFP_HIGHUSER_MOVABLE: may reclaim.
 */
export function* handleMmFault(k: Kernel, mm: Mm, vpn: Vpn, write: boolean): Task<number> {
  const pte = mm.ptes[vpn];
  yield* lock(mm.ptl);
  const { state } = pte;
  if (state === PTE_PRESENT && write) pte.writable = true;
  yield* unlock(mm.ptl);
  if (state === PTE_PRESENT) return 0;
  if (state === PTE_NONE && pte.mapping.kind === ANON) return yield* doAnonymousPage(k, pte, write);
  return yield* doCachedPage(k, pte, write);
}

/** do_anonymous_page: a new zeroed page. */
function* doAnonymousPage(k: Kernel, pte: Pte, write: boolean): Task<number> {
  const folio = yield* allocFor(k, pte);
  if (!folio) return -ENOMEM;
  yield* lock(pte.mm.ptl);
  const free = pte.state === PTE_NONE;
  if (free) {
    setPte(pte, folio, write, true);
    yield* writeOnce(folio.mapcount, 1);
    yield* folioAddLru(k, folio);
  }
  yield* unlock(pte.mm.ptl);
  if (!free) yield* folioPut(k, folio);
  return 0;
}

/** do_swap_page, do_fault: the page is in the swap cache or page cache, or must be read from disk. */
function* doCachedPage(k: Kernel, pte: Pte, write: boolean): Task<number> {
  const { mapping, index } = pte;
  const cached = yield* cacheGetFolio(mapping, index);
  const folio = cached ?? (yield* readFromDisk(k, pte));
  if (!folio) return -ENOMEM;
  yield* lockFolio(folio.lock);
  // Our reference keeps it in the cache, unless another fault on the same entry took it out.
  const mapped = (mapping.kind !== ANON || folio.swapCache) && (yield* mapCached(pte, folio, write));
  yield* unlockFolio(folio.lock);
  // The reference becomes the one of the page-table entry.
  if (!mapped) yield* folioPut(k, folio);
  return 0;
}

/** Folio locked. False when the entry was filled in the meantime. */
function* mapCached(pte: Pte, folio: Folio, write: boolean): Task<boolean> {
  const { mm, mapping } = pte;
  yield* lock(mm.ptl);
  const empty = pte.state !== PTE_PRESENT;
  if (empty) {
    const anon = mapping.kind === ANON;
    // should_try_to_free_swap: a write fault that finds only itself and the swap cache makes the page its own.
    if (anon && write && (yield* readOnce(folio.refcount)) === 2) yield* deleteFromSwapCache(mapping, folio);
    setPte(pte, folio, write, anon && (pte.exclusive || !folio.swapCache));
    yield* fetchAdd(folio.mapcount, 1);
  }
  yield* unlock(mm.ptl);
  return empty;
}

/** A folio with a reference for the caller that is in the cache now, with the content read: ours or a faster one's. */
function* readFromDisk(k: Kernel, pte: Pte): Task<Folio | null> {
  const { mapping, index } = pte;
  for (;;) {
    const folio = yield* allocFor(k, pte);
    if (!folio) return null;
    yield* lockFolio(folio.lock);
    const added = yield* cacheAddFolio(mapping, index, folio);
    if (added) yield* folioAddLru(k, folio);
    yield* unlockFolio(folio.lock);
    if (added) return folio;
    yield* folioPut(k, folio);
    const faster = yield* cacheGetFolio(mapping, index);
    if (faster) return faster;
  }
}

function* allocFor(k: Kernel, pte: Pte): Task<Folio | null> {
  const folio = yield* allocPage(k, GFP_HIGHUSER_MOVABLE);
  if (folio) {
    folio.mapping = pte.mapping;
    folio.index = pte.index;
  }
  return folio;
}

/** A page fault from user mode. Fails only with -ENOMEM. */
export function* userAccess(k: Kernel, mm: Mm, vpn: Vpn, write: boolean): Task<number> {
  yield* downRead(mm.mmapLock);
  const error = yield* handleMmFault(k, mm, vpn, write);
  yield* upRead(mm.mmapLock);
  return error;
}

/** madvise(MADV_DONTNEED): drops the pages of [start, end). The addresses stay valid. */
export function* madviseDontneed(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task {
  yield* downRead(mm.mmapLock);
  yield* zapRange(k, mm, start, end, MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE);
  yield* upRead(mm.mmapLock);
}

/** munmap of [start, end). So far the area itself stays: a later access finds fresh pages, as after MAP_FIXED. */
export function* munmap(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task {
  yield* downWrite(mm.mmapLock);
  yield* zapRange(k, mm, start, end, MMU_NOTIFY_UNMAP | RANGE_BLOCKABLE);
  yield* upWrite(mm.mmapLock);
}

/**
 * unmap_vmas, zap_page_range: takes the pages of [start, end) out of the page table between a start and an end. 0, or
 * -EAGAIN when a subscriber refused a non-blockable start: then nothing was done, and there must be no end.
 * mmap_lock held.
 */
export function* zapRange(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task<number> {
  const error = yield* invalidateRangeStart(k, mm, start, end, flags);
  if (error !== 0) return error;
  for (let vpn = start; vpn < end; vpn++) yield* zapPte(k, mm.ptes[vpn]);
  yield* invalidateRangeEnd(k, mm, start, end, flags);
  return 0;
}

function* zapPte(k: Kernel, pte: Pte): Task {
  yield* lock(pte.mm.ptl);
  const { folio, state } = pte;
  if (state !== PTE_NONE) clearPte(pte, PTE_NONE);
  if (folio) yield* fetchAdd(folio.mapcount, -1);
  yield* unlock(pte.mm.ptl);
  if (folio) {
    if (pte.mapping.kind === ANON) yield* freeSwapCache(folio);
    yield* folioPut(k, folio);
  } else if (state === PTE_SWAP) {
    const cached = yield* cacheGetFolio(pte.mapping, pte.index);
    if (cached) {
      yield* freeSwapCache(cached);
      yield* folioPut(k, cached);
    }
  }
}

/** free_swap_cache: an anonymous page that nobody maps any more needs no place in swap. The caller has a reference. */
function* freeSwapCache(folio: Folio): Task {
  if (!(yield* trylockFolio(folio.lock))) return;
  const unused = folio.swapCache && (yield* readOnce(folio.mapcount)) === 0;
  if (unused) yield* deleteFromSwapCache(folio.mapping as Mapping, folio);
  yield* unlockFolio(folio.lock);
}

/** Set-up: page `vpn` is present in a frame of its own; `swapCache`: it has a place in swap already. */
export function populate(k: Kernel, mm: Mm, vpn: Vpn, options: { swapCache?: boolean } = {}): Folio {
  const pte = mm.ptes[vpn];
  const folio = takeFree(k);
  const mapping: Mapping = pte.mapping;
  const cached = mapping.kind !== ANON || options.swapCache === true;
  folio.mapping = mapping;
  folio.index = pte.index;
  folio.refcount.value = cached ? 2 : 1;
  folio.mapcount.value = 1;
  folio.swapCache = mapping.kind === ANON && cached;
  if (cached) mapping.slots[pte.index].folio = folio;
  setPte(pte, folio, true, mapping.kind === ANON);
  lruLink(k.node, folio);
  return folio;
}

/** Set-up: a free folio leaves the free list. */
function takeFree(k: Kernel): Folio {
  const folio = k.node.freeFirst;
  if (!folio) throw mayfailError("MF0502", { frames: k.folios.length });
  k.node.freeFirst = folio.buddyNext;
  folio.buddyNext = null;
  return folio;
}
