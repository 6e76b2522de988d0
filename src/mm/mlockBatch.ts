/** What mlock's batch does to its folios (mm/mlock.c). lru_lock held. */
import type { Kernel } from "./kernel.ts";
import { listAdd, listDel } from "./lruList.ts";
import {
  clearFlag,
  hasFlag,
  type Pfn,
  PG_active,
  PG_lru,
  PG_mlocked,
  PG_unevictable,
  setFlag,
  testClearFlag,
} from "./page.ts";

// Low bits of an entry.
export const TAG_MUNLOCK = 0;
export const TAG_MLOCK = 1;
export const TAG_MLOCK_NEW = 2;

export function mlockBatchFn(k: Kernel, pfn: Pfn, tag: number): void {
  if (tag === TAG_MLOCK_NEW) mlockNew(k, pfn);
  else if (tag === TAG_MLOCK) mlockOld(k, pfn);
  else munlockOne(k, pfn);
}

/** __mlock_new_page: it is on no list yet. */
function mlockNew(k: Kernel, pfn: Pfn): void {
  if (!hasFlag(k, pfn, PG_mlocked)) {
    setFlag(k, pfn, PG_lru);
    listAdd(k, pfn);
    return;
  }
  setFlag(k, pfn, PG_unevictable);
  k.frames.mlockCount[pfn] = 1;
  listAdd(k, pfn);
  setFlag(k, pfn, PG_lru);
}

/** __mlock_page: isolated folios are dealt with when they are put back. */
function mlockOld(k: Kernel, pfn: Pfn): void {
  if (!testClearFlag(k, pfn, PG_lru)) return;
  const mlocked = hasFlag(k, pfn, PG_mlocked);
  if (hasFlag(k, pfn, PG_unevictable)) {
    if (mlocked) k.frames.mlockCount[pfn]++;
  } else if (mlocked) {
    listDel(k, pfn);
    clearFlag(k, pfn, PG_active);
    setFlag(k, pfn, PG_unevictable);
    k.frames.mlockCount[pfn] = 1;
    listAdd(k, pfn);
  }
  setFlag(k, pfn, PG_lru);
}

/** __munlock_page: the last VMA that had it locked makes it evictable. */
function munlockOne(k: Kernel, pfn: Pfn): void {
  const isolated = testClearFlag(k, pfn, PG_lru);
  const unevictable = hasFlag(k, pfn, PG_unevictable);
  if (isolated && unevictable) {
    if (k.frames.mlockCount[pfn] > 0) k.frames.mlockCount[pfn]--;
    if (k.frames.mlockCount[pfn] > 0) {
      setFlag(k, pfn, PG_lru);
      return;
    }
  }
  clearFlag(k, pfn, PG_mlocked);
  if (!isolated) return;
  if (unevictable) {
    listDel(k, pfn);
    clearFlag(k, pfn, PG_unevictable);
    listAdd(k, pfn);
  }
  setFlag(k, pfn, PG_lru);
}
