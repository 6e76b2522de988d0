/**
 * How folios get onto LRU lists, move there, and die (mm/swap.c).
 *
 *   folio_add_lru ─▶ batch of the CPU (+1 reference, no PG_lru) ──full, or lru_add_drain──▶ LRU list (PG_lru)
 *   folio_put of the last reference ─▶ off the list ─▶ page allocator
 */
import { refPutWord } from "../machine/cell.ts";
import { answer, type Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { listAdd, listAddOldest, listDel } from "./lruList.ts";
import {
  BATCH_ACTIVATE,
  BATCH_ADD,
  BATCH_DEACTIVATE,
  BATCH_DEACTIVATE_FILE,
  BATCH_LAZYFREE,
  BATCH_MLOCK,
  BATCH_ROTATE,
  BATCH_SIZE,
} from "./lruTypes.ts";
import { folioLruvec } from "./lruvec.ts";
import { freeZoneDevicePage, isDevicePage } from "./memremap.ts";
import { mlockBatchFn } from "./mlockBatch.ts";
import {
  clearFlag,
  folioGet,
  folioMemcg,
  hasFlag,
  type Pfn,
  PG_active,
  PG_anon,
  PG_dirty,
  PG_lru,
  PG_mlocked,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_writeback,
  setFlag,
  testClearFlag,
} from "./page.ts";
import { freePage, freePageList } from "./pageAlloc.ts";
import { countBoth, countVm, EV } from "./vmstat.ts";
import { workingsetActivation } from "./workingset.ts";

/** folio_add_lru: into the batch; the folio shows up on a list when the batch is emptied. */
export function* folioAddLru(k: Kernel, pfn: Pfn): Task {
  yield* folioGet(k, pfn);
  yield* batchAddAndMove(k, BATCH_ADD, pfn, 0);
}

/** folio_batch_add_and_move: the caller has given the batch its reference. `tag`: see mlockBatch.ts. */
export function* batchAddAndMove(k: Kernel, batch: number, pfn: Pfn, tag: number): Task {
  const { batches, batched, localLock } = k.lru;
  yield* lock(localLock);
  const n = batches.count[batch];
  batched.page[batch * BATCH_SIZE + n] = (pfn << 2) | tag;
  batches.count[batch] = n + 1;
  if (n + 1 === BATCH_SIZE || k.state.lruDisabled > 0) yield* batchMoveLru(k, batch);
  yield* unlock(localLock);
}

/** folio_batch_move_lru: each folio goes where the batch is for, then the batch's references are dropped. Local lock held. */
function* batchMoveLru(k: Kernel, batch: number): Task {
  const { batches, batched, locks } = k.lru;
  const n = batches.count[batch];
  let held = -1;
  for (let i = 0; i < n; i++) {
    const entry = batched.page[batch * BATCH_SIZE + i];
    const lruvec = folioLruvec(k, entry >> 2);
    if (lruvec !== held) {
      if (held >= 0) yield* unlock(locks[held]);
      yield* lock(locks[lruvec]);
      held = lruvec;
    }
    if (batch === BATCH_MLOCK) mlockBatchFn(k, entry >> 2, entry & 3);
    else moveFn(k, batch, entry >> 2);
  }
  if (held >= 0) yield* unlock(locks[held]);
  batches.count[batch] = 0;
  let freed = 0;
  for (let i = 0; i < n; i++) {
    const pfn = batched.page[batch * BATCH_SIZE + i] >> 2;
    if (yield* putTestzero(k, pfn, 1)) freed = yield* dying(k, pfn, freed);
  }
  yield* freePageList(k, freed);
}

/** What the batch is for, to one folio. lru_lock held. */
function moveFn(k: Kernel, batch: number, pfn: Pfn): void {
  if (batch === BATCH_ADD) return lruAddFn(k, pfn);
  if (!testClearFlag(k, pfn, PG_lru)) return;
  if (!hasFlag(k, pfn, PG_unevictable)) {
    if (batch === BATCH_ACTIVATE) {
      if (!hasFlag(k, pfn, PG_active)) relink(k, pfn, 0, PG_active, EV.pgactivate);
    } else if (batch === BATCH_DEACTIVATE) {
      if (hasFlag(k, pfn, PG_active)) relink(k, pfn, PG_active | PG_referenced, 0, EV.pgdeactivate);
    } else if (batch === BATCH_DEACTIVATE_FILE) {
      deactivateFile(k, pfn);
    } else if (batch === BATCH_LAZYFREE) {
      const flags = k.frames.flags[pfn];
      if ((flags & (PG_anon | PG_swapbacked | PG_swapcache)) === (PG_anon | PG_swapbacked)) {
        relink(k, pfn, PG_active | PG_referenced | PG_swapbacked, 0, EV.pglazyfree);
      }
    } else if (batch === BATCH_ROTATE) {
      toTail(k, pfn);
    }
  }
  setFlag(k, pfn, PG_lru);
}

/** To the head of another list, as told by its flags. */
function relink(k: Kernel, pfn: Pfn, clear: number, set: number, event: number): void {
  listDel(k, pfn);
  clearFlag(k, pfn, clear);
  setFlag(k, pfn, set);
  listAdd(k, pfn);
  countBoth(k, folioMemcg(k, pfn), event);
}

/** lru_move_tail_fn: the next that reclaim looks at. */
function toTail(k: Kernel, pfn: Pfn): void {
  listDel(k, pfn);
  clearFlag(k, pfn, PG_active);
  listAddOldest(k, pfn);
  countVm(k, EV.pgrotated);
}

/** lru_deactivate_file_fn: what invalidation could not drop. Dirty folios wait at the head, and go to the tail once written. */
function deactivateFile(k: Kernel, pfn: Pfn): void {
  const { flags, mapcount } = k.frames;
  if (mapcount[pfn] > 0) return;
  const active = hasFlag(k, pfn, PG_active);
  listDel(k, pfn);
  clearFlag(k, pfn, PG_active | PG_referenced);
  if ((flags[pfn] & (PG_writeback | PG_dirty)) !== 0) {
    setFlag(k, pfn, PG_reclaim);
    listAdd(k, pfn);
  } else {
    listAddOldest(k, pfn);
    countVm(k, EV.pgrotated);
  }
  if (active) countBoth(k, folioMemcg(k, pfn), EV.pgdeactivate);
}

/** lru_add_fn: mlocked folios go to the unevictable list. */
function lruAddFn(k: Kernel, pfn: Pfn): void {
  const wasUnevictable = testClearFlag(k, pfn, PG_unevictable);
  const mlocked = hasFlag(k, pfn, PG_mlocked);
  if (wasUnevictable !== mlocked) countVm(k, mlocked ? EV.unevictable_pgs_culled : EV.unevictable_pgs_rescued);
  if (mlocked) {
    clearFlag(k, pfn, PG_active);
    setFlag(k, pfn, PG_unevictable);
    // Not mlock's own count: that comes with its batch, if it has not come already.
    k.frames.mlockCount[pfn] = 0;
  }
  listAdd(k, pfn);
  setFlag(k, pfn, PG_lru);
}

/** lru_add_drain: empties all batches of this CPU. */
export function* lruAddDrain(k: Kernel): Task {
  yield* lock(k.lru.localLock);
  for (let batch = BATCH_ADD; batch <= BATCH_MLOCK; batch++) {
    if (k.lru.batches.count[batch] > 0) yield* batchMoveLru(k, batch);
  }
  yield* unlock(k.lru.localLock);
}

/** folio_mark_accessed: it was used by a system call, or through GUP. */
export function folioMarkAccessed(k: Kernel, pfn: Pfn): Task {
  return k.policy.markAccessed(k, pfn);
}

/** The same for two lists: unreferenced → referenced → active. */
export function* folioMarkAccessedClassic(k: Kernel, pfn: Pfn): Task {
  const flags = k.frames.flags[pfn];
  if ((flags & PG_referenced) === 0) {
    setFlag(k, pfn, PG_referenced);
  } else if ((flags & (PG_unevictable | PG_active)) === 0) {
    if ((flags & PG_lru) !== 0) yield* folioActivate(k, pfn);
    else if (isInAddBatch(k, pfn)) setFlag(k, pfn, PG_active);
    clearFlag(k, pfn, PG_referenced);
    workingsetActivation(k, pfn);
  }
}

/** __lru_cache_activate_folio looks through the CPU's own batch only. */
function isInAddBatch(k: Kernel, pfn: Pfn): boolean {
  for (let i = k.lru.batches.count[BATCH_ADD] - 1; i >= 0; i--) {
    if (k.lru.batched.page[BATCH_ADD * BATCH_SIZE + i] >> 2 === pfn) return true;
  }
  return false;
}

/** folio_activate. */
function* folioActivate(k: Kernel, pfn: Pfn): Task {
  yield* folioGet(k, pfn);
  yield* batchAddAndMove(k, BATCH_ACTIVATE, pfn, 0);
}

/** deactivate_page: MADV_COLD. */
export function* deactivatePage(k: Kernel, pfn: Pfn): Task {
  const flags = k.frames.flags[pfn];
  if ((flags & (PG_lru | PG_unevictable | PG_active)) !== (PG_lru | PG_active)) return;
  yield* folioGet(k, pfn);
  yield* batchAddAndMove(k, BATCH_DEACTIVATE, pfn, 0);
}

/** deactivate_file_folio: invalidation met it and could not drop it. */
export function* deactivateFileFolio(k: Kernel, pfn: Pfn): Task {
  if (hasFlag(k, pfn, PG_unevictable)) return;
  yield* folioGet(k, pfn);
  yield* batchAddAndMove(k, BATCH_DEACTIVATE_FILE, pfn, 0);
}

/** folio_rotate_reclaimable: it is written, and reclaim waits for it. The caller keeps it in place. */
export function folioRotateReclaimable(k: Kernel, pfn: Pfn): Task {
  const stays = k.frames.lock[pfn] !== 0 || (k.frames.flags[pfn] & (PG_dirty | PG_unevictable | PG_lru)) !== PG_lru;
  return stays ? (answer(undefined) as never) : rotate(k, pfn);
}

function* rotate(k: Kernel, pfn: Pfn): Task {
  yield* folioGet(k, pfn);
  yield* batchAddAndMove(k, BATCH_ROTATE, pfn, 0);
}

/** mark_page_lazyfree: MADV_FREE. */
export function* markPageLazyfree(k: Kernel, pfn: Pfn): Task {
  const flags = k.frames.flags[pfn];
  const wanted = PG_lru | PG_anon | PG_swapbacked;
  if ((flags & (wanted | PG_swapcache | PG_unevictable)) !== wanted) return;
  yield* folioGet(k, pfn);
  yield* batchAddAndMove(k, BATCH_LAZYFREE, pfn, 0);
}

/** folio_put: drops one reference; the last one frees the folio. */
export function folioPut(k: Kernel, pfn: Pfn): Task {
  return folioPutRefs(k, pfn, 1);
}

/** Drops `refs` references at once (a pin counts many). */
export function* folioPutRefs(k: Kernel, pfn: Pfn, refs: number): Task {
  if (!(yield* putTestzero(k, pfn, refs))) return;
  if (isDevicePage(k, pfn)) {
    yield* freeZoneDevicePage(k, pfn);
    return;
  }
  if (hasFlag(k, pfn, PG_lru)) yield* leaveLru(k, pfn);
  yield* freePage(k, pfn);
}

function putTestzero(k: Kernel, pfn: Pfn, refs: number): Task<boolean> {
  return refPutWord(k.words.refcount + pfn, refs);
}

/** __page_cache_release: nobody has a reference, so only its being on the list leads to it. */
function* leaveLru(k: Kernel, pfn: Pfn): Task {
  const l = k.lru.locks[folioLruvec(k, pfn)];
  yield* lock(l);
  clearFlag(k, pfn, PG_lru);
  listDel(k, pfn);
  yield* unlock(l);
}

/**
 * release_pages, one of them: drops a reference; a page that dies is put in front of the list `freed` (pfn + 1, linked by
 * `next`), which `freePageList` frees in that order. The new list.
 */
export function* putPage(k: Kernel, pfn: Pfn, freed: number): Task<number> {
  return (yield* putTestzero(k, pfn, 1)) ? yield* dying(k, pfn, freed) : freed;
}

/** Nobody has a reference any more: in front of the list. */
function* dying(k: Kernel, pfn: Pfn, freed: number): Task<number> {
  if (hasFlag(k, pfn, PG_lru)) yield* leaveLru(k, pfn);
  k.frames.next[pfn] = freed;
  return pfn + 1;
}
