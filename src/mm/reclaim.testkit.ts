/** The smallest reclaim that there can be, for tests of swap: one page at a time, whether it is used or not. */
import { cmpxchgWord } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { folioPutbackLru } from "./isolate.ts";
import type { Kernel } from "./kernel.ts";
import { listDel } from "./lruList.ts";
import { folioLruvec } from "./lruvec.ts";
import {
  clearFlag,
  folioLockWord,
  folioMapcount,
  folioRefCount,
  folioRefFreeze,
  folioRefUnfreeze,
  hasFlag,
  type Pfn,
  PG_dirty,
  PG_lru,
  PG_swapcache,
  PG_writeback,
} from "./page.ts";
import { freePage } from "./pageAlloc.ts";
import { swapWritepage } from "./pageIo.ts";
import { folioInode } from "./rmap.ts";
import { shmemWritepage } from "./shmemSwap.ts";
import { putSwapFolio } from "./swapfile.ts";
import { addToSwap, deleteFromSwapCacheLocked } from "./swapState.ts";
import { tryToUnmapFlush } from "./tlbBatch.ts";
import { TTU_BATCH_FLUSH, tryToUnmap } from "./tryToUnmap.ts";

/** Isolates `pfn`, to which the caller has no reference, and pages it out; puts it back when that is impossible. True = freed. */
export function* pageoutFrame(k: Kernel, pfn: Pfn): Task<boolean> {
  if (!(yield* isolate(k, pfn))) return false;
  if (yield* trylockFolio(folioLockWord(k, pfn))) {
    if (yield* shrink(k, pfn)) {
      yield* freePage(k, pfn);
      return true;
    }
  }
  yield* folioPutbackLru(k, pfn);
  return false;
}

/** isolate_lru_folios, for one folio of which we know nothing but that it was there: it may be free by now. */
function* isolate(k: Kernel, pfn: Pfn): Task<boolean> {
  const l = k.lru.locks[folioLruvec(k, pfn)];
  yield* lock(l);
  const refs = hasFlag(k, pfn, PG_lru) ? yield* folioRefCount(k, pfn) : 0;
  // Whoever has dropped the last reference waits for this lock to take it off its list.
  const got = refs > 0 && (yield* cmpxchgWord(k.words.refcount + pfn, refs, refs + 1)) === refs;
  if (got) {
    clearFlag(k, pfn, PG_lru);
    listDel(k, pfn);
  }
  yield* unlock(l);
  return got;
}

/** Folio locked, unlocked here. */
function* shrink(k: Kernel, pfn: Pfn): Task<boolean> {
  const fresh = folioInode(k, pfn) === null && !hasFlag(k, pfn, PG_swapcache);
  if (hasFlag(k, pfn, PG_writeback) || (fresh && !(yield* addToSwap(k, pfn)))) return yield* keep(k, pfn);
  if ((yield* folioMapcount(k, pfn)) > 0) yield* tryToUnmap(k, pfn, TTU_BATCH_FLUSH);
  yield* tryToUnmapFlush(k);
  if ((yield* folioMapcount(k, pfn)) > 0) return yield* keep(k, pfn);
  if (hasFlag(k, pfn, PG_dirty)) {
    clearFlag(k, pfn, PG_dirty);
    const inode = folioInode(k, pfn);
    const answer = inode ? yield* shmemWritepage(k, inode, pfn) : yield* swapWritepage(k, pfn);
    if (answer !== 0) return yield* keep(k, pfn);
    if (hasFlag(k, pfn, PG_writeback | PG_dirty)) return false;
    if (!(yield* trylockFolio(folioLockWord(k, pfn)))) return false;
  }
  const freed = hasFlag(k, pfn, PG_swapcache) && (yield* removeMapping(k, pfn));
  yield* unlockFolio(folioLockWord(k, pfn));
  return freed;
}

function* keep(k: Kernel, pfn: Pfn): Task<boolean> {
  yield* unlockFolio(folioLockWord(k, pfn));
  return false;
}

function* removeMapping(k: Kernel, pfn: Pfn): Task<boolean> {
  const { cacheLock } = k.swap;
  yield* lock(cacheLock);
  let frozen = yield* folioRefFreeze(k, pfn, 2);
  if (frozen && hasFlag(k, pfn, PG_dirty | PG_writeback)) {
    yield* folioRefUnfreeze(k, pfn, 2);
    frozen = false;
  }
  const slot = frozen ? deleteFromSwapCacheLocked(k, pfn, 0) : 0;
  yield* unlock(cacheLock);
  if (frozen) yield* putSwapFolio(k, slot);
  return frozen;
}
