/**
 * shrink_folio_list: what becomes of folios that reclaim has isolated. The table of decisions is in vmscanTable.ts; here is how a
 * folio finds its row. Each folio is locked by trylock; nobody waits here for a folio.
 *
 *   trylock ─▶ writeback? ─▶ used? ─▶ into swap ─▶ unmap everywhere ─▶ write ─▶ take out of its cache ─▶ free
 *      └─keep     └─ act       └─ act, keep   └─ act      └─ act          └─ keep       └─ keep
 */

import { contextWord, PF_KSWAPD } from "../machine/context.ts";
import type { Task } from "../machine/core.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { __GFP_FS, __GFP_IO } from "../machine/gfp.ts";
import { folioReferenced } from "./folioReferenced.ts";
import type { Kernel } from "./kernel.ts";
import { memcgSwapFull } from "./memcontrol.ts";
import {
  folioLockWord,
  folioMapcount,
  folioMaybeDmaPinned,
  folioMemcg,
  folioPutTestzero,
  folioRefCount,
  folioRefFreeze,
  hasFlag,
  type Pfn,
  PG_active,
  PG_anon,
  PG_dirty,
  PG_mlocked,
  PG_private,
  PG_reclaim,
  PG_swapbacked,
  PG_swapcache,
  PG_writeback,
  setFlag,
} from "./page.ts";
import { freePageList } from "./pageAlloc.ts";
import { freePageListHead, listAddTail, listShift, listSplice, newPageList, type PageList } from "./pageList.ts";
import { PAGE_ACTIVATE, PAGE_KEEP, PAGE_SUCCESS, pageout, releaseFolio, removeMapping } from "./pageout.ts";
import { PGDAT_DIRTY, PGDAT_WRITEBACK } from "./pgdat.ts";
import { folioInode } from "./rmap.ts";
import { clearStat, type ScanControl } from "./scanControl.ts";

import { folioFreeSwap } from "./swapfile.ts";
import { addToSwap } from "./swapState.ts";
import { condResched } from "./throttle.ts";
import { tryToUnmapFlush, tryToUnmapFlushDirty } from "./tlbBatch.ts";
import { TTU_BATCH_FLUSH, tryToUnmap } from "./tryToUnmap.ts";
import {
  FOLIOREF_ACTIVATE,
  FOLIOREF_KEEP,
  FOLIOREF_RECLAIM,
  FOLIOREF_RECLAIM_CLEAN,
  folioCheckReferences,
} from "./vmscanReferences.ts";
import { ACTIVATE, FREE, GONE, outcomeOf } from "./vmscanTable.ts";
import { countMemcg, countVm, EV } from "./vmstat.ts";

/** Beside the row: the folio is not locked (any more). */
const UNLOCKED = 1 << 8;
/** Row 0: nothing is decided yet. */
const GO_ON = 0;

/**
 * shrink_folio_list: decides about every folio of `list`, all of node `nid`; those that stay are in `list` afterwards. How many
 * were freed. Statistics of the batch in `sc`. `ignoreReferences`: being used does not count.
 */
export function* shrinkFolioList(
  k: Kernel,
  list: PageList,
  nid: number,
  sc: ScanControl,
  ignoreReferences: boolean,
): Task<number> {
  const stay = newPageList(k);
  let freed = 0;
  let reclaimed = 0;
  clearStat(sc);
  for (let pfn = listShift(k, list); pfn >= 0; pfn = listShift(k, list)) {
    yield* condResched();
    const decided = yield* decide(k, pfn, nid, sc, ignoreReferences);
    const row = decided & 255;
    k.stat.rows[row] = (k.stat.rows[row] ?? 0) + 1;
    const outcome = outcomeOf[row];
    if (outcome === FREE || outcome === GONE) reclaimed++;
    if (outcome === GONE) continue;
    if (outcome === FREE) {
      if ((decided & UNLOCKED) === 0) yield* unlockFolio(folioLockWord(k, pfn));
      k.frames.next[pfn] = freed;
      freed = pfn + 1;
      continue;
    }
    if (outcome === ACTIVATE) yield* activate(k, pfn, sc);
    if ((decided & UNLOCKED) === 0) yield* unlockFolio(folioLockWord(k, pfn));
    listAddTail(k, stay, pfn);
  }
  countVm(k, EV.pgactivate, sc.statActivateAnon + sc.statActivateFile);
  yield* tryToUnmapFlush(k);
  yield* freePageList(k, freed);
  listSplice(k, list, stay);
  freePageListHead(k, stay);
  return reclaimed;
}

/** activate_locked: it will not be swapped out soon, so its place in swap can go where places are scarce. Folio locked. */
function* activate(k: Kernel, pfn: Pfn, sc: ScanControl): Task {
  const mlocked = hasFlag(k, pfn, PG_mlocked);
  if (hasFlag(k, pfn, PG_swapcache) && (mlocked || memcgSwapFull(k, folioMemcg(k, pfn)))) yield* folioFreeSwap(k, pfn);
  if (mlocked) return;
  if (hasFlag(k, pfn, PG_swapbacked)) sc.statActivateAnon++;
  else sc.statActivateFile++;
  setFlag(k, pfn, PG_active);
  countMemcg(k, folioMemcg(k, pfn), EV.pgactivate);
}

/** The row for one folio: see vmscanTable.ts. */
function* decide(k: Kernel, pfn: Pfn, nid: number, sc: ScanControl, ignoreReferences: boolean): Task<number> {
  if (!(yield* trylockFolio(folioLockWord(k, pfn)))) return 1 | UNLOCKED;
  sc.nrScanned++;
  if (hasFlag(k, pfn, PG_mlocked)) return 2;
  if (!sc.mayUnmap && (yield* folioMapcount(k, pfn)) > 0) return 3;
  accountDirty(k, pfn, sc);
  if (hasFlag(k, pfn, PG_writeback)) return underWriteback(k, pfn, nid, sc);
  const use = ignoreReferences
    ? FOLIOREF_RECLAIM
    : folioCheckReferences(k, pfn, yield* folioReferenced(k, pfn, true, sc.targetMemcg));
  if (use === FOLIOREF_ACTIVATE) return 9;
  if (use === FOLIOREF_KEEP) {
    sc.statRefKeep++;
    return 10;
  }
  // Proposed in June 2020: no folio that may be pinned is touched at all.
  if (k.rules.reclaimPinCheck === "all" && (yield* folioMaybeDmaPinned(k, pfn))) return 13;
  const unmapped = yield* intoSwapAndUnmap(k, pfn, sc);
  if (unmapped !== GO_ON) return unmapped;
  if (hasFlag(k, pfn, PG_dirty)) {
    const written = yield* write(k, pfn, nid, sc, use);
    if (written !== GO_ON) return written;
  }
  return yield* release(k, pfn, sc);
}

/** folio_check_dirty_writeback: only file pages count, as they are what flushers can do something about. */
function accountDirty(k: Kernel, pfn: Pfn, sc: ScanControl): void {
  const flags = k.frames.flags[pfn];
  if ((flags & PG_swapbacked) !== 0 || (flags & PG_anon) !== 0) return;
  const dirty = (flags & PG_dirty) !== 0;
  const writeback = (flags & PG_writeback) !== 0;
  if (dirty || writeback) sc.statDirty++;
  if (dirty && !writeback) sc.statUnqueuedDirty++;
  if (writeback && (flags & PG_reclaim) !== 0) sc.statCongested++;
}

const isKswapd = (): boolean => (contextWord() & PF_KSWAPD) !== 0;

function underWriteback(k: Kernel, pfn: Pfn, nid: number, sc: ScanControl): number {
  if (isKswapd() && hasFlag(k, pfn, PG_reclaim) && (k.pgdats[nid].flags & PGDAT_WRITEBACK) !== 0) {
    sc.statImmediate++;
    return 6;
  }
  // When it is written it goes to the tail, where the next scan finds it.
  setFlag(k, pfn, PG_reclaim);
  sc.statWriteback++;
  return 7;
}

/** Rows 12 to 19. */
function* intoSwapAndUnmap(k: Kernel, pfn: Pfn, sc: ScanControl): Task<number> {
  const flags = k.frames.flags[pfn];
  if ((flags & (PG_anon | PG_swapbacked | PG_swapcache)) === (PG_anon | PG_swapbacked)) {
    if ((sc.gfp & __GFP_IO) === 0) return 12;
    if (k.rules.reclaimPinCheck === "freshAnon" && (yield* folioMaybeDmaPinned(k, pfn))) return 13;
    if (!(yield* addToSwap(k, pfn))) return 16;
  }
  if ((yield* folioMapcount(k, pfn)) > 0) {
    const lazyfree = !hasFlag(k, pfn, PG_swapbacked);
    yield* tryToUnmap(k, pfn, TTU_BATCH_FLUSH);
    if ((yield* folioMapcount(k, pfn)) > 0) {
      sc.statUnmapFail++;
      if (lazyfree && hasFlag(k, pfn, PG_swapbacked)) sc.statLazyfreeFail++;
      return 18;
    }
  }
  // A pinned page of a file was unmapped for nothing: now its subscribers have heard of it.
  return k.rules.latePinCheck && (yield* folioMaybeDmaPinned(k, pfn)) ? 19 : GO_ON;
}

/** Rows 20 to 22. */
function* write(k: Kernel, pfn: Pfn, nid: number, sc: ScanControl, use: number): Task<number> {
  const fileLru = !hasFlag(k, pfn, PG_swapbacked);
  if (fileLru && !(isKswapd() && hasFlag(k, pfn, PG_reclaim) && (k.pgdats[nid].flags & PGDAT_DIRTY) !== 0)) {
    countVm(k, EV.nr_vmscan_immediate_reclaim);
    setFlag(k, pfn, PG_reclaim);
    return 20;
  }
  if (use === FOLIOREF_RECLAIM_CLEAN || !mayEnterFs(k, pfn, sc.gfp) || !sc.mayWritepage) return 21;
  yield* tryToUnmapFlushDirty(k);
  const result = yield* pageout(k, pfn);
  if (result === PAGE_KEEP) return 22;
  if (result === PAGE_ACTIVATE) return 27;
  if (result !== PAGE_SUCCESS) return GO_ON;
  sc.statPageout++;
  // A synchronous device is done, and the folio can be freed at once.
  if (hasFlag(k, pfn, PG_writeback | PG_dirty)) return 22 | UNLOCKED;
  if (!(yield* trylockFolio(folioLockWord(k, pfn)))) return 22 | UNLOCKED;
  return hasFlag(k, pfn, PG_writeback | PG_dirty) ? 22 : GO_ON;
}

/** May ->writepage be called? Swap needs I/O only. */
function mayEnterFs(k: Kernel, pfn: Pfn, gfp: number): boolean {
  return (gfp & __GFP_FS) !== 0 || (hasFlag(k, pfn, PG_swapcache) && (gfp & __GFP_IO) !== 0);
}

/** Rows 23 to 26. */
function* release(k: Kernel, pfn: Pfn, sc: ScanControl): Task<number> {
  if (hasFlag(k, pfn, PG_private)) {
    if (!(yield* releaseFolio(k, pfn))) return 23;
    if (!hasMapping(k, pfn) && (yield* folioRefCount(k, pfn)) === 1) return yield* truncatedMeanwhile(k, pfn);
  }
  if (hasFlag(k, pfn, PG_anon) && !hasFlag(k, pfn, PG_swapbacked)) {
    if (!(yield* folioRefFreeze(k, pfn, 1))) return 24;
    countVm(k, EV.pglazyfreed);
    countMemcg(k, folioMemcg(k, pfn), EV.pglazyfreed);
    return 26;
  }
  return (yield* removeMapping(k, pfn, sc.targetMemcg)) ? 26 : 25;
}

const hasMapping = (k: Kernel, pfn: Pfn): boolean =>
  hasFlag(k, pfn, PG_swapcache | PG_anon) || folioInode(k, pfn) !== null;

/** Only its buffers kept it. Who else has a reference for a moment frees it, and it counts as reclaimed all the same. */
function* truncatedMeanwhile(k: Kernel, pfn: Pfn): Task<number> {
  yield* unlockFolio(folioLockWord(k, pfn));
  return (yield* folioPutTestzero(k, pfn)) ? 26 | UNLOCKED : 28 | UNLOCKED;
}
