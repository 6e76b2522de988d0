/** LRU lists of each node, and the batches (folio_batch) of the CPU through which folios get there. */
import { column, columns } from "../machine/columns.ts";
import { type Mutex, spinlock } from "../machine/mutex.ts";

export const LRU_INACTIVE_ANON = 0;
export const LRU_ACTIVE_ANON = 1;
export const LRU_INACTIVE_FILE = 2;
export const LRU_ACTIVE_FILE = 3;
export const LRU_UNEVICTABLE = 4;
export const NR_LRU_LISTS = 5;

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

export function createLru(nodes: number) {
  const ordered = "the lru_lock of the node";
  const local = "the local lock";
  return {
    locks: Array.from({ length: nodes }, (_, i): Mutex => spinlock(`lruLock${i}`, "lruvec.lru_lock")),
    /** local_lock of the batches: all tasks use those of one CPU here. Outside of the lru_lock. */
    localLock: spinlock("lruBatches", "lru_pvecs.lock"),
    /** At node * NR_LRU_LISTS + list: newest and oldest folio (pfn + 1), and how many there are. */
    lists: columns("lru", nodes * NR_LRU_LISTS, {
      head: column({ ordered }),
      tail: column({ ordered }),
      size: column({ ordered }),
    }),
    batches: columns("folioBatch", NR_BATCHES, { count: column({ ordered: local }) }),
    /** At batch * BATCH_SIZE + i: pfn. */
    batched: columns("batched", NR_BATCHES * BATCH_SIZE, { page: column({ ordered: local }) }),
  };
}
export type Lru = ReturnType<typeof createLru>;
