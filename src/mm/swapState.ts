/** The swap cache (mm/swap_state.c). Nothing puts folios there yet; reclaim will. */
import type { Task } from "../machine/core.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import type { Kernel } from "./kernel.ts";
import { clearFlag, folioLockWord, folioMapcount, hasFlag, type Pfn, PG_dirty, PG_swapcache } from "./page.ts";
import { folioPut } from "./swap.ts";

/** free_swap_cache: an anonymous page that nobody maps any more needs no place in swap. The caller has a reference. */
export function* freeSwapCache(k: Kernel, pfn: Pfn): Task {
  if (!hasFlag(k, pfn, PG_swapcache)) return;
  if ((yield* folioMapcount(k, pfn)) !== 0) return;
  if (!(yield* trylockFolio(folioLockWord(k, pfn)))) return;
  yield* tryToFreeSwap(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
}

/** folio_free_swap: gives up its place in swap; the page must be written there again. Folio locked. */
export function* tryToFreeSwap(k: Kernel, pfn: Pfn): Task<boolean> {
  if (!hasFlag(k, pfn, PG_swapcache)) return false;
  clearFlag(k, pfn, PG_swapcache);
  k.frames.flags[pfn] |= PG_dirty;
  k.frames.private[pfn] = 0;
  yield* folioPut(k, pfn);
  return true;
}
