/**
 * Write faults on read-only entries (do_wp_page in mm/memory.c): use the page again, or copy it. Unsharing for a
 * read-only pin takes the same decision.
 *
 *   exclusive, or the last one with a reference ─▶ reuse: no event      else ─▶ copy: CLEAR, old entry cleared and IR,
 *                                                                           change_pte, new entry, end without IR
 */
import type { Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { __GFP_COMP, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../machine/gfp.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { anonVmaPrepare } from "./anonVma.ts";
import type { Kernel } from "./kernel.ts";
import { memCgroupCharge } from "./memcontrol.ts";
import { FAULT_UNSHARE, FAULT_USERFAULT } from "./memory.ts";
import { wpPageShared } from "./memoryFile.ts";
import { lruCacheAdd, munlockVmaPage } from "./mlockPage.ts";
import { type Mm, VM_MAYSHARE, VM_SHARED, VM_UFFD_WP, VM_WRITE, type Vma } from "./mmTypes.ts";
import {
  changePte,
  invalidateRange,
  invalidateRangeOnlyEnd,
  invalidateRangeStart,
  MMU_NOTIFY_CLEAR,
  RANGE_BLOCKABLE,
} from "./mmuNotifier.ts";
import {
  folioGet,
  folioLockWord,
  folioMapcount,
  folioRefCount,
  hasFlag,
  type Pfn,
  PG_anon,
  PG_anonExclusive,
  PG_lru,
  PG_swapcache,
  PG_uptodate,
  setFlag,
  type Vpn,
} from "./page.ts";
import { allocPage } from "./pageAlloc.ts";
import {
  mkPte,
  PTE_DIRTY,
  PTE_SOFT_DIRTY,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type Pte,
  pteAt,
  ptePfn,
  ptepGetAndClear,
  pteSpecial,
  pteWrite,
  setPteAt,
} from "./pageTable.ts";
import { vmPageProt } from "./pgprot.ts";
import { pageAddNewAnonRmap, pageMoveAnonRmap, pageRemoveRmap } from "./rmap.ts";
import { rssAdd } from "./rss.ts";
import { guards } from "./rules.ts";
import { folioPut, lruAddDrain } from "./swap.ts";
import { folioFreeSwap, swapCount } from "./swapfile.ts";
import { freeSwapCache } from "./swapState.ts";
import { flushTlbPage } from "./tlb.ts";
import { countVm, EV } from "./vmstat.ts";

/** do_wp_page. Page-table lock held, dropped here. 0 or -errno. */
export function* doWpPage(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte, flags: number): Task<number> {
  const mm = vma.mm as Mm;
  const unshare = flags === FAULT_UNSHARE;
  const pfn = ptePfn(pte);
  if ((vma.flags & VM_UFFD_WP) !== 0) {
    if (!unshare && (pte & PTE_UFFD_WP) !== 0) {
      yield* unlock(mm.ptl);
      return FAULT_USERFAULT;
    }
    // Somebody else may have taken the right to write away a moment ago: nobody may have it when the page is copied.
    if (mm.tlbFlushPending > 0 && guards(k.rules, "uffdWpFlushesFirst")) flushTlbPage(k, mm, vpn, "uffdWp");
  }
  if (pteSpecial(pte)) {
    yield* unlock(mm.ptl);
    // There is nothing to unshare about the zero page.
    return unshare ? 0 : yield* wpPageCopy(k, vma, vpn, pte, false);
  }
  if (hasFlag(k, pfn, PG_anon)) {
    if (yield* mayReuse(k, vma, pfn)) {
      if (!unshare) yield* wpPageReuse(k, vma, vpn, pte);
      yield* unlock(mm.ptl);
      return 0;
    }
  } else {
    if (unshare) {
      yield* unlock(mm.ptl);
      return 0;
    }
    if ((vma.flags & (VM_WRITE | VM_SHARED)) === (VM_WRITE | VM_SHARED)) {
      return yield* wpPageShared(k, vma, vpn, pte);
    }
  }
  yield* folioGet(k, pfn);
  yield* unlock(mm.ptl);
  return yield* wpPageCopy(k, vma, vpn, pte, unshare);
}

/** Is this mapping the only user of the anonymous page? Then it becomes exclusive. Page-table lock held. */
function* mayReuse(k: Kernel, vma: Vma, pfn: Pfn): Task<boolean> {
  if (k.rules.cowReuse === "mapcount") {
    return yield* reuseSwapPage(k, vma, pfn);
  }
  if (k.rules.cowReuse === "exclusive" && hasFlag(k, pfn, PG_anonExclusive)) return true;
  // More than: this mapping, the swap cache, an LRU batch.
  if ((yield* folioRefCount(k, pfn)) > 3) return false;
  if (!hasFlag(k, pfn, PG_lru)) yield* lruAddDrain(k);
  if ((yield* folioRefCount(k, pfn)) > (hasFlag(k, pfn, PG_swapcache) ? 2 : 1)) return false;
  if (!(yield* trylockFolio(folioLockWord(k, pfn)))) return false;
  if (hasFlag(k, pfn, PG_swapcache)) yield* folioFreeSwap(k, pfn);
  const alone = (yield* folioRefCount(k, pfn)) === 1;
  if (alone) pageMoveAnonRmap(k, pfn, vma);
  yield* unlockFolio(folioLockWord(k, pfn));
  return alone;
}

/** reuse_swap_page (before v5.8): do page tables and swap together have one entry for it? Page-table lock held. */
function* reuseSwapPage(k: Kernel, vma: Vma, pfn: Pfn): Task<boolean> {
  if (!hasFlag(k, pfn, PG_swapcache)) {
    if ((yield* folioMapcount(k, pfn)) !== 1) return false;
    pageMoveAnonRmap(k, pfn, vma);
    return true;
  }
  if (!(yield* trylockFolio(folioLockWord(k, pfn)))) return false;
  const entries = (yield* folioMapcount(k, pfn)) + (yield* swapCount(k, k.frames.private[pfn]));
  if (entries === 1) {
    yield* folioFreeSwap(k, pfn);
    pageMoveAnonRmap(k, pfn, vma);
  }
  yield* unlockFolio(folioLockWord(k, pfn));
  return entries === 1;
}

/** maybe_mkwrite(pte_mkdirty(pte)). */
export function maybeMkwrite(pte: Pte, vma: Vma): Pte {
  return pte | PTE_DIRTY | PTE_SOFT_DIRTY | ((vma.flags & VM_WRITE) !== 0 ? PTE_WRITE : 0);
}

/** wp_page_reuse: an upgrade, which needs no announcement. Page-table lock held. */
export function* wpPageReuse(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte): Task {
  yield* setPteAt(k, vma.mm as Mm, vpn, maybeMkwrite(pte | PTE_YOUNG, vma));
  // ptep_set_access_flags where CPUs may refuse by what they have: flush_tlb_page, and who shares the table hears of it.
  if (k.rules.archInvalidatesSecondary) yield* invalidateRange(k, vma.mm as Mm, vpn, vpn + 1);
  countVm(k, EV.pgreuse);
}

/**
 * wp_page_copy: the entry `pte` gets a page of its own. The caller has a reference to the old page, unless it is the zero
 * page; it is dropped here.
 */
export function* wpPageCopy(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte, unshare: boolean): Task<number> {
  const mm = vma.mm as Mm;
  const old = pteSpecial(pte) ? -1 : ptePfn(pte);
  const fresh = vma.anonVma || (yield* anonVmaPrepare(k, vma)) ? yield* allocCharged(k, mm, nodeFor(vma)) : -1;
  if (fresh < 0) {
    if (old >= 0) yield* folioPut(k, old);
    return -ENOMEM;
  }
  k.frames.content[fresh] = old >= 0 ? k.frames.content[old] : 0;
  setFlag(k, fresh, PG_uptodate);
  const flags = MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE;
  yield* invalidateRangeStart(k, mm, vpn, vpn + 1, flags);
  yield* lock(mm.ptl);
  const same = pteAt(k, mm, vpn) === pte;
  if (same) yield* replacePte(k, vma, vpn, pte, old, fresh, unshare);
  yield* unlock(mm.ptl);
  yield* invalidateRangeOnlyEnd(k, mm, vpn, vpn + 1, flags);
  // Without the old mapping its reference goes; with the old entry changed by somebody else, the new page does.
  const unused = same ? old : fresh;
  if (unused >= 0) yield* folioPut(k, unused);
  if (old >= 0) {
    if (same) yield* freeSwapCache(k, old);
    yield* folioPut(k, old);
  }
  return 0;
}

/** A page for `mm` that is charged to it; -1 without memory. */
export function* allocCharged(k: Kernel, mm: Mm, nid: number): Task<Pfn> {
  const pfn = yield* allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP, nid);
  if (pfn < 0 || (yield* memCgroupCharge(k, pfn, mm, GFP_KERNEL)) === 0) return pfn;
  yield* folioPut(k, pfn);
  return -1;
}

const nodeFor = (vma: Vma): number => (vma.policy > 0 ? vma.policy - 1 : 0);

/** The core of wp_page_copy. Page-table lock held. */
function* replacePte(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte, old: Pfn, fresh: Pfn, unshare: boolean): Task {
  const mm = vma.mm as Mm;
  if (old >= 0) rssAdd(k, mm, old, -1);
  mm.rssAnon++;
  const bare = mkPte(fresh, vmPageProt(vma) | PTE_YOUNG);
  const entry = unshare ? bare | (pte & PTE_SOFT_DIRTY) : maybeMkwrite(bare, vma);
  // ptep_clear_flush_notify: nobody may see the new page through one mapping and the old one through another.
  yield* ptepGetAndClear(k, mm, vpn);
  flushTlbPage(k, mm, vpn, "cow");
  yield* invalidateRange(k, mm, vpn, vpn + 1);
  yield* pageAddNewAnonRmap(k, fresh, vma, vpn);
  yield* lruCacheAdd(k, fresh, vma);
  yield* changePte(k, mm, vpn, fresh, pteWrite(entry));
  yield* setPteAt(k, mm, vpn, entry);
  if (old < 0) return;
  yield* pageRemoveRmap(k, old);
  yield* munlockVmaPage(k, old, vma);
}

/** Is the mapping shared, so that a write must reach the others? */
export const isShared = (vma: Vma): boolean => (vma.flags & (VM_SHARED | VM_MAYSHARE)) !== 0;
