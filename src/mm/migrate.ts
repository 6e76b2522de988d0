/**
 * Moving pages to other frames (mm/migrate.c). Each page: isolated ─▶ both frames locked ─▶ migration entries ─▶ copied
 * and put in the old one's place, if nobody else has a reference ─▶ entries map the new one ─▶ old one freed.
 *
 *   all pages once, then those that refuse again, up to 10 passes in all ─▶ put back by the caller
 *
 * Each pass for a page that is pinned, or to which somebody has a reference, raises a section; its entries come back.
 */
import type { Task } from "../machine/core.ts";
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
  PG_swapcache,
  PG_unevictable,
  PG_uptodate,
  PG_workingset,
  PG_writeback,
  pageToNid,
  setFlag,
} from "./page.ts";
import { allocPageNode } from "./pageAlloc.ts";
import { folioWaitWriteback } from "./pageIo.ts";
import {
  freePageListHead,
  listAddHead,
  listAddTail,
  listShift,
  listSplice,
  newPageList,
  type PageList,
} from "./pageList.ts";
import { folioInode } from "./rmap.ts";
import { removeMigrationPtes, tryToMigrate } from "./rmapMigrate.ts";
import { guards } from "./rules.ts";
import { folioAddLru, folioPut, lruAddDrain } from "./swap.ts";
import { countVm, EV } from "./vmstat.ts";

/** From this pass on it waits for the folio lock. */
const FORCED = 3;

/**
 * migrate_pages(MIGRATE_SYNC): the isolated pages of `from` go to node `nid` (-1: their own). How many could not be moved;
 * those stay in `from`. -ENOMEM.
 */
export function* migratePages(k: Kernel, from: PageList, gfp: number, nid: number): Task<number> {
  return yield* migrateList(k, from, gfp, nid, null, true);
}

/** migrate_pages(MIGRATE_ASYNC), for NUMA balancing: waits for nobody, neither for locks nor for writeback. */
export function* migratePagesAsync(k: Kernel, from: PageList, gfp: number, nid: number): Task<number> {
  return yield* migrateList(k, from, gfp, nid, null, false);
}

/** The same for compaction: they go to the frames of `free`, in order. Frames that are not used come back to it. */
export function* migratePagesInto(k: Kernel, from: PageList, free: PageList): Task<number> {
  return yield* migrateList(k, from, 0, -1, free, true);
}

function* migrateList(
  k: Kernel,
  from: PageList,
  gfp: number,
  nid: number,
  free: PageList | null,
  waits: boolean,
): Task<number> {
  const failed = newPageList(k);
  let error = 0;
  const all = from.count;
  for (let pass = 0; pass < k.migrationPasses && from.count > 0 && error === 0; pass++) {
    for (let left = from.count; left > 0 && error === 0; left--) {
      const pfn = listShift(k, from);
      error = yield* unmapAndMove(k, pfn, gfp, nid, free, waits && pass >= FORCED);
      if (error !== 0) listAddTail(k, failed, pfn);
      if (error === -EAGAIN) error = 0;
    }
    // Those that were not tried come first.
    listSplice(k, from, failed);
  }
  freePageListHead(k, failed);
  countVm(k, EV.pgmigrate_success, all - from.count);
  countVm(k, EV.pgmigrate_fail, from.count);
  return error < 0 ? error : from.count;
}

/** unmap_and_move: 0 = the page has gone, -EAGAIN, -ENOMEM. */
function* unmapAndMove(
  k: Kernel,
  src: Pfn,
  gfp: number,
  nid: number,
  free: PageList | null,
  force: boolean,
): Task<number> {
  if ((yield* folioRefCount(k, src)) === 1) {
    // Only the isolation has a reference: it was freed meanwhile.
    clearFlag(k, src, PG_active | PG_unevictable);
    yield* folioPut(k, src);
    return 0;
  }
  const dst = free ? listShift(k, free) : yield* allocPageNode(k, gfp, nid < 0 ? pageToNid(k, src) : nid);
  if (dst < 0) return -ENOMEM;
  let moved = false;
  let locked = yield* trylockFolio(folioLockWord(k, src));
  if (!locked && force) {
    yield* lockFolio(folioLockWord(k, src));
    locked = true;
  }
  if (locked && hasFlag(k, src, PG_writeback)) {
    if (force) {
      yield* folioWaitWriteback(k, src);
    } else {
      yield* unlockFolio(folioLockWord(k, src));
      locked = false;
    }
  }
  if (locked) {
    yield* lockFolio(folioLockWord(k, dst));
    moved = yield* moveLocked(k, src, dst);
    yield* unlockFolio(folioLockWord(k, dst));
    yield* unlockFolio(folioLockWord(k, src));
  }
  if (free && !moved) listAddHead(k, free, dst);
  else yield* folioPut(k, dst);
  if (moved) yield* folioPut(k, src);
  return moved ? 0 : -EAGAIN;
}

/** __unmap_and_move: false when the page stays where it is, mapped as before. Both frames locked. */
function* moveLocked(k: Kernel, src: Pfn, dst: Pfn): Task<boolean> {
  const anonVma = yield* getAnonVma(k, src);
  const mapped = (yield* folioMapcount(k, src)) > 0;
  if (mapped) yield* tryToMigrate(k, src);
  const moved = (yield* folioMapcount(k, src)) === 0 && (yield* migrateMapping(k, src, dst));
  if (moved) {
    k.frames.content[dst] = k.frames.content[src];
    migrateFlags(k, src, dst);
    yield* folioAddLru(k, dst);
    if (mapped) yield* lruAddDrain(k);
  }
  if (mapped) yield* removeMigrationPtes(k, src, moved ? dst : src);
  if (anonVma) putAnonVma(k, anonVma);
  return moved;
}

/** The anon_vma of a page, with a reference: its last VMA may go while we unmap the page. */
function* getAnonVma(k: Kernel, src: Pfn): Task<AnonVma | null> {
  if (!hasFlag(k, src, PG_anon) || !guards(k.rules, "anonVmaRef")) return null;
  return folioGetAnonVma(k, src, yield* folioMapcount(k, src));
}

/** folio_migrate_mapping: only if all references are the isolation's, the cache's and the buffers'. */
function* migrateMapping(k: Kernel, src: Pfn, dst: Pfn): Task<boolean> {
  const { frames } = k;
  if (hasFlag(k, src, PG_swapcache)) return yield* migrateSwapCache(k, src, dst);
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

/** The same for a folio in the swap cache. */
function* migrateSwapCache(k: Kernel, src: Pfn, dst: Pfn): Task<boolean> {
  const { cacheLock } = k.swap;
  yield* lock(cacheLock);
  const free = yield* folioRefFreeze(k, src, 2);
  if (free) {
    copyIdentity(k, src, dst);
    setFlag(k, dst, PG_swapcache);
    yield* folioGet(k, dst);
    k.swap.slots.cache[k.frames.private[src]] = dst + 1;
    k.frames.private[dst] = k.frames.private[src];
    k.frames.private[src] = 0;
    clearFlag(k, src, PG_swapcache);
    yield* folioRefUnfreeze(k, src, 1);
  }
  yield* unlock(cacheLock);
  return free;
}

/** migrate_page_copy, for who moves a page without migration entries: content and flags. Both locked or isolated. */
export function copyFolio(k: Kernel, src: Pfn, dst: Pfn): void {
  copyIdentity(k, src, dst);
  k.frames.content[dst] = k.frames.content[src];
  const kept = PG_uptodate | PG_dirty | PG_referenced | PG_active | PG_workingset;
  setFlag(k, dst, k.frames.flags[src] & kept);
}

export function copyIdentity(k: Kernel, src: Pfn, dst: Pfn): void {
  const { frames } = k;
  frames.mapping[dst] = frames.mapping[src];
  frames.index[dst] = frames.index[src];
  setFlag(k, dst, frames.flags[src] & (PG_anon | PG_swapbacked));
}

/** folio_migrate_flags. */
export function migrateFlags(k: Kernel, src: Pfn, dst: Pfn): void {
  const kept = PG_uptodate | PG_dirty | PG_referenced | PG_active | PG_workingset | PG_unevictable;
  setFlag(k, dst, k.frames.flags[src] & kept);
  memCgroupMigrate(k, src, dst);
  clearFlag(k, src, PG_dirty | PG_active | PG_unevictable | PG_mlocked);
}
