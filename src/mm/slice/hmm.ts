/** hmm_range_fault (mm/hmm.c): what the page table says, without references. */

import { readOnce } from "../../machine/cell.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { EBUSY } from "../../machine/errno.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { int, ref, struct } from "../../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import { handleMmFault } from "./memory.ts";
import type { Mm } from "./mm.ts";
import { type IntervalNotifier, mmuIntervalReadRetry } from "./mmuIntervalNotifier.ts";
import type { Folio, Vpn } from "./page.ts";
import { PTE_PRESENT } from "./pageTable.ts";

/** One entry of hmm_range.hmm_pfns: a folio in one of its lives. Valid until the next invalidation, and no longer. */
export interface HmmPfn extends Handle {
  folio: Folio | null;
  generation: number;
}

const owned = "belongs to the task that faults the range";
const hmmPfnStruct = struct("hmmPfn", { folio: ref<Folio>({ ordered: owned }), generation: int({ ordered: owned }) });

/** Set-up: room for the result of a range of `pages` pages. */
export function createHmmPfns(name: string, pages: number): HmmPfn[] {
  return Array.from({ length: pages }, (_, i) => hmmPfnStruct.create(`${name}[${i}]`));
}

/**
 * Fills `pfns[start … end)` (indexed by page of the mm) with what is mapped, faulting it in first where needed.
 * 0, -EBUSY when `seq` is over before it is done, or -ENOMEM. mmap_lock held for reading.
 */
export function* hmmRangeFault(
  k: Kernel,
  mm: Mm,
  notifier: IntervalNotifier,
  seq: number,
  start: Vpn,
  end: Vpn,
  pfns: readonly HmmPfn[],
): Task<number> {
  for (let vpn = start; vpn < end; vpn++) {
    while (!(yield* readPte(mm, vpn, pfns[vpn]))) {
      const error = yield* handleMmFault(k, mm, vpn, true);
      if (error !== 0) return error;
      if (yield* mmuIntervalReadRetry(notifier, seq)) return -EBUSY;
    }
  }
  return 0;
}

/** False when the page is not present with write permission. */
function* readPte(mm: Mm, vpn: Vpn, pfn: HmmPfn): Task<boolean> {
  const pte = mm.ptes[vpn];
  yield* lock(mm.ptl);
  const present = pte.state === PTE_PRESENT && pte.writable;
  if (present && pte.folio) {
    pfn.folio = pte.folio;
    pfn.generation = yield* readOnce(pte.folio.generation);
  }
  yield* unlock(mm.ptl);
  return present;
}
