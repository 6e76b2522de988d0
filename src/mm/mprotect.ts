/** mprotect(2), and changing the protection of page-table entries (mm/mprotect.c). */
import type { Task } from "../machine/core.ts";
import { EACCES, EINTR, EINVAL, ENOMEM } from "../machine/errno.ts";
import { downWriteKillable } from "../machine/killable.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { upWrite } from "../machine/rwsem.ts";
import { populateVmaRange } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import {
  linearPageIndex,
  type Mm,
  type Process,
  VM_EXEC,
  VM_LOCKED,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type Vma,
} from "./mmTypes.ts";
import { tlbAdjustRange, tlbFinish, tlbGather } from "./mmuGather.ts";
import type { Gather } from "./mmuGatherTypes.ts";
import { invalidateRangeEnd, invalidateRangeStart, MMU_NOTIFY_PROTECTION_VMA, RANGE_BLOCKABLE } from "./mmuNotifier.ts";
import { numaMayHint } from "./numaHint.ts";
import { hasFlag, PG_anon, PG_anonExclusive, type Vpn } from "./page.ts";
import {
  addrEnd,
  PTE_DIRTY,
  PTE_PROTNONE,
  PTE_SOFT_DIRTY,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type Pte,
  pmdPages,
  pteAt,
  ptePfn,
  ptePresent,
  ptepGetAndClear,
  pteSlot,
  pteSpecial,
  pudPages,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
  setPteAt,
  swpOffset,
  swpType,
} from "./pageTable.ts";
import { pteModify, vmaSoftDirtyEnabled, vmaWantsWritenotify, vmPageProt } from "./pgprot.ts";
import { flushTlbBatchedPending } from "./tlbBatch.ts";
import { findVma, splitVma } from "./vma.ts";
import { vmaMerge } from "./vmaMerge.ts";

const ACCESS = VM_READ | VM_WRITE | VM_EXEC;

/** mprotect(2). */
export function* sysMprotect(k: Kernel, p: Process, at: Vpn, n: number, prot: number): Task<number> {
  const mm = p.mm as Mm;
  const end = at + n;
  if (n < 0 || at < 0) return -EINVAL;
  if (n === 0) return 0;
  if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  const error = yield* doMprotect(k, mm, at, end, prot);
  yield* upWrite(mm.mmapLock);
  return error;
}

/** do_mprotect_pkey: VMA by VMA up to the first hole; one gather for all. */
function* doMprotect(k: Kernel, mm: Mm, start: Vpn, end: Vpn, prot: number): Task<number> {
  let vma = findVma(mm, start);
  if (!vma || vma.start > start) return -ENOMEM;
  const tlb = tlbGather(k, mm);
  let error = 0;
  let at = start;
  while (at < end) {
    if (!vma || vma.start > at) {
      error = -ENOMEM;
      break;
    }
    const flags = (vma.flags & ~ACCESS) | prot;
    // VM_MAY* are four bits above VM_*.
    if ((flags & ~(flags >> 4) & ACCESS) !== 0) {
      error = -EACCES;
      break;
    }
    const next = Math.min(vma.end, end);
    error = yield* mprotectFixup(k, tlb, vma, at, next, flags);
    if (error !== 0) break;
    at = next;
    vma = findVma(mm, at);
  }
  yield* tlbFinish(k, tlb);
  return error;
}

/** mprotect_fixup: [start, end) of `vma` gets `flags`. */
function* mprotectFixup(k: Kernel, tlb: Gather, vma: Vma, start: Vpn, end: Vpn, flags: number): Task<number> {
  const mm = vma.mm as Mm;
  const old = vma.flags;
  if (flags === old) return 0;
  const prev = start > vma.start ? vma : vma.prev;
  const pgoff = linearPageIndex(vma, start);
  const merged = yield* vmaMerge(k, mm, prev, start, end, flags, vma.anonVma, vma.inode, pgoff, vma.policy);
  const target = merged ?? vma;
  if (!merged) {
    if (start !== vma.start) {
      const error = yield* splitVma(k, mm, vma, start, true);
      if (error !== 0) return error;
    }
    if (end !== vma.end) {
      const error = yield* splitVma(k, mm, vma, end, false);
      if (error !== 0) return error;
    }
  }
  target.flags = flags;
  yield* changeProtection(k, tlb, target, start, end, wantsManualUpgrade(target) ? CP_TRY_WRITABLE : 0);
  const locks = (old & (VM_WRITE | VM_SHARED | VM_LOCKED)) === VM_LOCKED && (flags & VM_WRITE) !== 0;
  if (locks) yield* populateVmaRange(k, target, start, end);
  return 0;
}

/** enum mm_cp_flags: why protections change. Without one of the last three: because those of the VMA have. */
export const CP_TRY_WRITABLE = 1;
/** NUMA balancing wants to see who uses the pages. */
export const CP_PROT_NUMA = 2;
/** userfaultfd protects against writes, or gives them back. */
export const CP_UFFD_WP = 4;
export const CP_UFFD_WP_RESOLVE = 8;

/** vma_wants_manual_pte_write_upgrade: page protection alone does not make entries writable. */
function wantsManualUpgrade(vma: Vma): boolean {
  if ((vma.flags & VM_SHARED) !== 0) return vmaWantsWritenotify(vma);
  return (vma.flags & VM_WRITE) !== 0;
}

/** change_protection: entries of [start, end) get the protection of the VMA, or what `how` (CP_*) says. */
export function* changeProtection(k: Kernel, tlb: Gather, vma: Vma, start: Vpn, end: Vpn, how: number): Task {
  const size = pudPages(k);
  for (let at = start; at < end; at = addrEnd(at, end, size)) {
    yield* changePmdRange(k, tlb, vma, at, addrEnd(at, end, size), how);
  }
}

/** change_pmd_range: the section begins at the first page table that exists, and ends with the block. */
function* changePmdRange(k: Kernel, tlb: Gather, vma: Vma, start: Vpn, end: Vpn, how: number): Task {
  const mm = vma.mm as Mm;
  const size = pmdPages(k);
  const flags = MMU_NOTIFY_PROTECTION_VMA | RANGE_BLOCKABLE;
  let announced = -1;
  for (let at = start; at < end; at = addrEnd(at, end, size)) {
    if (pteSlot(k, mm, at) === 0) continue;
    if (announced < 0) {
      announced = at;
      yield* invalidateRangeStart(k, mm, announced, end, flags);
    }
    yield* changePteRange(k, tlb, vma, at, addrEnd(at, end, size), how);
  }
  if (announced >= 0) yield* invalidateRangeEnd(k, mm, announced, end, flags);
}

function* changePteRange(k: Kernel, tlb: Gather, vma: Vma, start: Vpn, end: Vpn, how: number): Task {
  const mm = vma.mm as Mm;
  yield* lock(mm.ptl);
  flushTlbBatchedPending(k, mm);
  for (let at = start; at < end; at++) {
    const seen = pteAt(k, mm, at);
    if (seen === 0) continue;
    if (!ptePresent(seen)) {
      const changed = nonPresentChanged(k, seen);
      if (changed !== seen) yield* setPteAt(k, mm, at, changed);
      continue;
    }
    if ((how & CP_PROT_NUMA) !== 0 && !(yield* numaMayHint(k, vma, seen))) continue;
    // ptep_modify_prot_start and _commit: CPUs cannot note anything in between.
    const pte = yield* ptepGetAndClear(k, mm, at);
    const changed = presentChanged(k, vma, pte, how);
    yield* setPteAt(k, mm, at, changed);
    if (pteNeedsFlush(pte, changed)) tlbAdjustRange(tlb, at, at + 1);
  }
  yield* unlock(mm.ptl);
}

function presentChanged(k: Kernel, vma: Vma, pte: Pte, how: number): Pte {
  // pte_mk_savedwrite: on x86 the right to write waits in its place.
  if ((how & CP_PROT_NUMA) !== 0) return pteModify(pte, PTE_PROTNONE | (pte & PTE_WRITE));
  if ((how & CP_UFFD_WP) !== 0) return pteModify(pte, vmPageProt(vma) & ~PTE_WRITE) | PTE_UFFD_WP;
  const kept = (how & CP_UFFD_WP_RESOLVE) !== 0 ? pte & ~PTE_UFFD_WP : pte;
  const changed = pteModify(kept, vmPageProt(vma));
  return (how & CP_TRY_WRITABLE) !== 0 && (changed & PTE_WRITE) === 0 && canChangePteWritable(k, vma, changed)
    ? changed | PTE_WRITE
    : changed;
}

/** can_change_pte_writable: would a write fault do nothing but set the bit? */
function canChangePteWritable(k: Kernel, vma: Vma, pte: Pte): boolean {
  if ((pte & PTE_PROTNONE) !== 0 || (pte & PTE_DIRTY) === 0 || (pte & PTE_UFFD_WP) !== 0) return false;
  if (vmaSoftDirtyEnabled(vma) && (pte & PTE_SOFT_DIRTY) === 0) return false;
  if ((vma.flags & VM_SHARED) !== 0) return true;
  const pfn = ptePfn(pte);
  return !pteSpecial(pte) && hasFlag(k, pfn, PG_anon) && hasFlag(k, pfn, PG_anonExclusive);
}

/** Migration entries and those of device memory lose the right to write; whether the page was exclusive is kept. */
function nonPresentChanged(k: Kernel, pte: Pte): Pte {
  if (swpType(pte) === SWP_DEVICE_WRITE) return pte - SWP_DEVICE_WRITE + SWP_DEVICE_READ;
  if (swpType(pte) !== SWP_MIGRATION_WRITE) return pte;
  const type = hasFlag(k, swpOffset(pte), PG_anon) ? SWP_MIGRATION_READ_EXCLUSIVE : SWP_MIGRATION_READ;
  return pte - SWP_MIGRATION_WRITE + type;
}

/** pte_needs_flush on x86: rights that changed, or accessed and dirty bits that were lost, of an entry CPUs could use. */
function pteNeedsFlush(before: Pte, after: Pte): boolean {
  if (!ptePresent(before) || (before & PTE_PROTNONE) !== 0) return false;
  const lost = before & ~after & (PTE_DIRTY | PTE_YOUNG);
  return lost !== 0 || ((before ^ after) & (PTE_WRITE | PTE_PROTNONE)) !== 0;
}
