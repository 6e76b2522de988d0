/** Taking folios off the LRU for oneself, and putting them back (folio_isolate_lru, folio_putback_lru). */
import type { Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { listDel } from "./lruList.ts";
import { folioLruvec } from "./lruvec.ts";
import { folioGet, type Pfn, PG_lru, testClearFlag } from "./page.ts";
import { listShift, type PageList } from "./pageList.ts";
import { folioAddLru, folioPut, lruAddDrain } from "./swap.ts";

/** folio_isolate_lru: true = it is ours, with a reference. Folios in a batch are invisible. The caller has a reference. */
export function* folioIsolateLru(k: Kernel, pfn: Pfn): Task<boolean> {
  const l = k.lru.locks[folioLruvec(k, pfn)];
  if (!testClearFlag(k, pfn, PG_lru)) return false;
  yield* folioGet(k, pfn);
  yield* lock(l);
  listDel(k, pfn);
  yield* unlock(l);
  return true;
}

/** folio_putback_lru: through the batch, and the isolation's reference goes. */
export function* folioPutbackLru(k: Kernel, pfn: Pfn): Task {
  yield* folioAddLru(k, pfn);
  yield* folioPut(k, pfn);
}

/** putback_movable_pages. */
export function* putbackMovablePages(k: Kernel, list: PageList): Task {
  for (let pfn = listShift(k, list); pfn >= 0; pfn = listShift(k, list)) yield* folioPutbackLru(k, pfn);
}

/** lru_cache_disable: every folio is on its list, and stays out of batches until `lruCacheEnable`. */
export function* lruCacheDisable(k: Kernel): Task {
  k.state.lruDisabled++;
  yield* lruAddDrain(k);
}

export function lruCacheEnable(k: Kernel): void {
  k.state.lruDisabled--;
}
