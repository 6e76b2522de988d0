/**
 * RDMA on demand (mlx5 ODP), as far as its locks go: a memory region whose pages the notifier takes away under
 * umem_mutex, and the cache of memory keys with its rb_lock, under which entries are allocated.
 */
import type { Handle, Task } from "../machine/core.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { bool, int, struct } from "../machine/struct.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createIntervalNotifier, mmuIntervalNotifierInsert, mmuIntervalSetSeq } from "../mm/mmuIntervalNotifier.ts";
import { type IntervalNotifier, rangeBlockable } from "../mm/mmuNotifierTypes.ts";
import type { Pfn, Vpn } from "../mm/page.ts";
import { kmalloc } from "../mm/slab.ts";
import { claimReferences } from "../mm/world/claims.ts";

/** ib_umem_odp with the mr that it belongs to. */
export interface Mr extends Handle {
  /** Guards the translation; taken by the callback, so never to be held around an allocation that may reclaim. */
  readonly umemMutex: Mutex;
  mapped: boolean;
  revoked: boolean;
}

/** mlx5_mkey_cache */
export interface MkeyCache extends Handle {
  readonly rbLock: Mutex;
  /** Entries for different sizes of regions. */
  entries: number;
  /** The entry that was made last; 0 = none. */
  newest: Pfn;
  stored: number;
}

const mrStruct = struct("mr", {
  umemMutex: mutexField(),
  mapped: bool({ guardedBy: "umemMutex" }),
  revoked: bool({ guardedBy: "umemMutex" }),
});
const cacheStruct = struct("mkeyCache", {
  rbLock: mutexField(),
  entries: int({ guardedBy: "rbLock" }),
  newest: int({ guardedBy: "rbLock" }),
  stored: int({ guardedBy: "rbLock" }),
});

const odpOps = { invalidate: mlx5IbInvalidateRange };

/** Set-up: a region of the pages [start, start + pages) of `mm`, mapped by the device; it subscribes when boots run. */
export function createMr(m: Machine, k: Kernel, mm: Mm, start: Vpn, pages: number): Mr {
  const mr: Mr = mrStruct.create("mr", { mapped: true });
  m.boot(mmuIntervalNotifierInsert, [k, createIntervalNotifier(m, k, "mr.notifier", odpOps, mr), mm, start, pages]);
  return mr;
}

/** Set-up: a cache with so many entries of the right size. What it allocates is still its own at the end. */
export function createMkeyCache(k: Kernel, entries: number): MkeyCache {
  const cache: MkeyCache = cacheStruct.create("cache", { entries });
  claimReferences(k, { memory: () => [cache.newest] });
  return cache;
}

function* mlx5IbInvalidateRange(
  _k: Kernel,
  sub: IntervalNotifier,
  _start: Vpn,
  _end: Vpn,
  flags: number,
  seq: number,
): Task<boolean> {
  const mr = sub.driver as Mr;
  if (!rangeBlockable(flags)) return false;
  yield* lock(mr.umemMutex);
  yield* mmuIntervalSetSeq(sub, seq);
  mr.mapped = false;
  yield* unlock(mr.umemMutex);
  return true;
}

/** dereg_mr: revokes the key and puts it into the cache; `early`: drops umem_mutex before it goes there (the fix). */
export function* deregMr(k: Kernel, mr: Mr, cache: MkeyCache, early: boolean): Task {
  yield* lock(mr.umemMutex);
  mr.revoked = true;
  if (early) yield* unlock(mr.umemMutex);
  yield* cacheEntFindAndStore(k, cache);
  if (!early) yield* unlock(mr.umemMutex);
}

/** cache_ent_find_and_store: makes an entry for the size when there is none. */
function* cacheEntFindAndStore(k: Kernel, cache: MkeyCache): Task {
  yield* lock(cache.rbLock);
  if (cache.entries > 0 || (yield* createEntry(k, cache))) cache.stored++;
  yield* unlock(cache.rbLock);
}

/** mlx5_mkey_cache_init: makes an entry for a size. */
export function* initMkeyCache(k: Kernel, cache: MkeyCache): Task {
  yield* lock(cache.rbLock);
  yield* createEntry(k, cache);
  yield* unlock(cache.rbLock);
}

/** mlx5r_cache_create_ent_locked: allocates with GFP_KERNEL. rb_lock held. */
function* createEntry(k: Kernel, cache: MkeyCache): Task<boolean> {
  const entry = yield* kmalloc(k, GFP_KERNEL);
  if (entry === 0) return false;
  cache.entries++;
  cache.newest = entry;
  return true;
}
