/** The LRU list and the end of a folio's life (mm/swap.c): adding, isolating, putting back, dropping references. */
import { fetchAdd, readOnce, touch } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import type { Kernel, PgNode } from "./kernel.ts";
import { type Folio, GUP_PIN_COUNTING_BIAS } from "./page.ts";
import { freePage } from "./pageAlloc.ts";

/** Links `folio` in as the newest. lruLock held, or set-up. */
export function lruLink(node: PgNode, folio: Folio): void {
  folio.lruPrev = null;
  folio.lruNext = node.lruHead;
  if (node.lruHead) node.lruHead.lruPrev = folio;
  else node.lruTail = folio;
  node.lruHead = folio;
  node.lruSize++;
  folio.onLru = true;
}

/** lruLock held. */
function lruUnlink(node: PgNode, folio: Folio): void {
  const { lruPrev, lruNext } = folio;
  if (lruPrev) lruPrev.lruNext = lruNext;
  else node.lruHead = lruNext;
  if (lruNext) lruNext.lruPrev = lruPrev;
  else node.lruTail = lruPrev;
  folio.lruPrev = null;
  folio.lruNext = null;
  node.lruSize--;
  folio.onLru = false;
}

/** folio_add_lru: the folio becomes the newest. Per-CPU batches are not modelled: it is there at once. */
export function* folioAddLru(k: Kernel, folio: Folio): Task {
  yield* lock(k.node.lruLock);
  lruLink(k.node, folio);
  yield* unlock(k.node.lruLock);
}

/** How many folios are on the list. */
export function* lruSize(k: Kernel): Task<number> {
  yield* lock(k.node.lruLock);
  const size = k.node.lruSize;
  yield* unlock(k.node.lruLock);
  return size;
}

/**
 * Takes the oldest folio off the list, with a reference for the caller. Null when the list is empty or the oldest is
 * just being freed by somebody else.
 */
export function* isolateOldest(k: Kernel): Task<Folio | null> {
  const { node } = k;
  yield* lock(node.lruLock);
  const folio = node.lruTail;
  let taken = false;
  if (folio) {
    // folio_try_get: whoever dropped the last reference is on its way to take the folio off the list itself.
    yield* touch(folio.refcount);
    taken = folio.refcount.value > 0;
    if (taken) {
      folio.refcount.value++;
      lruUnlink(node, folio);
    }
  }
  yield* unlock(node.lruLock);
  return taken ? folio : null;
}

/** Puts an isolated folio back as the newest and drops the isolation's reference. */
export function* folioPutbackLru(k: Kernel, folio: Folio): Task {
  yield* folioAddLru(k, folio);
  yield* folioPut(k, folio);
}

/** folio_put: drops one reference; the last one frees the folio. */
export function* folioPut(k: Kernel, folio: Folio): Task {
  yield* folioPutRefs(k, folio, 1);
}

/** Drops `refs` references at once (a pin counts many). */
export function* folioPutRefs(k: Kernel, folio: Folio, refs: number): Task {
  const before = yield* fetchAdd(folio.refcount, -refs);
  must(before >= refs, "use-after-free", `${folio.name} has ${before} references and is to lose ${refs}`);
  if (before > refs) return;
  yield* lock(k.node.lruLock);
  if (folio.onLru) lruUnlink(k.node, folio);
  yield* unlock(k.node.lruLock);
  yield* freePage(k, folio);
}

/** folio_maybe_dma_pinned: true for pinned folios, and for those with very many plain references. */
export function* folioMaybeDmaPinned(folio: Folio): Task<boolean> {
  const refs = yield* readOnce(folio.refcount);
  return refs >= GUP_PIN_COUNTING_BIAS;
}
