/** The swap cache and the page cache: which folio holds page `index` of a mapping. */
import { cmpxchg, fetchAdd } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { ANON, type Mapping } from "./mapping.ts";
import type { Folio } from "./page.ts";

/** filemap_get_folio, swap_cache_get_folio: the cached folio with a reference for the caller, or null. */
export function* cacheGetFolio(mapping: Mapping, index: number): Task<Folio | null> {
  yield* lock(mapping.cacheLock);
  const { folio } = mapping.slots[index];
  // A folio in the cache has the cache's own reference, and is frozen only under this lock.
  if (folio) yield* fetchAdd(folio.refcount, 1);
  yield* unlock(mapping.cacheLock);
  return folio;
}

/**
 * filemap_add_folio, add_to_swap: `folio` becomes the cached one and gets the cache's reference. False when somebody
 * else was faster. An anonymous folio must be locked by the caller.
 */
export function* cacheAddFolio(mapping: Mapping, index: number, folio: Folio): Task<boolean> {
  yield* lock(mapping.cacheLock);
  const slot = mapping.slots[index];
  const free = slot.folio === null;
  if (free) {
    slot.folio = folio;
    yield* fetchAdd(folio.refcount, 1);
  }
  yield* unlock(mapping.cacheLock);
  if (free && mapping.kind === ANON) folio.swapCache = true;
  return free;
}

/** delete_from_swap_cache: the caller holds the folio lock and a reference of its own, so this is never the last. */
export function* deleteFromSwapCache(mapping: Mapping, folio: Folio): Task {
  yield* lock(mapping.cacheLock);
  mapping.slots[folio.index].folio = null;
  yield* fetchAdd(folio.refcount, -1);
  yield* unlock(mapping.cacheLock);
  folio.swapCache = false;
}

/**
 * __remove_mapping: takes the folio out of its cache if nobody but the cache and the caller has a reference, and then
 * freezes the references at 0, so that nobody can get a new one. Folio locked and isolated by the caller.
 */
export function* removeMapping(mapping: Mapping, folio: Folio): Task<boolean> {
  yield* lock(mapping.cacheLock);
  const slot = mapping.slots[folio.index];
  const frozen = (yield* cmpxchg(folio.refcount, 2, 0)) === 2;
  if (frozen) slot.folio = null;
  yield* unlock(mapping.cacheLock);
  if (frozen) folio.swapCache = false;
  return frozen;
}
