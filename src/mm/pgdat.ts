/** Nodes, as reclaim sees them (pg_data_t): what kswapd is to do, and how it fares. */
import { type Cell, cellField } from "../machine/cell.ts";
import type { Handle } from "../machine/core.ts";
import { bool, int, struct } from "../machine/struct.ts";

export interface Pgdat extends Handle {
  readonly nid: number;
  /** kswapd_wait: above 0 = there is work for kswapd, and nobody wakes it again. */
  readonly kswapdWork: Cell;
  /** pfmemalloc_wait: counts wake-ups of throttled tasks. */
  readonly pfmemallocWakes: Cell;
  /** reclaim_wait: wake-ups of tasks throttled in NOPROGRESS, WRITEBACK and the like. */
  readonly reclaimWakes: Cell;
  /** Is there a kswapd, and does it sleep on its queue (waitqueue_active)? */
  hasKswapd: boolean;
  kswapdSleeps: boolean;
  kswapdOrder: number;
  /** Highest zone type it shall balance; MAX_NR_ZONES = nobody has asked. */
  kswapdHighestZoneidx: number;
  /** Passes in a row that reclaimed nothing; KernelOptions.reclaimRetries = hopeless. */
  kswapdFailures: number;
  /** PGDAT_DIRTY, PGDAT_WRITEBACK. */
  flags: number;
  isolatedAnon: number;
  isolatedFile: number;
  /** NR_ZONE_WRITE_PENDING: dirty file pages, and those under writeback. */
  writePending: number;
  /** How many tasks are throttled because of writeback, and pages written when that began. */
  nrWritebackThrottled: number;
}

export const PGDAT_DIRTY = 1;
export const PGDAT_WRITEBACK = 2;

const ordered = "read and written with READ_ONCE and WRITE_ONCE; older values are as good";
const pgdatStruct = struct("pgdat", {
  kswapdWork: cellField(),
  pfmemallocWakes: cellField(),
  reclaimWakes: cellField(),
  hasKswapd: bool({ ordered: "set at boot" }),
  kswapdSleeps: bool({ ordered }),
  kswapdOrder: int({ ordered }),
  kswapdHighestZoneidx: int({ ordered, initial: 5 }),
  kswapdFailures: int({ ordered }),
  flags: int({ ordered: "atomic bits" }),
  isolatedAnon: int({ ordered: "atomic counter" }),
  isolatedFile: int({ ordered: "atomic counter" }),
  writePending: int({ ordered: "atomic counter" }),
  nrWritebackThrottled: int({ ordered: "atomic counter" }),
});

/** Set-up. */
export function createPgdats(nodes: number): Pgdat[] {
  return Array.from({ length: nodes }, (_, nid) => Object.assign(pgdatStruct.create(`pgdat${nid}`), { nid }));
}
