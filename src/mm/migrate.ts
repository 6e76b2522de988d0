/**
 * Moving pages to other frames (mm/migrate.c). Each page: isolated ─▶ both frames locked ─▶ migration entries ─▶ copied
 * and put in the old one's place, if nobody else has a reference ─▶ entries map the new one ─▶ old one freed.
 *
 *   one batch for all, 3 passes for those that refuse ─▶ then one by one, 7 passes each ─▶ put back
 *
 * A pass for a pinned page raises a section, clears its entry and restores it.
 */
import { handleOf, type Task } from "../machine/core.ts";
import { EAGAIN, ENOMEM } from "../machine/errno.ts";
import { lockFolio, trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { folioGetAnonVma, putAnonVma } from "./anonVma.ts";
import { cacheSlot } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { memCgroupMigrate } from "./memcontrol.ts";
import type { AnonVma } from "./mmTypes.ts";
import {
  clearFlag,
  folioGet,
  folioLockWord,
  folioMapcount,
  folioRefCount,
  folioRefFreeze,
  folioRefUnfreeze,
  hasFlag,
  type Pfn,
  PG_active,
  PG_anon,
  PG_dirty,
  PG_mlocked,
  PG_private,
  PG_referenced,
  PG_swapbacked,
  PG_unevictable,
  PG_uptodate,
  PG_workingset,
  pageToNid,
  setFlag,
} from "./page.ts";
import { allocPageNode } from "./pageAlloc.ts";
import { freePageListHead, listAddTail, listShift, listSplice, newPageList, type PageList } from "./pageList.ts";
import { folioInode } from "./rmap.ts";
import { removeMigrationPtes, tryToMigrate } from "./rmapMigrate.ts";
import { guards } from "./rules.ts";
import { folioAddLru, folioPut, lruAddDrain } from "./swap.ts";

const ASYNC_PASSES = 3;
const SYNC_PASSES = 7;

/**
 * migrate_pages(MIGRATE_SYNC): the isolated pages of `from` go to node `nid` (-1: their own). How many could not be moved;
 * those stay in `from`. -ENOMEM.
 */
export function* migratePages(k: Kernel, from: PageList, gfp: number, nid: number): Task<number> {
  const failed = newPageList(k);
  const single = newPageList(k);
  let error = yield* migrateBatch(k, from, failed, gfp, nid, ASYNC_PASSES, false);
  listSplice(k, from, failed);
  for (let left = from.count; left > 0 && error === 0; left--) {
    listAddTail(k, single, listShift(k, from));
    error = yield* migrateBatch(k, single, failed, gfp, nid, SYNC_PASSES, true);
    listSplice(k, failed, single);
  }
  listSplice(k, from, failed);
  freePageListHead(k, failed);
  freePageListHead(k, single);
  return error < 0 ? error : from.count;
}

/** migrate_pages_batch: unmaps all, then moves all. What could not be moved goes to `failed`. 0 or -ENOMEM. */
function* migrateBatch(
  k: Kernel,
  from: PageList,
  failed: PageList,
  gfp: number,
  nid: number,
  passes: number,
  sync: boolean,
): Task<number> {
  const unmapped = newPageList(k);
  const again = newPageList(k);
  let error = 0;
  for (let pass = 0; pass < passes && from.count > 0 && error === 0; pass++) {
    for (let left = from.count; left > 0 && error === 0; left--) {
      const pfn = listShift(k, from);
      const rc = yield* migrateFolioUnmap(k, pfn, gfp, nid, sync);
      if (rc === -ENOMEM) error = rc;
      if (rc >= 0) listAddTail(k, unmapped, pfn);
      else if (rc !== FREED) listAddTail(k, from, pfn);
    }
  }
  for (let pass = 0; pass < passes && unmapped.count > 0; pass++) {
    for (let left = unmapped.count; left > 0; left--) {
      const pfn = listShift(k, unmapped);
      if (!(yield* migrateFolioMove(k, pfn))) listAddTail(k, again, pfn);
    }
    listSplice(k, unmapped, again);
  }
  for (let pfn = listShift(k, unmapped); pfn >= 0; pfn = listShift(k, unmapped)) {
    yield* migrateFolioUndo(k, pfn);
    listAddTail(k, failed, pfn);
  }
  listSplice(k, failed, from);
  freePageListHead(k, unmapped);
  freePageListHead(k, again);
  return error;
}

const FREED = -1000;

/**
 * migrate_folio_unmap: the new frame, which `src`.prev remembers (+1) while both are locked; -EAGAIN, -ENOMEM, or FREED
 * when only the isolation has a reference.
 */
function* migrateFolioUnmap(k: Kernel, src: Pfn, gfp: number, nid: number, sync: boolean): Task<number> {
  if ((yield* folioRefCount(k, src)) === 1) {
    clearFlag(k, src, PG_active | PG_unevictable);
    yield* folioPut(k, src);
    return FREED;
  }
  const dst = yield* allocPageNode(k, gfp, nid < 0 ? pageToNid(k, src) : nid);
  if (dst < 0) return -ENOMEM;
  if (!(yield* trylockFolio(folioLockWord(k, src)))) {
    if (!sync) {
      yield* folioPut(k, dst);
      return -EAGAIN;
    }
    yield* lockFolio(folioLockWord(k, src));
  }
  yield* lockFolio(folioLockWord(k, dst));
  const anonVma = yield* getAnonVma(k, src);
  k.frames.private[dst] = anonVma;
  if ((yield* folioMapcount(k, src)) > 0) {
    yield* tryToMigrate(k, src);
    k.frames.prev[src] = -(dst + 1);
  } else {
    k.frames.prev[src] = dst + 1;
  }
  if ((yield* folioMapcount(k, src)) === 0) return dst;
  yield* removeMigrationPtes(k, src, src);
  yield* dropPair(k, src, dst);
  return -EAGAIN;
}

/** The new frame of `src`, and whether the old one was mapped. */
const dstOf = (k: Kernel, src: Pfn): Pfn => Math.abs(k.frames.prev[src]) - 1;
const wasMapped = (k: Kernel, src: Pfn): boolean => k.frames.prev[src] < 0;

/** The anon_vma of a mapped page, by number + 1, with a reference: its last VMA may go while we unmap the page. */
function* getAnonVma(k: Kernel, src: Pfn): Task<number> {
  if (!hasFlag(k, src, PG_anon) || !guards(k.rules, "anonVmaRef")) return 0;
  const av = yield* folioGetAnonVma(k, src);
  return av ? av.id + 1 : 0;
}

/** Drops that reference, which `dst` remembers. */
function dropAnonVma(k: Kernel, dst: Pfn): void {
  const id = k.frames.private[dst];
  k.frames.private[dst] = 0;
  if (id !== 0) putAnonVma(k, handleOf(id - 1) as AnonVma);
}

function* dropPair(k: Kernel, src: Pfn, dst: Pfn): Task {
  dropAnonVma(k, dst);
  k.frames.prev[src] = 0;
  yield* unlockFolio(folioLockWord(k, src));
  yield* unlockFolio(folioLockWord(k, dst));
  yield* folioPut(k, dst);
}

/** migrate_folio_undo_src, _dst. */
function* migrateFolioUndo(k: Kernel, src: Pfn): Task {
  const dst = dstOf(k, src);
  if (wasMapped(k, src)) yield* removeMigrationPtes(k, src, src);
  yield* dropPair(k, src, dst);
}

/** migrate_folio_move: false when somebody still has a reference to the old page. */
function* migrateFolioMove(k: Kernel, src: Pfn): Task<boolean> {
  const dst = dstOf(k, src);
  const mapped = wasMapped(k, src);
  if (!(yield* migrateMapping(k, src, dst))) return false;
  k.frames.content[dst] = k.frames.content[src];
  migrateFlags(k, src, dst);
  k.frames.prev[src] = 0;
  yield* folioAddLru(k, dst);
  if (mapped) {
    yield* lruAddDrain(k);
    yield* removeMigrationPtes(k, src, dst);
  }
  dropAnonVma(k, dst);
  yield* unlockFolio(folioLockWord(k, dst));
  yield* folioPut(k, dst);
  yield* unlockFolio(folioLockWord(k, src));
  yield* folioPut(k, src);
  return true;
}

/** folio_migrate_mapping: only if all references are the isolation's, the cache's and the buffers'. */
function* migrateMapping(k: Kernel, src: Pfn, dst: Pfn): Task<boolean> {
  const { frames } = k;
  const inode = folioInode(k, src);
  const buffers = hasFlag(k, src, PG_private);
  const expected = 1 + (inode ? 1 : 0) + (buffers ? 1 : 0);
  const refuses = guards(k.rules, "migrateRefFreeze");
  if (!inode) {
    // Nobody can find an anonymous page any more, except for those who have come across its entry before.
    if (refuses && (yield* folioRefCount(k, src)) !== expected) return false;
    copyIdentity(k, src, dst);
    return true;
  }
  yield* lock(inode.xaLock);
  const free = !refuses || (yield* folioRefFreeze(k, src, expected));
  if (free) {
    copyIdentity(k, src, dst);
    yield* folioGet(k, dst);
    k.cache.page[cacheSlot(k, inode, frames.index[src])] = dst + 1;
    // The reference of the cache is the new page's now.
    if (refuses) yield* folioRefUnfreeze(k, src, expected - 1);
  }
  yield* unlock(inode.xaLock);
  if (!free) return false;
  if (!refuses) yield* folioPut(k, src);
  if (buffers) {
    setFlag(k, dst, PG_private);
    yield* folioGet(k, dst);
    clearFlag(k, src, PG_private);
    yield* folioPut(k, src);
  }
  frames.mapping[src] = 0;
  return true;
}

function copyIdentity(k: Kernel, src: Pfn, dst: Pfn): void {
  const { frames } = k;
  frames.mapping[dst] = frames.mapping[src];
  frames.index[dst] = frames.index[src];
  frames.flags[dst] |= frames.flags[src] & (PG_anon | PG_swapbacked);
}

/** folio_migrate_flags. */
function migrateFlags(k: Kernel, src: Pfn, dst: Pfn): void {
  const kept = PG_uptodate | PG_dirty | PG_referenced | PG_active | PG_workingset | PG_unevictable;
  setFlag(k, dst, k.frames.flags[src] & kept);
  memCgroupMigrate(k, src, dst);
  clearFlag(k, src, PG_dirty | PG_active | PG_unevictable | PG_mlocked);
}
