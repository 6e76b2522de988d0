/** madvise(2) (mm/madvise.c): VMA by VMA; holes are skipped and make the result -ENOMEM. */
import type { Task } from "../machine/core.ts";
import { EACCES, EFAULT, EINTR, EINVAL, ENOMEM } from "../machine/errno.ts";
import { trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { downWriteKillable } from "../machine/killable.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead, upWrite } from "../machine/rwsem.ts";
import { type Inode, TMPFS } from "./fs.ts";
import { FOLL_TOUCH, FOLL_WRITE, faultinRange, mayPopulate } from "./gup.ts";
import { getInode, putInode } from "./inode.ts";
import { folioIsolateLru, folioPutbackLru } from "./isolate.ts";
import type { Kernel } from "./kernel.ts";
import { ZAP_ALL, zapPageRangeSingle } from "./memoryZap.ts";
import {
  linearPageIndex,
  type Mm,
  type Process,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_HUGEPAGE,
  VM_IO,
  VM_LOCKED,
  VM_MAYWRITE,
  VM_NOHUGEPAGE,
  VM_PFNMAP,
  VM_RAND_READ,
  VM_SEQ_READ,
  VM_SHARED,
  VM_WIPEONFORK,
  type Vma,
  vmaIsAnonymous,
} from "./mmTypes.ts";
import { tlbAdjustRange, tlbFinish, tlbGather } from "./mmuGather.ts";
import type { Gather } from "./mmuGatherTypes.ts";
import { invalidateRangeEnd, invalidateRangeStart, MMU_NOTIFY_CLEAR, RANGE_BLOCKABLE } from "./mmuNotifier.ts";
import {
  clearFlag,
  folioLockWord,
  folioMapcount,
  hasFlag,
  type Pfn,
  PG_dirty,
  PG_referenced,
  PG_swapcache,
  PG_unevictable,
  type Vpn,
} from "./page.ts";
import { freePageListHead, listAddTail, newPageList, type PageList } from "./pageList.ts";
import {
  addrEnd,
  PTE_DIRTY,
  PTE_YOUNG,
  pmdPages,
  pteAt,
  ptePfn,
  ptePresent,
  ptepClearBits,
  ptepGetAndClear,
  pteSlot,
  pteSpecial,
  SWP_SWAP,
  setPteAt,
  swpOffset,
  swpType,
} from "./pageTable.ts";
import { shmemSwapEntry } from "./shmemSwap.ts";
import { deactivatePage, folioPut, lruAddDrain, markPageLazyfree } from "./swap.ts";
import { folioFreeSwap, freeSwapAndCache } from "./swapfile.ts";
import { readSwapCacheAsync } from "./swapReadahead.ts";
import { flushTlbBatchedPending } from "./tlbBatch.ts";
import { punchHole } from "./truncate.ts";
import { findVma } from "./vma.ts";
import { vmaForChange } from "./vmaFlags.ts";
import { reclaimPages } from "./vmscan.ts";

export const MADV_NORMAL = 0;
export const MADV_RANDOM = 1;
export const MADV_SEQUENTIAL = 2;
export const MADV_WILLNEED = 3;
export const MADV_DONTNEED = 4;
export const MADV_FREE = 8;
export const MADV_REMOVE = 9;
export const MADV_DONTFORK = 10;
export const MADV_DOFORK = 11;
export const MADV_HUGEPAGE = 14;
export const MADV_NOHUGEPAGE = 15;
export const MADV_DONTDUMP = 16;
export const MADV_DODUMP = 17;
export const MADV_WIPEONFORK = 18;
export const MADV_KEEPONFORK = 19;
export const MADV_COLD = 20;
export const MADV_PAGEOUT = 21;
export const MADV_POPULATE_READ = 22;
export const MADV_POPULATE_WRITE = 23;
export const MADV_DONTNEED_LOCKED = 24;

const KNOWN: readonly number[] = [
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_DONTFORK,
  MADV_DOFORK,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MADV_DONTDUMP,
  MADV_DODUMP,
  MADV_WIPEONFORK,
  MADV_KEEPONFORK,
];

const READS_ONLY: readonly number[] = [
  MADV_REMOVE,
  MADV_WILLNEED,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_COLD,
  MADV_PAGEOUT,
  MADV_FREE,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
];

/** madvise(2). 0 or -errno. */
export function* sysMadvise(k: Kernel, p: Process, at: Vpn, n: number, advice: number): Task<number> {
  const mm = p.mm as Mm;
  const reads = READS_ONLY.includes(advice);
  if ((!reads && !KNOWN.includes(advice)) || n < 0) return -EINVAL;
  if (n === 0) return 0;
  if (reads) yield* downRead(mm.mmapLock);
  else if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  const error = yield* walkVmas(k, mm, at, at + n, advice);
  if (reads) yield* upRead(mm.mmapLock);
  else yield* upWrite(mm.mmapLock);
  return error;
}

function* walkVmas(k: Kernel, mm: Mm, start: Vpn, end: Vpn, advice: number): Task<number> {
  let unmapped = 0;
  let at = start;
  while (at < end) {
    const vma = findVma(mm, at);
    if (!vma || vma.start >= end) return -ENOMEM;
    if (vma.start > at) {
      unmapped = -ENOMEM;
      at = vma.start;
    }
    const next = Math.min(vma.end, end);
    const error = yield* behavior(k, vma, at, next, advice);
    if (error !== 0) return error;
    at = next;
  }
  return unmapped;
}

/** madvise_vma_behavior. */
function* behavior(k: Kernel, vma: Vma, start: Vpn, end: Vpn, advice: number): Task<number> {
  switch (advice) {
    case MADV_REMOVE:
      return yield* madviseRemove(k, vma, start, end);
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
      if ((vma.flags & (advice === MADV_DONTNEED ? VM_LOCKED | VM_PFNMAP : VM_PFNMAP)) !== 0) return -EINVAL;
      yield* zapPageRangeSingle(k, vma, start, end, ZAP_ALL);
      return 0;
    case MADV_FREE:
      return yield* madviseFree(k, vma, start, end);
    case MADV_COLD:
    case MADV_PAGEOUT:
      return yield* madviseCold(k, vma, start, end, advice === MADV_PAGEOUT);
    case MADV_POPULATE_READ:
    case MADV_POPULATE_WRITE:
      return yield* madvisePopulate(k, vma, start, end, advice === MADV_POPULATE_WRITE);
    case MADV_WILLNEED:
      return yield* madviseWillneed(k, vma, start, end);
    default:
      return yield* updateFlags(k, vma, start, end, advice);
  }
}

/** madvise_update_vma. */
function* updateFlags(k: Kernel, vma: Vma, start: Vpn, end: Vpn, advice: number): Task<number> {
  const flags = newFlags(vma, advice);
  if (flags < 0) return -EINVAL;
  if (flags === vma.flags) return 0;
  const target = yield* vmaForChange(k, vma, start, end, flags, vma.policy);
  if (!target) return -ENOMEM;
  target.flags = flags;
  return 0;
}

function newFlags(vma: Vma, advice: number): number {
  const { flags } = vma;
  switch (advice) {
    case MADV_NORMAL:
      return flags & ~(VM_RAND_READ | VM_SEQ_READ);
    case MADV_SEQUENTIAL:
      return (flags & ~VM_RAND_READ) | VM_SEQ_READ;
    case MADV_RANDOM:
      return (flags & ~VM_SEQ_READ) | VM_RAND_READ;
    case MADV_DONTFORK:
      return flags | VM_DONTCOPY;
    case MADV_DOFORK:
      return (flags & VM_IO) !== 0 ? -1 : flags & ~VM_DONTCOPY;
    case MADV_WIPEONFORK:
      return vma.inode || (flags & VM_SHARED) !== 0 ? -1 : flags | VM_WIPEONFORK;
    case MADV_KEEPONFORK:
      return flags & ~VM_WIPEONFORK;
    case MADV_DONTDUMP:
      return flags | VM_DONTDUMP;
    case MADV_DODUMP:
      return flags & ~VM_DONTDUMP;
    case MADV_HUGEPAGE:
      return (flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
    case MADV_NOHUGEPAGE:
      return (flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
    default:
      return -1;
  }
}

/** madvise_free_single_vma: pages stay until reclaim takes them, if they are not written before. */
function* madviseFree(k: Kernel, vma: Vma, start: Vpn, end: Vpn): Task<number> {
  const mm = vma.mm as Mm;
  if (!vmaIsAnonymous(vma) || (vma.flags & (VM_LOCKED | VM_PFNMAP)) !== 0) return -EINVAL;
  const flags = MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE;
  yield* lruAddDrain(k);
  const tlb = tlbGather(k, mm);
  yield* invalidateRangeStart(k, mm, start, end, flags);
  yield* lock(mm.ptl);
  flushTlbBatchedPending(k, mm);
  for (let at = start; at < end; at++) {
    if (isPage(k, mm, at)) yield* freePte(k, tlb, mm, at);
    else if (swpType(pteAt(k, mm, at)) === SWP_SWAP) yield* freeSwapEntry(k, mm, at);
  }
  yield* unlock(mm.ptl);
  yield* invalidateRangeEnd(k, mm, start, end, flags);
  yield* tlbFinish(k, tlb);
  return 0;
}

function isPage(k: Kernel, mm: Mm, at: Vpn): boolean {
  if (pteSlot(k, mm, at) === 0) return false;
  const pte = pteAt(k, mm, at);
  return ptePresent(pte) && !pteSpecial(pte);
}

/** madvise_free_pte_range, one page. Page-table lock held. */
function* freePte(k: Kernel, tlb: Gather, mm: Mm, at: Vpn): Task {
  const pte = pteAt(k, mm, at);
  const pfn = ptePfn(pte);
  if (hasFlag(k, pfn, PG_swapcache | PG_dirty) && !(yield* cleanAnon(k, pfn))) return;
  if ((pte & (PTE_YOUNG | PTE_DIRTY)) !== 0) {
    const old = yield* ptepGetAndClear(k, mm, at);
    yield* setPteAt(k, mm, at, old & ~(PTE_YOUNG | PTE_DIRTY));
    tlbAdjustRange(tlb, at, at + 1);
  }
  yield* markPageLazyfree(k, pfn);
}

/** What is not in memory need not be read: the next access finds zeros. Page-table lock held. */
function* freeSwapEntry(k: Kernel, mm: Mm, at: Vpn): Task {
  const slot = swpOffset(pteAt(k, mm, at));
  mm.swapEntries--;
  yield* freeSwapAndCache(k, slot);
  yield* setPteAt(k, mm, at, 0);
}

/** A page that was written back to swap, or is to be: only its only user may throw the content away. */
function* cleanAnon(k: Kernel, pfn: Pfn): Task<boolean> {
  if (!(yield* trylockFolio(folioLockWord(k, pfn)))) return false;
  let mine = (yield* folioMapcount(k, pfn)) === 1;
  if (mine && hasFlag(k, pfn, PG_swapcache)) mine = yield* folioFreeSwap(k, pfn);
  if (mine) clearFlag(k, pfn, PG_dirty);
  yield* unlockFolio(folioLockWord(k, pfn));
  return mine;
}

/** madvise_cold, madvise_pageout: young bits are cleared without any notifier; what is paged out goes at the end of each table. */
function* madviseCold(k: Kernel, vma: Vma, start: Vpn, end: Vpn, pageout: boolean): Task<number> {
  const mm = vma.mm as Mm;
  if ((vma.flags & (VM_LOCKED | VM_PFNMAP)) !== 0) return -EINVAL;
  yield* lruAddDrain(k);
  const tlb = tlbGather(k, mm);
  const list = pageout ? newPageList(k) : null;
  for (let at = start; at < end; at = addrEnd(at, end, pmdPages(k))) {
    if (pteSlot(k, mm, at) === 0) continue;
    yield* coldPteRange(k, tlb, mm, at, addrEnd(at, end, pmdPages(k)), list);
    if (list) yield* reclaimPages(k, list);
  }
  if (list) freePageListHead(k, list);
  yield* tlbFinish(k, tlb);
  return 0;
}

/** madvise_cold_or_pageout_pte_range. `list`: where pages go that are to be paged out; null = they only become cold. */
function* coldPteRange(k: Kernel, tlb: Gather, mm: Mm, start: Vpn, end: Vpn, list: PageList | null): Task {
  yield* lock(mm.ptl);
  flushTlbBatchedPending(k, mm);
  for (let at = start; at < end; at++) if (isPage(k, mm, at)) yield* coldPte(k, tlb, mm, at, list);
  yield* unlock(mm.ptl);
}

function* coldPte(k: Kernel, tlb: Gather, mm: Mm, at: Vpn, list: PageList | null): Task {
  const pte = pteAt(k, mm, at);
  const pfn = ptePfn(pte);
  if ((yield* folioMapcount(k, pfn)) !== 1) return;
  if ((pte & PTE_YOUNG) !== 0) {
    yield* ptepClearBits(k, mm, at, PTE_YOUNG);
    tlbAdjustRange(tlb, at, at + 1);
  }
  clearFlag(k, pfn, PG_referenced);
  if (!list) {
    yield* deactivatePage(k, pfn);
  } else if (yield* folioIsolateLru(k, pfn)) {
    if (hasFlag(k, pfn, PG_unevictable)) yield* folioPutbackLru(k, pfn);
    else listAddTail(k, list, pfn);
  }
}

/** madvise_willneed: what is in swap is read into the swap cache. Files are read when they are used. */
function* madviseWillneed(k: Kernel, vma: Vma, start: Vpn, end: Vpn): Task<number> {
  const mm = vma.mm as Mm;
  if (!vmaIsAnonymous(vma)) {
    yield* forceShmSwapin(k, vma, start, end);
    return 0;
  }
  for (let at = start; at < end; at++) {
    if (pteSlot(k, mm, at) === 0) continue;
    yield* lock(mm.ptl);
    const pte = pteAt(k, mm, at);
    yield* unlock(mm.ptl);
    const pfn = swpType(pte) === SWP_SWAP ? yield* readSwapCacheAsync(k, swpOffset(pte), mm) : -1;
    if (pfn >= 0) yield* folioPut(k, pfn);
  }
  yield* lruAddDrain(k);
  return 0;
}

/** force_shm_swapin_readahead. */
function* forceShmSwapin(k: Kernel, vma: Vma, start: Vpn, end: Vpn): Task {
  const inode = vma.inode as Inode;
  if (inode.kind !== TMPFS) return;
  for (let at = start; at < end; at++) {
    const slot = yield* shmemSwapEntry(k, inode, linearPageIndex(vma, at));
    const pfn = slot > 0 ? yield* readSwapCacheAsync(k, slot, vma.mm) : -1;
    if (pfn >= 0) yield* folioPut(k, pfn);
  }
  yield* lruAddDrain(k);
}

/** madvise_remove: a hole in the file; without mmap_lock meanwhile. */
function* madviseRemove(k: Kernel, vma: Vma, start: Vpn, end: Vpn): Task<number> {
  const mm = vma.mm as Mm;
  const { inode } = vma;
  if ((vma.flags & VM_LOCKED) !== 0 || !inode) return -EINVAL;
  if ((vma.flags & (VM_SHARED | VM_MAYWRITE)) !== (VM_SHARED | VM_MAYWRITE)) return -EACCES;
  const from = linearPageIndex(vma, start) << 12;
  getInode(inode);
  yield* upRead(mm.mmapLock);
  const error = yield* punchHole(k, inode, from, (end - start) << 12);
  yield* putInode(k, inode);
  yield* downRead(mm.mmapLock);
  return error;
}

/** madvise_populate, one VMA. */
function* madvisePopulate(k: Kernel, vma: Vma, start: Vpn, end: Vpn, write: boolean): Task<number> {
  if (!mayPopulate(vma, write)) return -EINVAL;
  const error = yield* faultinRange(k, vma.mm as Mm, start, end, FOLL_TOUCH | (write ? FOLL_WRITE : 0));
  return error === 0 || error === -ENOMEM || error === -EINTR ? error : -EFAULT;
}
