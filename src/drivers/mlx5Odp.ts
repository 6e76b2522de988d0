/**
 * RDMA on demand (mlx5 ODP), as far as its locks go: a memory region whose pages the notifier takes away under
 * umem_mutex, and the cache of memory keys with its rb_lock, under which entries are allocated.
 */
import type { Handle, Task } from "../machine/core.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { bool, int, ref, struct } from "../machine/struct.ts";
import type { Kernel } from "../mm/slice/kernel.ts";
import type { Mm } from "../mm/slice/mm.ts";
import { createIntervalNotifier, type IntervalNotifier, mmuIntervalSetSeq } from "../mm/slice/mmuIntervalNotifier.ts";
import { rangeBlockable } from "../mm/slice/mmuNotifier.ts";
import type { Folio, Vpn } from "../mm/slice/page.ts";
import { kmalloc } from "../mm/slice/pageAlloc.ts";

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
  /** The entry that was made last. */
  newest: Folio | null;
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
  newest: ref<Folio>({ guardedBy: "rbLock" }),
  stored: int({ guardedBy: "rbLock" }),
});

const odpOps = { invalidate: mlx5IbInvalidateRange };

/** Set-up: a region over all of `mm`, mapped by the device. */
export function createMr(m: Machine, mm: Mm): Mr {
  const mr: Mr = mrStruct.create("mr", { mapped: true });
  createIntervalNotifier(m, mm, "mr.notifier", [0, mm.ptes.length], odpOps, mr);
  return mr;
}

export function createMkeyCache(entries: number): MkeyCache {
  return cacheStruct.create("cache", { entries });
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
  if (!entry) return false;
  cache.entries++;
  cache.newest = entry;
  return true;
}
