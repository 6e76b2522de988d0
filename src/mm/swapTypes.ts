/**
 * The one swap device: its slots, the swap cache, the per-CPU caches of slots, and the queue of a slow device.
 *
 *   slot   map: entries of page tables and files that lead here, + SWAP_HAS_CACHE; 0 = free
 *          cache: the folio that has this content (pfn + 1), or what workingset.ts remembers of one (below 0)
 *          disk: the content
 */
import { column, columns } from "../machine/columns.ts";
import type { Handle } from "../machine/core.ts";
import { type Mutex, mutex, spinlock } from "../machine/mutex.ts";
import { int, struct } from "../machine/struct.ts";
import { createZram, type Zram } from "./zram.ts";

/** In `map`: the swap cache has the slot, or is about to, or the slot waits in a cache of slots. */
export const SWAP_HAS_CACHE = 1 << 20;
/** Users of a slot besides the swap cache. */
export const swapCountOf = (map: number): number => map & (SWAP_HAS_CACHE - 1);

export interface SwapOptions {
  /** Size of the device in pages, the header included; 0 = none. */
  readonly swapPages?: number;
  /** Requests are completed later, by the task of the device (`swapDevice` in pageIo.ts); else at once, as by zram. */
  readonly swapSlow?: boolean;
  /** Contents of slots that a page of memory has room for, where a synchronous device keeps them there (zram.ts); 0 = elsewhere. */
  readonly zramObjectsPerPage?: number;
  /** vm.page-cluster: up to 2^n pages are read at a time. */
  readonly pageCluster?: number;
}

/** SWAPFILE_CLUSTER: neighbours that are handed out one after the other. */
export const CLUSTER_SLOTS = 256;
/** SWAP_SLOTS_CACHE_SIZE. */
export const SLOT_CACHE = 64;
/** Requests that a slow device has room for. */
export const MAX_REQUESTS = 32;

const si = "swap_info.lock";
const ra = "readahead statistics: read and written without a lock, as they are only a guess";
export interface SwapState extends Handle {
  /** nr_swap_pages: slots that are free and not in a cache of slots. */
  free: number;
  /** Slots of the device that may be used; 0 after swapoff. */
  total: number;
  /** Cluster from which slots are taken now (+ 1), and the next slot to look at. */
  cluster: number;
  next: number;
  /** Free clusters (+ 1), oldest first. */
  freeFirst: number;
  freeLast: number;
  /** swap_slot_cache_active; slots ready to be used, from which index on; slots to be given back. */
  cacheActive: number;
  cached: number;
  cursor: number;
  returned: number;
  /** swapin_readahead_hits, and what swapin_nr_pages remembers. */
  raHits: number;
  raPrevious: number;
  raPages: number;
  /** Requests that the slow device has not completed. */
  requests: number;
  /** The device fails: WRITES_FAIL, READS_FAIL. */
  broken: number;
}
/** In `broken`. */
export const WRITES_FAIL = 1;
export const READS_FAIL = 2;
const stateStruct = struct("swap", {
  free: int({ ordered: si }),
  total: int({ ordered: si }),
  cluster: int({ ordered: si }),
  next: int({ ordered: si }),
  freeFirst: int({ ordered: si }),
  freeLast: int({ ordered: si }),
  cacheActive: int({ ordered: "the alloc_lock of the slot cache; readers tolerate both" }),
  cached: int({ ordered: "the alloc_lock of the slot cache" }),
  cursor: int({ ordered: "the alloc_lock of the slot cache" }),
  returned: int({ ordered: "the free_lock of the slot cache" }),
  raHits: int({ ordered: ra }),
  raPrevious: int({ ordered: ra }),
  raPages: int({ ordered: ra }),
  requests: int({ ordered: "the lock of the device's queue" }),
  broken: int({ ordered: "set by a test between calls" }),
});

export interface Swap {
  /** Slots, slot 0 (the header) included; 0 = there is no device. */
  readonly pages: number;
  readonly slow: boolean;
  readonly zram: Zram | null;
  readonly pageCluster: number;
  /** swap_info.lock, with those of the clusters. Inside of page-table locks, outside of `cacheLock`. */
  readonly lock: Mutex;
  /** The xa_lock of the swap cache. */
  readonly cacheLock: Mutex;
  /** alloc_lock and free_lock of the CPU's cache of slots. */
  readonly allocLock: Mutex;
  readonly freeLock: Mutex;
  readonly queueLock: Mutex;
  readonly state: SwapState;
  readonly slots: ReturnType<typeof createSlots>;
  readonly clusters: ReturnType<typeof createClusters>;
  readonly slotCache: ReturnType<typeof createSlotCache>;
  readonly queue: ReturnType<typeof createQueue>;
  /** Word of `map` of slot 0. */
  readonly mapWord: number;
}

const createSlots = (n: number) =>
  columns("swapSlot", n, {
    map: column({ ordered: si }),
    cache: column({ ordered: "the xa_lock of the swap cache" }),
    disk: column({ ordered: "written while the folio is under writeback, read while it is locked and not up to date" }),
    /** memcg that is charged for the slot. */
    memcg: column({ ordered: si }),
  });
const createClusters = (n: number) =>
  columns("swapCluster", n, {
    used: column({ ordered: si }),
    /** Next free one (+ 1). */
    next: column({ ordered: si }),
    listed: column({ ordered: si }),
  });
const createSlotCache = (n: number) =>
  columns("slotCache", n, {
    slot: column({ ordered: "the alloc_lock of the slot cache" }),
    returned: column({ ordered: "the free_lock of the slot cache" }),
  });
const createQueue = (n: number) =>
  columns("swapQueue", n, {
    /** pfn << 1 | 1 for a write. */
    request: column({ ordered: "the lock of the device's queue" }),
  });

/** Set-up: a device with all slots free, switched on. */
export function createSwap(options: SwapOptions): Swap {
  const pages = options.swapPages ?? 0;
  const state: SwapState = stateStruct.create("swap");
  const slots = createSlots(Math.max(pages, 1));
  const clusters = createClusters(Math.max(1, Math.ceil(pages / CLUSTER_SLOTS)));
  const usable = Math.max(pages - 1, 0);
  state.free = usable;
  state.total = usable;
  state.raHits = 4;
  if (pages > 0) listAllClusters(state, clusters);
  const objects = options.zramObjectsPerPage ?? 0;
  // A small device never fills the cache of slots: see `checkCacheActive`.
  const cached = usable > 5 * SLOT_CACHE ? SLOT_CACHE : 1;
  return {
    pages,
    slow: options.swapSlow ?? false,
    zram: objects > 0 ? createZram(Math.max(pages, 1), objects) : null,
    pageCluster: options.pageCluster ?? 3,
    lock: spinlock("swapLock", "swap_info.lock"),
    cacheLock: spinlock("swapCacheLock", "swapper_space.xa_lock"),
    allocLock: mutex("swapSlotsAlloc", "swp_slots.alloc_lock"),
    freeLock: spinlock("swapSlotsFree", "swp_slots.free_lock"),
    queueLock: spinlock("swapQueueLock", "swap device queue"),
    state,
    slots,
    clusters,
    slotCache: createSlotCache(cached),
    queue: createQueue(options.swapSlow === true ? Math.min(MAX_REQUESTS, pages) : 1),
    mapWord: slots.wordOf("map", 0),
  };
}

function listAllClusters(state: SwapState, clusters: ReturnType<typeof createClusters>): void {
  // Slot 0, the header, is never handed out.
  clusters.used[0] = 1;
  for (let c = 1; c < clusters.count; c++) {
    clusters.listed[c] = 1;
    clusters.next[c] = c + 1 < clusters.count ? c + 2 : 0;
  }
  state.freeFirst = clusters.count > 1 ? 2 : 0;
  state.freeLast = clusters.count > 1 ? clusters.count : 0;
  state.cluster = 1;
  state.next = 1;
}
