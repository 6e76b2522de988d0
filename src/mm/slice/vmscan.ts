/**
 * Direct reclaim (mm/vmscan.c): takes the oldest folios off the LRU, unmaps them and frees them if nobody else uses
 * them. What happens to one folio, with the steps that depend on the rules in brackets:
 *
 *   isolate ─▶ trylock ─▶ [pin check] ─▶ add to swap ─▶ unmap: NOTIFIERS ─▶ [late pin check] ─▶ freeze refs ─▶ free
 *                 │            │                          │                      │                 │
 *                 └────────────┴──────────────────────────┴──────────────────────┴─────────────────┴─▶ put back
 *
 * So a pin is always a reason not to free, but only a bracket makes it a reason not to unmap: everything to the left of
 * the freeze has then happened for nothing. Runs as the allocating task, with whatever locks that task holds.
 */

import { readOnce } from "../../machine/cell.ts";
import { memallocRestore, memallocSave, PF_MEMALLOC } from "../../machine/context.ts";
import type { Task } from "../../machine/core.ts";
import { trylockFolio, unlockFolio } from "../../machine/folioLock.ts";
import { __GFP_IO, fsReclaimAcquire, fsReclaimRelease } from "../../machine/gfp.ts";
import { cacheAddFolio, removeMapping } from "./cache.ts";
import type { Kernel } from "./kernel.ts";
import { folioMaybeDmaPinned, folioPutbackLru, isolateOldest, lruSize } from "./lru.ts";
import { ANON } from "./mapping.ts";
import type { Folio } from "./page.ts";
import { freePage } from "./pageAlloc.ts";
import { tryToUnmap } from "./rmap.ts";

/**
 * try_to_free_pages: looks at each folio of the LRU at most once and stops after the first that it could free. Number
 * of folios freed. The task may not reclaim again from in here: PF_MEMALLOC.
 */
export function* tryToFreePages(k: Kernel, gfp: number): Task<number> {
  fsReclaimAcquire(gfp);
  const saved = memallocSave(PF_MEMALLOC);
  let freed = 0;
  for (let left = yield* lruSize(k); left > 0 && freed === 0; left--) {
    const folio = yield* isolateOldest(k);
    if (!folio) break;
    if (yield* shrinkFolio(k, folio, gfp)) freed++;
    else yield* folioPutbackLru(k, folio);
  }
  memallocRestore(PF_MEMALLOC, saved);
  fsReclaimRelease(gfp);
  return freed;
}

/** shrink_folio_list for one isolated folio: true when it was freed, false when it must be put back. */
export function* shrinkFolio(k: Kernel, folio: Folio, gfp: number): Task<boolean> {
  if (!(yield* trylockFolio(folio.lock))) return false;
  const freed = yield* shrinkLocked(k, folio, gfp);
  yield* unlockFolio(folio.lock);
  if (freed) yield* freePage(k, folio);
  return freed;
}

/** True: unmapped, out of its cache, references frozen. */
function* shrinkLocked(k: Kernel, folio: Folio, gfp: number): Task<boolean> {
  const { mapping } = folio;
  if (!mapping) return false;
  const freshAnon = mapping.kind === ANON && !folio.swapCache;
  const check = k.rules.reclaimPinCheck === "all" || (freshAnon && k.rules.reclaimPinCheck === "freshAnon");
  if (check && (yield* folioMaybeDmaPinned(folio))) return false;
  if (freshAnon) {
    if ((gfp & __GFP_IO) === 0) return false;
    if (!(yield* cacheAddFolio(mapping, folio.index, folio))) return false;
  }
  if ((yield* readOnce(folio.mapcount)) > 0 && !(yield* tryToUnmap(k, folio))) return false;
  if (k.rules.latePinCheck && (yield* folioMaybeDmaPinned(folio))) return false;
  // Pageout is not modelled: what is in a cache counts as written to disk.
  return yield* removeMapping(mapping, folio);
}
