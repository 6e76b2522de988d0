/** One modelled kernel: its rules and its memory. Passed as `k` to everything that allocates or reclaims. */
import type { Handle } from "../../machine/core.ts";
import type { Machine } from "../../machine/machine.ts";
import { type Mutex, spinlockField } from "../../machine/mutex.ts";
import { type Srcu, srcu } from "../../machine/srcu.ts";
import { int, ref, struct } from "../../machine/struct.ts";
import type { Rules } from "../rules.ts";
import { createFolio, type Folio } from "./page.ts";

/** pglist_data with its one zone and one LRU list. */
export interface PgNode extends Handle {
  /** zone->lock */
  readonly zoneLock: Mutex;
  /** Free folios, linked by `buddyNext`. */
  freeFirst: Folio | null;
  /** lruvec->lru_lock */
  readonly lruLock: Mutex;
  /** Newest folio; new ones are added here. */
  lruHead: Folio | null;
  /** Oldest folio; reclaim takes from here. */
  lruTail: Folio | null;
  lruSize: number;
}

const nodeStruct = struct("pgNode", {
  zoneLock: spinlockField(),
  freeFirst: ref<Folio>({ guardedBy: "zoneLock" }),
  lruLock: spinlockField(),
  lruHead: ref<Folio>({ guardedBy: "lruLock" }),
  lruTail: ref<Folio>({ guardedBy: "lruLock" }),
  lruSize: int({ guardedBy: "lruLock" }),
});

export interface Kernel {
  readonly rules: Rules;
  readonly node: PgNode;
  readonly folios: readonly Folio[];
  /** The one SRCU domain that all walks of notifier lists share, whatever their mm. */
  readonly notifierSrcu: Srcu;
}

/** Set-up: a kernel with `frames` free page frames. */
export function createKernel(m: Machine, rules: Rules, frames: number): Kernel {
  const node: PgNode = nodeStruct.create("node0");
  const folios = Array.from({ length: frames }, (_, pfn) => createFolio(node, pfn));
  for (const folio of folios.toReversed()) {
    folio.buddyNext = node.freeFirst;
    node.freeFirst = folio;
  }
  return m.keep(Object.freeze({ rules, node, folios: Object.freeze(folios), notifierSrcu: srcu("mmuNotifierSrcu") }));
}
