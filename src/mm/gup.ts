/**
 * Getting and pinning user pages (mm/gup.c).
 *
 *   fast: no lock; grab, then look again whether the entry is the same, and whether fork ran meanwhile
 *   slow: mmap_lock; under the page-table lock either grab, or fault (write, or unshare) and look again
 *
 * A long-term pin moves pages out of ZONE_MOVABLE first.
 */
import { cmpxchgWord, fetchAdd, readOnce, readWord } from "../machine/cell.ts";
import { type Columns, column, columns } from "../machine/columns.ts";
import { memallocRestore, memallocSave, PF_MEMALLOC_PIN } from "../machine/context.ts";
import type { Task } from "../machine/core.ts";
import { EFAULT, EINTR, EINVAL, ENOMEM } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { fatalSignalPending } from "../machine/killable.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { checkAndMigrateMovable, isLongtermPinnable } from "./gupLongterm.ts";
import type { Kernel } from "./kernel.ts";
import { FAULT_OOM_AGAIN, FAULT_READ, FAULT_UNSHARE, FAULT_USERFAULT, FAULT_WRITE, handleMmFault } from "./memory.ts";
import {
  isCowMapping,
  type Mm,
  VM_EXEC,
  VM_IO,
  VM_LOCKONFAULT,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type Vma,
} from "./mmTypes.ts";
import {
  folioRefAdd,
  GUP_PIN_COUNTING_BIAS,
  hasFlag,
  type Pfn,
  PG_anon,
  PG_anonExclusive,
  PG_dirty,
  PG_referenced,
  setFlag,
  type Vpn,
  ZERO_PFN,
} from "./page.ts";
import {
  PTE_DIRTY,
  PTE_PROTNONE,
  PTE_SOFT_DIRTY,
  type Pte,
  pteAt,
  ptePfn,
  ptePresent,
  pteProtnone,
  pteSlot,
  pteSpecial,
  pteWrite,
  readPte,
} from "./pageTable.ts";
import { setPageDirty, setPageDirtyLock } from "./pageWriteback.ts";
import { vmaSoftDirtyEnabled } from "./pgprot.ts";
import { notePin, noteUnpin } from "./pinsHeld.ts";
import { guards } from "./rules.ts";
import { folioMarkAccessed, folioPutRefs, lruAddDrain } from "./swap.ts";
import { findVma, vmaLookup } from "./vma.ts";

export const FOLL_WRITE = 1;
export const FOLL_TOUCH = 2;
export const FOLL_GET = 4;
export const FOLL_FORCE = 0x10;
export const FOLL_REMOTE = 0x2000;
export const FOLL_LONGTERM = 0x10000;
export const FOLL_PIN = 0x40000;

/** struct page **: frames that a driver keeps. Whoever owns the array orders the accesses. */
export type Pages = Columns<{ pfn: { ordered: string } }>;

/** Set-up: an array for `n` pages. */
export function createPages(name: string, n: number): Pages {
  return columns(name, n, { pfn: column({ ordered: "belongs to the driver object that the array is part of" }) });
}

/** References that `flags` take on a small folio. */
const refsOf = (flags: number): number =>
  (flags & FOLL_PIN) !== 0 ? GUP_PIN_COUNTING_BIAS : (flags & FOLL_GET) !== 0 ? 1 : 0;

const NO_PAGE = -1000;
const MUST_UNSHARE = -1001;

/** try_grab_page: the zero page is never pinned. */
function* tryGrab(k: Kernel, pfn: Pfn, flags: number): Task {
  if (refsOf(flags) > 0 && (pfn !== ZERO_PFN || (flags & FOLL_PIN) === 0)) yield* folioRefAdd(k, pfn, refsOf(flags));
}

function* ungrab(k: Kernel, pfn: Pfn, flags: number): Task {
  if (refsOf(flags) > 0 && (pfn !== ZERO_PFN || (flags & FOLL_PIN) === 0)) yield* folioPutRefs(k, pfn, refsOf(flags));
}

/** gup_must_unshare: a read-only pin of an anonymous page that others may share would miss what the pinner writes. */
function mustUnshare(k: Kernel, pfn: Pfn, flags: number): boolean {
  if (!k.rules.gupUnshares || (flags & (FOLL_WRITE | FOLL_PIN)) !== FOLL_PIN) return false;
  return hasFlag(k, pfn, PG_anon) && !hasFlag(k, pfn, PG_anonExclusive);
}

/** can_follow_write_pte: FOLL_FORCE may write through a read-only entry of its own copy. */
function canWrite(k: Kernel, vma: Vma, pte: Pte, flags: number): boolean {
  if (pteWrite(pte)) return true;
  if ((flags & FOLL_FORCE) === 0 || (vma.flags & (VM_SHARED | VM_WRITE)) !== 0 || pteSpecial(pte)) return false;
  if (vmaSoftDirtyEnabled(vma) && (pte & PTE_SOFT_DIRTY) === 0) return false;
  return hasFlag(k, ptePfn(pte), PG_anon) && hasFlag(k, ptePfn(pte), PG_anonExclusive);
}

/** follow_page_mask: the frame, grabbed; or NO_PAGE, MUST_UNSHARE. */
function* followPage(k: Kernel, vma: Vma, vpn: Vpn, flags: number): Task<number> {
  const mm = vma.mm as Mm;
  if (pteSlot(k, mm, vpn) === 0) return NO_PAGE;
  yield* lock(mm.ptl);
  const found = yield* followPte(k, vma, pteAt(k, mm, vpn), flags);
  yield* unlock(mm.ptl);
  return found;
}

function* followPte(k: Kernel, vma: Vma, pte: Pte, flags: number): Task<number> {
  if (!ptePresent(pte) || (pteProtnone(pte) && (flags & FOLL_FORCE) === 0)) return NO_PAGE;
  if ((flags & FOLL_WRITE) !== 0 && !canWrite(k, vma, pte, flags)) return NO_PAGE;
  const pfn = ptePfn(pte);
  if (!pteWrite(pte) && mustUnshare(k, pfn, flags)) return MUST_UNSHARE;
  yield* tryGrab(k, pfn, flags);
  if ((flags & FOLL_PIN) !== 0) notePin(k, pfn);
  if ((flags & FOLL_TOUCH) !== 0) {
    if ((flags & FOLL_WRITE) !== 0 && (pte & PTE_DIRTY) === 0 && !hasFlag(k, pfn, PG_dirty))
      yield* setPageDirty(k, pfn);
    yield* folioMarkAccessed(k, pfn);
  }
  return pfn;
}

/** check_vma_flags. 0 or -EFAULT. */
function checkVma(vma: Vma, flags: number): number {
  if ((vma.flags & (VM_IO | VM_PFNMAP)) !== 0) return -EFAULT;
  if ((flags & FOLL_WRITE) !== 0) {
    if ((vma.flags & VM_WRITE) === 0 && ((flags & FOLL_FORCE) === 0 || !isCowMapping(vma.flags))) return -EFAULT;
  } else if ((vma.flags & VM_READ) === 0 && (flags & FOLL_FORCE) === 0) {
    return -EFAULT;
  }
  return 0;
}

/** should_force_cow_break of v5.8, for mappings that may be written now: who takes a reference takes it from his own copy. */
function forceCowBreak(k: Kernel, vma: Vma, flags: number): number {
  const breaks = k.rules.gupBreaksCow && refsOf(flags) > 0 && isCowMapping(vma.flags) && (vma.flags & VM_WRITE) !== 0;
  return breaks ? flags | FOLL_WRITE : flags;
}

/** faultin_page, until the page can be followed. The frame, or -errno. mmap_lock held. */
function* getOne(k: Kernel, vma: Vma, vpn: Vpn, flags: number): Task<Pfn | number> {
  for (;;) {
    // Who is killed must not go on to take memory.
    if (fatalSignalPending()) return -EINTR;
    const found = yield* followPage(k, vma, vpn, flags);
    if (found >= 0) return found;
    const how = found === MUST_UNSHARE ? FAULT_UNSHARE : (flags & FOLL_WRITE) !== 0 ? FAULT_WRITE : FAULT_READ;
    const error = yield* handleMmFault(k, vma, vpn, how);
    // Nobody here waits for the monitor of a userfaultfd.
    if (error === FAULT_USERFAULT) return -EFAULT;
    if (error !== 0) return error === FAULT_OOM_AGAIN ? -ENOMEM : error;
  }
}

/** __get_user_pages: how many, or -errno when none. `pages` null: only touched. mmap_lock held. */
export function* getUserPages(
  k: Kernel,
  mm: Mm,
  start: Vpn,
  n: number,
  flags: number,
  pages: Pages | null,
  offset = 0,
): Task<number> {
  if ((flags & FOLL_PIN) !== 0) mm.hasPinned = true;
  for (let i = 0; i < n; i++) {
    const vma = vmaLookup(mm, start + i);
    const error = vma ? checkVma(vma, flags) : -EFAULT;
    const pfn = vma && error === 0 ? yield* getOne(k, vma, start + i, forceCowBreak(k, vma, flags)) : error;
    if (pfn < 0) return i > 0 ? i : pfn;
    if (pages) pages.pfn[offset + i] = pfn;
  }
  return n;
}

/**
 * get_user_pages_unlocked, __gup_longterm_unlocked: takes mmap_lock; long-term pins do not stay in ZONE_MOVABLE, and do
 * not mark pages as accessed.
 */
export function* getUserPagesUnlocked(
  k: Kernel,
  mm: Mm,
  start: Vpn,
  n: number,
  flags: number,
  pages: Pages,
  offset = 0,
): Task<number> {
  yield* downRead(mm.mmapLock);
  // Only get_user_pages_unlocked touches; long-term pins go another way.
  const touch = (flags & FOLL_LONGTERM) !== 0 ? 0 : FOLL_TOUCH;
  const got = yield* longtermLocked(k, mm, start, n, flags | touch, pages, offset);
  yield* upRead(mm.mmapLock);
  return got;
}

/** __gup_longterm_locked. */
function* longtermLocked(
  k: Kernel,
  mm: Mm,
  start: Vpn,
  n: number,
  flags: number,
  pages: Pages,
  offset: number,
): Task<number> {
  if ((flags & FOLL_LONGTERM) === 0) return yield* getUserPages(k, mm, start, n, flags, pages, offset);
  const saved = memallocSave(PF_MEMALLOC_PIN);
  let got = 0;
  for (;;) {
    got = yield* getUserPages(k, mm, start, n, flags, pages, offset);
    if (got <= 0) break;
    const moved = yield* checkAndMigrateMovable(k, pages, offset, got);
    if (moved === 0) break;
    if (moved < 0) {
      got = moved;
      break;
    }
  }
  memallocRestore(PF_MEMALLOC_PIN, saved);
  return got;
}

/** folio_ref_try_add_rcu: a page that is being freed is not taken. */
function* tryGetUnlessZero(k: Kernel, pfn: Pfn, refs: number): Task<boolean> {
  for (;;) {
    const before = yield* readWord(k.words.refcount + pfn);
    if (before <= 0) return false;
    if ((yield* cmpxchgWord(k.words.refcount + pfn, before, before + refs)) === before) return true;
  }
}

/** gup_pte_range: one page without locks. The frame, or -1 = the slow way. */
function* gupFastPage(k: Kernel, mm: Mm, vpn: Vpn, flags: number): Task<Pfn> {
  // The tables change while we look, but those that we have come to stay until this walk is over.
  yield* readOnce(mm.tableWalkers);
  const slot = pteSlot(k, mm, vpn);
  if (slot === 0) return -1;
  const pte = yield* readPte(k, slot);
  if (!ptePresent(pte) || (pte & PTE_PROTNONE) !== 0 || pteSpecial(pte)) return -1;
  if (((flags & FOLL_WRITE) !== 0 || k.rules.gupBreaksCow) && !pteWrite(pte)) return -1;
  const pfn = ptePfn(pte);
  if (!(yield* tryGetUnlessZero(k, pfn, refsOf(flags)))) return -1;
  const same = !guards(k.rules, "gupFastRecheck") || (yield* isSameEntry(k, mm, vpn, slot, pte));
  const longterm = (flags & FOLL_LONGTERM) !== 0 && !isLongtermPinnable(k, pfn);
  if (!same || longterm || (!pteWrite(pte) && mustUnshare(k, pfn, flags))) {
    yield* folioPutRefs(k, pfn, refsOf(flags));
    return -1;
  }
  setFlag(k, pfn, PG_referenced);
  return pfn;
}

/** Pairs with unmapping, which clears the entry first and looks at the references afterwards. */
function* isSameEntry(k: Kernel, mm: Mm, vpn: Vpn, slot: number, pte: Pte): Task<boolean> {
  return pteSlot(k, mm, vpn) === slot && (yield* readPte(k, slot)) === pte;
}

/** lockless_pages_from_mm: the pages up to the first that needs the slow way; all or nothing when fork interferes. */
function* gupFast(k: Kernel, mm: Mm, start: Vpn, n: number, flags: number, pages: Pages): Task<number> {
  const watches = (flags & FOLL_PIN) !== 0 && k.rules.gupFastSeqcount;
  const seq = watches ? yield* readOnce(mm.writeProtectSeq) : 0;
  if ((seq & 1) !== 0) return 0;
  const blocks = guards(k.rules, "gupFastBlocksTables");
  let got = 0;
  // local_irq_save: whoever frees page tables waits for an answer of this CPU.
  if (blocks) yield* fetchAdd(mm.tableWalkers, 1);
  while (got < n) {
    const pfn = yield* gupFastPage(k, mm, start + got, flags);
    if (pfn < 0) break;
    pages.pfn[got] = pfn;
    got++;
  }
  if (blocks) yield* fetchAdd(mm.tableWalkers, -1);
  if (!watches || (yield* readOnce(mm.writeProtectSeq)) === seq) {
    if ((flags & FOLL_PIN) !== 0) for (let i = 0; i < got; i++) notePin(k, pages.pfn[i]);
    return got;
  }
  for (let i = 0; i < got; i++) yield* ungrab(k, pages.pfn[i], flags);
  return 0;
}

/** pin_user_pages_fast (FOLL_PIN) or get_user_pages_fast (FOLL_GET): how many, or -errno when none. Own mm. */
export function* getUserPagesFast(k: Kernel, mm: Mm, start: Vpn, n: number, flags: number, pages: Pages): Task<number> {
  if (n <= 0) return -EINVAL;
  if ((flags & FOLL_PIN) !== 0) mm.hasPinned = true;
  const got = yield* gupFast(k, mm, start, n, flags, pages);
  const more = got === n ? 0 : yield* getUserPagesUnlocked(k, mm, start + got, n - got, flags, pages, got);
  if (more < 0 && got === 0) return more;
  const all = got + Math.max(more, 0);
  for (let i = 0; i < all; i++) mustBeExclusive(k, pages.pfn[i], flags);
  return all;
}

/** get_user_pages_fast_only (FOLL_PIN: pin_user_pages_fast_only): only pages that are there. How many, up to the first that is not. */
export function* getUserPagesFastOnly(
  k: Kernel,
  mm: Mm,
  start: Vpn,
  n: number,
  flags: number,
  pages: Pages,
): Task<number> {
  if ((flags & FOLL_PIN) !== 0) mm.hasPinned = true;
  return yield* gupFast(k, mm, start, n, flags, pages);
}

/** A pinned anonymous page is exclusive until it is freed: else its owner and the pinner may part (PG_anon_exclusive). */
function mustBeExclusive(k: Kernel, pfn: Pfn, flags: number): void {
  const shared = hasFlag(k, pfn, PG_anon) && !hasFlag(k, pfn, PG_anonExclusive);
  const judged = k.rules.gupUnshares && (flags & FOLL_PIN) !== 0;
  must(!judged || !shared, "assertion", `frame ${pfn} is pinned and not exclusive`);
}

/** unpin_user_pages_dirty_lock, or with FOLL_GET put_page after set_page_dirty_lock. */
export function* unpinUserPages(k: Kernel, pages: Pages, n: number, flags: number, dirty: boolean): Task {
  for (let i = 0; i < n; i++) {
    const pfn = pages.pfn[i];
    if (dirty) yield* setPageDirtyLock(k, pfn);
    if ((flags & FOLL_PIN) !== 0) noteUnpin(k, pfn);
    yield* ungrab(k, pfn, flags);
  }
}

/** faultin_page_range, populate_vma_page_range: [start, end) of `vma` becomes present. 0 or -errno. mmap_lock held. */
export function* populateVmaRange(k: Kernel, vma: Vma, start: Vpn, end: Vpn): Task<number> {
  // Such pages are locked as they are touched.
  if ((vma.flags & VM_LOCKONFAULT) !== 0) return 0;
  // Break COW now, but do not dirty shared pages.
  let flags = FOLL_TOUCH;
  if ((vma.flags & (VM_WRITE | VM_SHARED)) === VM_WRITE) flags |= FOLL_WRITE;
  if ((vma.flags & (VM_READ | VM_WRITE | VM_EXEC)) !== 0) flags |= FOLL_FORCE;
  return yield* faultinRange(k, vma.mm as Mm, start, end, flags);
}

/** The same with given flags, as for MADV_POPULATE_READ and MADV_POPULATE_WRITE: up to the page that cannot be had. */
export function* faultinRange(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number): Task<number> {
  let at = start;
  let error = 0;
  while (at < end && error === 0) {
    const got = yield* getUserPages(k, mm, at, end - at, flags, null);
    yield* lruAddDrain(k);
    if (got > 0) at += got;
    else error = got;
  }
  return error;
}

/** faultin_vma_page_range: do the rights of the VMA allow MADV_POPULATE_READ, MADV_POPULATE_WRITE? */
export const mayPopulate = (vma: Vma, write: boolean): boolean => checkVma(vma, write ? FOLL_WRITE : 0) === 0;

/** mm_populate: errors do not matter, the pages are faulted in later. */
export function* mmPopulate(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task {
  yield* populateVmas(k, mm, start, end, true);
}

/** __mm_populate without ignore_errors. 0 or -errno: then what comes afterwards was not populated. */
export function* mmPopulateStrictly(k: Kernel, mm: Mm, start: Vpn, end: Vpn): Task<number> {
  return yield* populateVmas(k, mm, start, end, false);
}

function* populateVmas(k: Kernel, mm: Mm, start: Vpn, end: Vpn, ignoreErrors: boolean): Task<number> {
  yield* downRead(mm.mmapLock);
  let error = 0;
  for (let at = start; at < end && error === 0; ) {
    const vma = findVma(mm, at);
    if (!vma || vma.start >= end) break;
    const stop = Math.min(vma.end, end);
    const wanted = (vma.flags & (VM_IO | VM_PFNMAP)) === 0;
    if (wanted) error = yield* populateVmaRange(k, vma, Math.max(at, vma.start), stop);
    if (ignoreErrors) error = 0;
    at = stop;
  }
  yield* upRead(mm.mmapLock);
  return error;
}

/** raw_write_seqcount_begin and _end around fork's copying of page tables. */
export function* writeProtectSeqStep(mm: Mm): Task {
  yield* fetchAdd(mm.writeProtectSeq, 1);
}
