/**
 * LRU lists of each lruvec, and the batches (folio_batch) of the CPU through which folios get there. A lruvec is a node's
 * share of a memory cgroup: number memcg * nodes + nid, so that the root's lruvecs have the numbers of the nodes.
 */
import { column, columns } from "../machine/columns.ts";
import { type Mutex, spinlock } from "../machine/mutex.ts";

export const LRU_INACTIVE_ANON = 0;
export const LRU_ACTIVE_ANON = 1;
export const LRU_INACTIVE_FILE = 2;
export const LRU_ACTIVE_FILE = 3;
export const LRU_UNEVICTABLE = 4;
export const NR_LRU_LISTS = 5;
export const LRU_NAMES = ["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"] as const;
/** is_file_lru, is_active_lru. */
export const isFileLru = (lru: number): boolean => lru === LRU_INACTIVE_FILE || lru === LRU_ACTIVE_FILE;
export const isActiveLru = (lru: number): boolean => lru === LRU_ACTIVE_ANON || lru === LRU_ACTIVE_FILE;

// Batches in the order in which lru_add_drain empties them; mlock's comes last.
export const BATCH_ADD = 0;
export const BATCH_ROTATE = 1;
export const BATCH_DEACTIVATE_FILE = 2;
export const BATCH_DEACTIVATE = 3;
export const BATCH_LAZYFREE = 4;
export const BATCH_ACTIVATE = 5;
export const BATCH_MLOCK = 6;
export const NR_BATCHES = 7;
/** PAGEVEC_SIZE: a batch is emptied when it has so many. */
export const BATCH_SIZE = 15;

/** Kinds of zones that lists tell apart, at list * LRU_ZONES + type. */
export const LRU_ZONES = 4;

const MAX_RECLAIM_RETRIES = 16;

export interface LruOptions {
  /** Statistics of cgroups are as old as in the kernel: see memcgStat.ts. Else they are those of now. */
  readonly batchedStats?: boolean;
  /** MAX_RECLAIM_RETRIES: passes without progress until reclaim is given up; fewer in searches. */
  readonly reclaimRetries?: number;
}

/** Of each lruvec: four lists, and folios of either type that were activated as they came back. */
export const NR_STAT_ITEMS = 6;

/** `items`: so many values for each lruvec. */
const createLruStats = (items: number) => ({
  /** Updates that the CPU has not told of, and how many times 64 it has. */
  counts: columns("memcgStat", 1, {
    updates: column({ ordered: "the CPU's own, with preemption off" }),
    threshold: column({ ordered: "atomic" }),
  }),
  items: columns("memcgStatItem", items, {
    value: column({ ordered: "flushed one at a time; readers take what they find" }),
  }),
});
export type LruStats = ReturnType<typeof createLruStats>;

/** `zoned`: some node has more than one zone, so that lists count their folios by zone too. */
export function createLru(nodes: number, memcgs: number, zoned: boolean, options: LruOptions = {}) {
  const ordered = "the lru_lock of the lruvec";
  const local = "the local lock";
  const lruvecs = nodes * memcgs;
  const counts = "atomic counters; decisions by older values are as good";
  return {
    /** lru_lock of each lruvec. */
    locks: Array.from({ length: lruvecs }, (_, i): Mutex => spinlock(`lruLock${i}`, "lruvec.lru_lock")),
    /** local_lock of the batches: all tasks use those of one CPU here. Outside of the lru_lock. */
    localLock: spinlock("lruBatches", "lru_pvecs.lock"),
    /** At lruvec * NR_LRU_LISTS + list: newest and oldest folio (pfn + 1), and how many there are. */
    lists: columns("lru", lruvecs * NR_LRU_LISTS, {
      head: column({ ordered }),
      tail: column({ ordered }),
      size: column({ ordered }),
    }),
    zoned,
    maxRetries: options.reclaimRetries ?? MAX_RECLAIM_RETRIES,
    stats: options.batchedStats === true ? createLruStats(lruvecs * NR_STAT_ITEMS) : null,
    /** lru_zone_size: how many folios of a list are in zones of a type. Only where `zoned`. */
    zoneSizes: columns("lruZone", zoned ? lruvecs * NR_LRU_LISTS * LRU_ZONES : 1, { size: column({ ordered }) }),
    /** struct lruvec, beside its lists. */
    vecs: columns("lruvec", lruvecs, {
      anonCost: column({ ordered: counts }),
      fileCost: column({ ordered: counts }),
      /** nonresident_age: evictions and activations so far. */
      nonresidentAge: column({ ordered: counts }),
      /** WORKINGSET_ACTIVATE_ANON and _FILE, which prepare_scan_count compares with its snapshots. */
      activatedAnon: column({ ordered: counts }),
      activatedFile: column({ ordered: counts }),
      refaultsAnon: column({ ordered: counts }),
      refaultsFile: column({ ordered: counts }),
      /** LRUVEC_CONGESTED. */
      congested: column({ ordered: "atomic bit" }),
    }),
    batches: columns("folioBatch", NR_BATCHES, { count: column({ ordered: local }) }),
    /** At batch * BATCH_SIZE + i: pfn. */
    batched: columns("batched", NR_BATCHES * BATCH_SIZE, { page: column({ ordered: local }) }),
  };
}
export type Lru = ReturnType<typeof createLru>;
