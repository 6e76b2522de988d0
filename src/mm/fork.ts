/**
 * fork and vfork (kernel/fork.c), copying of page tables (copy_page_range in mm/memory.c).
 *
 *   per VMA of the parent: a copy on the same anon_vmas; private pages become shared, read-only in both; pages that may be
 *   pinned are copied for the child instead. One PROTECTION_PAGE section for each private VMA that has anonymous pages.
 */
import type { Task } from "../machine/core.ts";
import { EINTR, ENOMEM } from "../machine/errno.ts";
import { downWriteKillable } from "../machine/killable.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { anonVmaFork } from "./anonVma.ts";
import { mmput } from "./exit.ts";
import { writeProtectSeqStep } from "./gup.ts";
import { getInode } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { allocCharged, maybeMkwrite } from "./memoryCow.ts";
import { lruCacheAdd } from "./mlockPage.ts";
import {
  isCowMapping,
  type Mm,
  type Process,
  VM_DONTCOPY,
  VM_LOCKED_MASK,
  VM_SHARED,
  VM_WIPEONFORK,
  type Vma,
} from "./mmTypes.ts";
import { allocProcess, freeProcess, mmAlloc, mmget } from "./mmUsers.ts";
import {
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_PROTECTION_PAGE,
  RANGE_BLOCKABLE,
} from "./mmuNotifier.ts";
import { folioGet, hasFlag, type Pfn, PG_anon, PG_uptodate, setFlag, type Vpn } from "./page.ts";
import {
  addrEnd,
  isDevicePrivateType,
  isMigrationType,
  mkPte,
  PTE_DIRTY,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type Pte,
  pmdPages,
  pteAt,
  ptePfn,
  ptePresent,
  ptepClearBits,
  pteSlot,
  pteSpecial,
  pteWrite,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
  SWP_EXCLUSIVE,
  SWP_MIGRATION_READ,
  SWP_SWAP,
  setPteAt,
  swpOffset,
  swpType,
} from "./pageTable.ts";
import { vmPageProt } from "./pgprot.ts";
import { pteAlloc } from "./pteAlloc.ts";
import { pageAddNewAnonRmap, pageAddRmap, pageTryDupAnonRmap } from "./rmap.ts";
import { rssAdd } from "./rss.ts";
import { guards } from "./rules.ts";
import { folioPut } from "./swap.ts";
import { swapDuplicate } from "./swapfile.ts";
import { FLUSH_FORK, flushTlbMm } from "./tlb.ts";
import { vmaAlloc, vmaFree, vmaLink } from "./vma.ts";

/** fork(2): the child, with a copy of the address space; -ENOMEM. */
export function* sysFork(k: Kernel, p: Process): Task<Process | number> {
  const child = allocProcess(k);
  if (!child) return -ENOMEM;
  const mm = yield* mmAlloc(k);
  if (!mm) {
    freeProcess(k, child);
    return -ENOMEM;
  }
  // Until all is copied nobody finds the child: neither the OOM killer nor anybody else who looks through all processes.
  const error = yield* dupMmap(k, mm, p.mm as Mm);
  if (error === 0) {
    child.mm = mm;
    child.oomScoreAdj = p.oomScoreAdj;
    return child;
  }
  yield* mmput(k, mm);
  freeProcess(k, child);
  return error;
}

/** vfork(2): the child uses the parent's address space until it calls exec or exit. */
export function* sysVfork(k: Kernel, p: Process): Task<Process | number> {
  const child = allocProcess(k);
  if (!child) return -ENOMEM;
  yield* mmget(p.mm as Mm);
  child.mm = p.mm;
  child.oomScoreAdj = p.oomScoreAdj;
  return child;
}

/** dup_mmap. 0 or -ENOMEM. */
function* dupMmap(k: Kernel, mm: Mm, old: Mm): Task<number> {
  if ((yield* downWriteKillable(old.mmapLock)) !== 0) return -EINTR;
  yield* downWrite(mm.mmapLock, 1);
  mm.startBrk = old.startBrk;
  mm.brk = old.brk;
  mm.memcg = old.memcg;
  let error = 0;
  for (let vma = old.mmap; vma && error === 0; vma = vma.next) {
    if ((vma.flags & VM_DONTCOPY) === 0) error = yield* dupVma(k, mm, vma);
  }
  yield* upWrite(mm.mmapLock);
  // The parent's entries have become read-only; faults, which wait for the lock, may rely on that.
  yield* flushTlbMm(k, old, FLUSH_FORK);
  yield* upWrite(old.mmapLock);
  return error;
}

function* dupVma(k: Kernel, mm: Mm, vma: Vma): Task<number> {
  const copy = vmaAlloc(k, mm, vma.start, vma.end, vma.flags & ~VM_LOCKED_MASK, vma.pgoff);
  if (!copy) return -ENOMEM;
  copy.policy = vma.policy;
  // VM_WIPEONFORK: the child begins with nothing.
  const wipe = (vma.flags & VM_WIPEONFORK) !== 0;
  if (!wipe && !(yield* anonVmaFork(k, copy, vma))) {
    vmaFree(k, copy);
    return -ENOMEM;
  }
  copy.inode = vma.inode;
  if (vma.inode) getInode(vma.inode);
  yield* vmaLink(mm, copy);
  return wipe ? 0 : yield* copyPageRange(k, copy, vma);
}

/** copy_page_range. Both mmap_locks held for writing. */
function* copyPageRange(k: Kernel, dst: Vma, src: Vma): Task<number> {
  // File pages are found again by faulting.
  if (!src.anonVma) return 0;
  const mm = src.mm as Mm;
  const { start, end } = src;
  const flags = MMU_NOTIFY_PROTECTION_PAGE | RANGE_BLOCKABLE;
  const cow = isCowMapping(src.flags);
  if (cow) {
    yield* invalidateRangeStart(k, mm, start, end, flags);
    yield* writeProtectSeqStep(mm);
  }
  const size = pmdPages(k);
  let error = 0;
  for (let at = start; at < end && error === 0; at = addrEnd(at, end, size)) {
    if (pteSlot(k, mm, at) !== 0) error = yield* copyPteRange(k, dst, src, at, addrEnd(at, end, size));
  }
  if (cow) {
    yield* writeProtectSeqStep(mm);
    yield* invalidateRangeEnd(k, mm, start, end, flags);
  }
  return error;
}

/** copy_pte_range: one page table; the locks are dropped to allocate a page for a copy. */
function* copyPteRange(k: Kernel, dst: Vma, src: Vma, start: Vpn, end: Vpn): Task<number> {
  const mm = dst.mm as Mm;
  const old = src.mm as Mm;
  if (!(yield* pteAlloc(k, mm, start))) return -ENOMEM;
  let spare: Pfn = -1;
  let at = start;
  while (at < end) {
    yield* lock(mm.ptl);
    yield* lock(old.ptl, 1);
    for (; at < end; at++) {
      const pte = pteAt(k, old, at);
      if (pte === 0) continue;
      if (!ptePresent(pte)) {
        yield* copyNonPresent(k, dst, src, at, pte);
      } else if (!(yield* copyPresent(k, dst, src, at, pte))) {
        if (spare < 0) break;
        yield* copyPage(k, dst, at, ptePfn(pte), spare);
        spare = -1;
      }
    }
    yield* unlock(old.ptl);
    yield* unlock(mm.ptl);
    if (at === end) break;
    spare = yield* allocCharged(k, mm, 0);
    if (spare < 0) return -ENOMEM;
  }
  if (spare >= 0) yield* folioPut(k, spare);
  return 0;
}

/** copy_present_pte: false = the page may be pinned and must be copied. Both page-table locks held. */
function* copyPresent(k: Kernel, dst: Vma, src: Vma, at: Vpn, pte: Pte): Task<boolean> {
  const mm = dst.mm as Mm;
  const pfn = ptePfn(pte);
  if (!pteSpecial(pte)) {
    // The reference first: at no time are there more mappings than references.
    yield* folioGet(k, pfn);
    if (!hasFlag(k, pfn, PG_anon)) {
      yield* pageAddRmap(k, pfn);
    } else if (!(yield* pageTryDupAnonRmap(k, pfn, src))) {
      yield* folioPut(k, pfn);
      return false;
    }
    rssAdd(k, mm, pfn, 1);
  }
  let copy = pte & ~PTE_YOUNG;
  if (isCowMapping(src.flags) && pteWrite(pte)) {
    yield* ptepClearBits(k, src.mm as Mm, at, PTE_WRITE);
    copy &= ~PTE_WRITE;
  }
  if ((src.flags & VM_SHARED) !== 0) copy &= ~PTE_DIRTY;
  yield* setPteAt(k, mm, at, copy);
  return true;
}

/** copy_present_page: the parent's entry stays as it is, writable if it was. */
function* copyPage(k: Kernel, dst: Vma, at: Vpn, pfn: Pfn, fresh: Pfn): Task {
  const mm = dst.mm as Mm;
  k.frames.content[fresh] = k.frames.content[pfn];
  setFlag(k, fresh, PG_uptodate);
  yield* pageAddNewAnonRmap(k, fresh, dst, at);
  yield* lruCacheAdd(k, fresh, dst);
  mm.rssAnon++;
  yield* setPteAt(k, mm, at, maybeMkwrite(mkPte(fresh, vmPageProt(dst)), dst));
}

/** copy_nonpresent_pte: swap entries are exclusive no more, migration entries become read-only in both. Both page-table locks held. */
function* copyNonPresent(k: Kernel, dst: Vma, src: Vma, at: Vpn, pte: Pte): Task {
  const mm = dst.mm as Mm;
  const type = swpType(pte);
  if (type === SWP_SWAP) {
    yield* swapDuplicate(k, swpOffset(pte));
    mm.swapEntries++;
    const shared = guards(k.rules, "swapForkShares") ? pte & ~SWP_EXCLUSIVE : pte;
    if (shared !== pte) yield* setPteAt(k, src.mm as Mm, at, shared);
    yield* setPteAt(k, mm, at, shared & ~PTE_UFFD_WP);
    return;
  }
  if (isDevicePrivateType(type)) {
    yield* copyDevicePrivate(k, dst, src, at, pte);
    return;
  }
  if (!isMigrationType(type)) return;
  rssAdd(k, mm, swpOffset(pte), 1);
  let copy = pte;
  if (type !== SWP_MIGRATION_READ && isCowMapping(src.flags)) {
    copy = pte - type + SWP_MIGRATION_READ;
    yield* setPteAt(k, src.mm as Mm, at, copy);
  }
  yield* setPteAt(k, mm, at, copy);
}

/** The same for a page in device memory, which cannot be pinned: it is shared, and nobody may write to it. */
function* copyDevicePrivate(k: Kernel, dst: Vma, src: Vma, at: Vpn, pte: Pte): Task {
  const pfn = swpOffset(pte);
  yield* folioGet(k, pfn);
  rssAdd(k, dst.mm as Mm, pfn, 1);
  yield* pageTryDupAnonRmap(k, pfn, src);
  const shared = isCowMapping(src.flags) ? pte & ~(SWP_DEVICE_READ ^ SWP_DEVICE_WRITE) : pte;
  if (shared !== pte) yield* setPteAt(k, src.mm as Mm, at, shared);
  yield* setPteAt(k, dst.mm as Mm, at, shared & ~PTE_UFFD_WP);
}
