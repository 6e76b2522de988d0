/**
 * CPU faults on pages that are in the memory of a device: the part of do_swap_page (mm/memory.c) that calls migrate_to_ram.
 *
 *   noRef     driver                                                          until v6.0
 *   ref       page-table lock: entry unchanged? reference ─▶ driver ─▶ put     v6.1
 *   trylock   the same, and the folio lock first; without it: fault again      v6.15
 *   wait      without it: sleep until it is unlocked                           v7.0
 */
import type { Task } from "../machine/core.ts";
import { trylockFolio, unlockFolio, waitFolioLocked } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { pagemapOf } from "./memremap.ts";
import type { Mm, Vma } from "./mmTypes.ts";
import { folioGet, folioLockWord, type Vpn } from "./page.ts";
import { type Pte, pteAt, swpOffset } from "./pageTable.ts";
import type { Rules } from "./rules.ts";
import { folioPut } from "./swap.ts";

/** Is the folio of a fault locked already when the driver is called? Then it must neither lock nor unlock it. */
export const faultLocksFolio = (rules: Rules): boolean =>
  rules.deviceFault === "trylock" || rules.deviceFault === "wait";

/** 0, also when the caller must look again; else what the driver says. mmap_lock held. */
export function* devicePrivateFault(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte): Task<number> {
  const mm = vma.mm as Mm;
  const pfn = swpOffset(pte);
  const pagemap = pagemapOf(k, pfn);
  if (k.rules.deviceFault === "noRef") return yield* pagemap.ops.migrateToRam(k, pagemap, vma, vpn, pfn);
  const locks = faultLocksFolio(k.rules);
  yield* lock(mm.ptl);
  // While the entry is there, the page cannot be freed.
  const same = pteAt(k, mm, vpn) === pte;
  const mine = same && (!locks || (yield* trylockFolio(folioLockWord(k, pfn))));
  if (mine) yield* folioGet(k, pfn);
  yield* unlock(mm.ptl);
  if (!mine) {
    if (same && k.rules.deviceFault === "wait") yield* waitFolioLocked(folioLockWord(k, pfn));
    return 0;
  }
  const error = yield* pagemap.ops.migrateToRam(k, pagemap, vma, vpn, pfn);
  if (locks) yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
  return error;
}
