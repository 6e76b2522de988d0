/** Address spaces. */
import type { Handle } from "../../machine/core.ts";
import type { Machine } from "../../machine/machine.ts";
import { type Mutex, spinlockField } from "../../machine/mutex.ts";
import { type RwSem, rwsemField } from "../../machine/rwsem.ts";
import { struct } from "../../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import type { Mapping } from "./mapping.ts";
import { createSubscriptions, type NotifierSubscriptions } from "./mmuNotifier.ts";
import type { Vpn } from "./page.ts";
import { type Pte, pteStruct } from "./pageTable.ts";

export interface Mm extends Handle {
  /** Faults and pins take it for reading, changes of the layout for writing. */
  readonly mmapLock: RwSem;
  /** The page-table lock: one for all tables of the mm. */
  readonly ptl: Mutex;
  /** Page table, indexed by virtual page number. */
  readonly ptes: readonly Pte[];
  readonly notifierSubscriptions: NotifierSubscriptions;
  /** What its areas show; their rmap locks are what mm_take_all_locks takes. */
  readonly mappings: readonly Mapping[];
}

const mmStruct = struct("mm", { mmapLock: rwsemField(), ptl: spinlockField() });

/** Set-up: an area of `pages` pages that shows `mapping` from its page `start` on. */
export interface Area {
  readonly mapping: Mapping;
  readonly pages: number;
  readonly start?: number;
}

export interface MmOptions {
  /** False: starts without ends are no finding of their own, so that their consequences show. */
  readonly judgePairing?: boolean;
}

/** Set-up: an address space of `k` whose areas lie one after the other from page 0 on; nothing is mapped yet. */
export function createMm(m: Machine, k: Kernel, name: string, areas: readonly Area[], options: MmOptions = {}): Mm {
  const ptes: Pte[] = [];
  const mappings = m.keep([...new Set(areas.map((area) => area.mapping))]);
  const mm: Mm = Object.assign(mmStruct.create(name), {
    ptes,
    mappings,
    notifierSubscriptions: createSubscriptions(m, name, k.notifierSrcu, options.judgePairing ?? true),
  });
  for (const { mapping, pages, start = 0 } of areas) {
    const vpn: Vpn = ptes.length;
    mapping.users.push(Object.freeze({ mm, start, pages, vpn }));
    for (let i = 0; i < pages; i++) {
      const constants = { mm, vpn: vpn + i, mapping, index: start + i };
      ptes.push(Object.assign(pteStruct.create(`${name}.pte[${vpn + i}]`), constants));
    }
  }
  m.keep(ptes);
  return mm;
}
