/** Reverse mapping (mm/rmap.c): from a folio to the page tables that map it, and out of them. */
import { fetchAdd, readOnce } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import type { Kernel } from "./kernel.ts";
import { folioMaybeDmaPinned, folioPut } from "./lru.ts";
import { ANON, type Mapping } from "./mapping.ts";
import {
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_CLEAR,
  RANGE_BLOCKABLE,
  RANGE_MAYFAIL,
} from "./mmuNotifier.ts";
import type { Folio } from "./page.ts";
import { clearPte, PTE_NONE, PTE_PRESENT, PTE_SWAP, type Pte } from "./pageTable.ts";

/** try_to_unmap: takes the folio, which the caller has locked, out of all page tables. True when none maps it any more. */
export function* tryToUnmap(k: Kernel, folio: Folio): Task<boolean> {
  const mapping = folio.mapping as Mapping;
  yield* downRead(mapping.rmapLock);
  for (let i = 0; i < mapping.users.length; i++) {
    const { mm, start, pages, vpn } = mapping.users[i];
    const page = folio.index - start;
    if (page < 0 || page >= pages) continue;
    if (!(yield* tryToUnmapOne(k, folio, mm.ptes[vpn + page]))) break;
  }
  yield* upRead(mapping.rmapLock);
  return (yield* readOnce(folio.mapcount)) === 0;
}

/** True = go on with the next page table; the caller finds out from the map count whether this one let go. */
function* tryToUnmapOne(k: Kernel, folio: Folio, pte: Pte): Task<boolean> {
  const { mm, vpn } = pte;
  if (k.rules.unmapPinCheck && (yield* folioMaybeDmaPinned(folio))) return true;
  const flags = MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE | (k.rules.notifierMayFail === "none" ? 0 : RANGE_MAYFAIL);
  const refused = (yield* invalidateRangeStart(k, mm, vpn, vpn + 1, flags)) !== 0;
  let unmapped = false;
  if (!refused || k.rules.notifierMayFail !== "full") {
    yield* lock(mm.ptl);
    // The page-table walk of the kernel: the entry may be empty or map something else by now.
    if (pte.state === PTE_PRESENT && pte.folio === folio) unmapped = yield* unmapPresent(k, folio, pte);
    yield* unlock(mm.ptl);
  }
  yield* invalidateRangeEnd(k, mm, vpn, vpn + 1, flags);
  if (unmapped) yield* folioPut(k, folio);
  return !refused || k.rules.notifierMayFail !== "full";
}

/** Page-table lock held. False when the entry was left as it is because the folio may be pinned. */
function* unmapPresent(k: Kernel, folio: Folio, pte: Pte): Task<boolean> {
  const anon = pte.mapping.kind === ANON;
  // page_try_share_anon_rmap. The kernel clears the entry first and restores it; nobody sees that without this lock.
  if (anon && k.rules.shareAnonCheck && pte.exclusive && (yield* folioMaybeDmaPinned(folio))) return false;
  clearPte(pte, anon ? PTE_SWAP : PTE_NONE);
  yield* fetchAdd(folio.mapcount, -1);
  return true;
}
