/**
 * Faults on swap entries (do_swap_page in mm/memory.c).
 *
 *   in the swap cache ────────────────────────────────────────────┐
 *   not there: slow device, or several users ─▶ read into the cache ─┤─▶ folio lock ─▶ still the folio of the slot?
 *              zram, one user ─▶ read into a folio of its own ───────┘      ─▶ page-table lock ─▶ entry unchanged? ─▶ map
 *
 * Writable at once if the page is exclusive: the entry says so, or nobody else can have it. Raises no notifier event.
 */
import { answer, type Task } from "../machine/core.ts";
import { EFAULT, ENOMEM } from "../machine/errno.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import { __GFP_COMP, GFP_HIGHUSER_MOVABLE } from "../machine/gfp.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { memcgSwapFull } from "./memcontrol.ts";
import { FAULT_OOM_AGAIN, FAULT_WRITE } from "./memory.ts";
import { doWpPage, maybeMkwrite } from "./memoryCow.ts";
import { mlockVmaPage } from "./mlockPage.ts";
import { type Mm, VM_LOCKED, type Vma } from "./mmTypes.ts";
import {
  folioLockWord,
  folioMapcount,
  folioMemcg,
  folioRefCount,
  hasFlag,
  type Pfn,
  PG_lru,
  PG_mlocked,
  PG_swapbacked,
  PG_swapcache,
  PG_uptodate,
  PG_writeback,
  setFlag,
  type Vpn,
} from "./page.ts";
import { allocPage } from "./pageAlloc.ts";
import { swapReadpage } from "./pageIo.ts";
import {
  mkPte,
  PTE_SOFT_DIRTY,
  PTE_UFFD_WP,
  PTE_WRITE,
  type Pte,
  pteAt,
  SWP_EXCLUSIVE,
  setPteAt,
  swpOffset,
} from "./pageTable.ts";
import { vmPageProt } from "./pgprot.ts";
import { pageAddAnonRmap } from "./rmap.ts";
import { guards } from "./rules.ts";
import { folioAddLru, folioPut, lruAddDrain } from "./swap.ts";
import { folioFreeSwap, putSwapFolio, swapCount, swapcachePrepare, swapFree } from "./swapfile.ts";
import { SLOT_FREE, swapCacheGetFolio, swapinCharge, swapVmaReadahead, waitForSlot } from "./swapReadahead.ts";
import { getShadowFromSwapCache } from "./swapState.ts";
import { countMemcg, countVm, EV } from "./vmstat.ts";
import { workingsetRefault } from "./workingset.ts";

/** Somebody else is reading the slot. */
const AGAIN = -2;
const NO_MEMORY = -1;

/** do_swap_page for an entry of a swap slot. 0, also when the caller must look again; -ENOMEM, FAULT_OOM_AGAIN; -EFAULT where it cannot be read. */
export function* doSwapPage(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte, flags: number): Task<number> {
  const slot = swpOffset(pte);
  let pfn = yield* swapCacheGetFolio(k, slot, vma, vpn);
  let direct = false;
  if (pfn < 0) {
    direct = !k.swap.slow && (yield* swapCount(k, slot)) === 1;
    pfn = direct ? yield* swapinDirect(k, vma, slot) : yield* swapVmaReadahead(k, vma, vpn, slot);
    if (pfn === AGAIN) {
      yield* waitForSlot(k, slot);
      return 0;
    }
    if (pfn < 0) return yield* noPage(k, vma, vpn, pte, pfn === SLOT_FREE ? FAULT_OOM_AGAIN : -ENOMEM);
    countVm(k, EV.pgmajfault);
    countMemcg(k, (vma.mm as Mm).memcg, EV.pgmajfault);
  }
  const error = yield* mapFolio(k, vma, vpn, pte, flags, pfn, direct);
  // Only now may others read the slot: before, they would have found the old content and an entry that is gone.
  if (direct && guards(k.rules, "swapinPrepare")) yield* putSwapFolio(k, slot);
  return error;
}

/** There is no folio. Unless the entry has changed, which may be why, that is `error`. */
function* noPage(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte, error: number): Task<number> {
  const mm = vma.mm as Mm;
  yield* lock(mm.ptl);
  const same = pteAt(k, mm, vpn) === pte;
  yield* unlock(mm.ptl);
  return same ? error : 0;
}

/**
 * SWP_SYNCHRONOUS_IO: a folio of its own that is not in the swap cache, with SWAP_HAS_CACHE set, so that nobody else reads the
 * slot meanwhile; the caller gives that up. AGAIN, NO_MEMORY.
 */
function* swapinDirect(k: Kernel, vma: Vma, slot: number): Task<Pfn> {
  const keepsOut = guards(k.rules, "swapinPrepare");
  if (keepsOut && (yield* swapcachePrepare(k, slot)) !== 0) return AGAIN;
  const pfn = yield* allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP, vma.policy > 0 ? vma.policy - 1 : 0);
  if (pfn < 0) {
    if (keepsOut) yield* putSwapFolio(k, slot);
    return NO_MEMORY;
  }
  yield* lockFolio(folioLockWord(k, pfn));
  setFlag(k, pfn, PG_swapbacked);
  if ((yield* swapinCharge(k, pfn, slot, vma.mm)) !== 0) {
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
    if (keepsOut) yield* putSwapFolio(k, slot);
    return NO_MEMORY;
  }
  const shadow = yield* getShadowFromSwapCache(k, slot);
  if (shadow < 0) yield* workingsetRefault(k, pfn, shadow);
  yield* folioAddLru(k, pfn);
  k.frames.private[pfn] = slot;
  yield* swapReadpage(k, pfn);
  k.frames.private[pfn] = 0;
  return pfn;
}

/** The second half: we have a reference, which becomes that of the entry, or is given back. */
function* mapFolio(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte, flags: number, pfn: Pfn, direct: boolean): Task<number> {
  const mm = vma.mm as Mm;
  const write = flags === FAULT_WRITE;
  if (guards(k.rules, "swapinFolioLock")) yield* lockFolio(folioLockWord(k, pfn));
  if (!direct) {
    const looks = guards(k.rules, "swapinFolioRecheck");
    const ours = !looks || (hasFlag(k, pfn, PG_swapcache) && k.frames.private[pfn] === swpOffset(pte));
    if (!ours) return yield* drop(k, pfn, 0);
    // The reference of the LRU batch would make it look shared.
    if (write && !hasFlag(k, pfn, PG_lru)) yield* lruAddDrain(k);
  }
  yield* lock(mm.ptl);
  const same = pteAt(k, mm, vpn) === pte || !guards(k.rules, "swapinPteRecheck");
  if (!same || !hasFlag(k, pfn, PG_uptodate)) {
    yield* unlock(mm.ptl);
    return yield* drop(k, pfn, same ? -EFAULT : 0);
  }
  let exclusive = direct || isExclusive(k, pfn, pte);
  yield* swapFree(k, swpOffset(pte));
  if (yield* shouldTryToFreeSwap(k, pfn, vma, write)) yield* folioFreeSwap(k, pfn);
  exclusive = exclusive || (yield* isAlone(k, pfn, write));
  mm.rssAnon++;
  mm.swapEntries--;
  const mapped = entryFor(vma, pfn, pte, write && exclusive);
  yield* pageAddAnonRmap(k, pfn, vma, vpn, exclusive);
  yield* mlockVmaPage(k, pfn, vma);
  yield* setPteAt(k, mm, vpn, mapped);
  if (guards(k.rules, "swapinFolioLock")) yield* unlockFolio(folioLockWord(k, pfn));
  if (write && !exclusive) return yield* doWpPage(k, vma, vpn, mapped, FAULT_WRITE);
  yield* unlock(mm.ptl);
  return 0;
}

/** Locked, with a reference; it is not mapped. */
function* drop(k: Kernel, pfn: Pfn, error: number): Task<number> {
  if (guards(k.rules, "swapinFolioLock")) yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
  return error;
}

/** What the entry remembers; but zram must not see a page change that it is about to write. */
function isExclusive(k: Kernel, pfn: Pfn, pte: Pte): boolean {
  if (k.rules.cowReuse !== "exclusive" || (pte & SWP_EXCLUSIVE) === 0) return false;
  return k.swap.slow || !hasFlag(k, pfn, PG_writeback);
}

/** Nobody else has the page: by its references, or before v5.19 for writes only, by its mappings (reuse_swap_page). */
function* isAlone(k: Kernel, pfn: Pfn, write: boolean): Task<boolean> {
  if (k.rules.cowReuse === "exclusive") return (yield* folioRefCount(k, pfn)) === 1;
  if (!write) return false;
  if (!hasFlag(k, pfn, PG_swapcache)) return (yield* folioMapcount(k, pfn)) === 0;
  const entries = (yield* folioMapcount(k, pfn)) + (yield* swapCount(k, k.frames.private[pfn]));
  if (entries > 0) return false;
  yield* folioFreeSwap(k, pfn);
  return true;
}

/** should_try_to_free_swap. */
function shouldTryToFreeSwap(k: Kernel, pfn: Pfn, vma: Vma, write: boolean): Task<boolean> {
  if (!hasFlag(k, pfn, PG_swapcache)) return answer(false) as never;
  const always = memcgSwapFull(k, folioMemcg(k, pfn)) || (vma.flags & VM_LOCKED) !== 0 || hasFlag(k, pfn, PG_mlocked);
  return always || !write ? (answer(always) as never) : isOursAndTheCaches(k, pfn);
}

/** Only where its reference is what keeps the page from being ours. */
function* isOursAndTheCaches(k: Kernel, pfn: Pfn): Task<boolean> {
  return (yield* folioRefCount(k, pfn)) === 2;
}

function entryFor(vma: Vma, pfn: Pfn, pte: Pte, writable: boolean): Pte {
  const bare = mkPte(pfn, vmPageProt(vma));
  const entry = (writable ? maybeMkwrite(bare, vma) : bare) | (pte & (PTE_SOFT_DIRTY | PTE_UFFD_WP));
  return (pte & PTE_UFFD_WP) !== 0 ? entry & ~PTE_WRITE : entry;
}
