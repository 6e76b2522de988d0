/**
 * mremap(2) (mm/mremap.c). Moving raises UNMAP over the old range while the entries go over, and once more when what is
 * left of the old range is unmapped; the new range raises nothing.
 */
import { touch } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { EFAULT, EINTR, EINVAL, ENOMEM } from "../machine/errno.ts";
import { downWriteKillable } from "../machine/killable.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downWrite, upRead, upWrite } from "../machine/rwsem.ts";
import { anonVmaClone, unlinkAnonVmas } from "./anonVma.ts";
import { mmPopulate } from "./gup.ts";
import { getInode } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { doMunmap } from "./mmap.ts";
import {
  linearPageIndex,
  type Mm,
  type Process,
  VM_LOCKED,
  VM_LOCKED_MASK,
  VM_MAYSHARE,
  VM_SHARED,
  type Vma,
  vmaIsAnonymous,
  vmaPages,
} from "./mmTypes.ts";
import { invalidateRangeEnd, invalidateRangeStart, MMU_NOTIFY_UNMAP, RANGE_BLOCKABLE } from "./mmuNotifier.ts";
import type { Vpn } from "./page.ts";
import {
  addrEnd,
  PTE_SOFT_DIRTY,
  pmdPages,
  pmdSlot,
  pteAt,
  ptePresent,
  ptepGetAndClear,
  pteSlot,
  setPteAt,
} from "./pageTable.ts";
import { pmdAlloc, pteAlloc } from "./pteAlloc.ts";
import { tableMoves } from "./tableGuards.ts";
import { flushTlbLocked, noteTableMove } from "./tlb.ts";
import { flushTlbBatchedPending } from "./tlbBatch.ts";
import { getUnmappedArea, taskSize } from "./unmappedArea.ts";
import { findVma, findVmaBefore, vmaAlloc, vmaFree, vmaLink, vmaLookup } from "./vma.ts";
import { vmaMerge } from "./vmaMerge.ts";

export const MREMAP_MAYMOVE = 1;
export const MREMAP_FIXED = 2;
export const MREMAP_DONTUNMAP = 4;
const ALL_FLAGS = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;

/** mremap(2): the address, or -errno. */
export function* sysMremap(
  k: Kernel,
  p: Process,
  old: Vpn,
  oldPages: number,
  pages: number,
  flags: number,
  to: Vpn,
): Task<number> {
  const mm = p.mm as Mm;
  if (pages <= 0 || oldPages < 0 || (flags & ~ALL_FLAGS) !== 0) return -EINVAL;
  const needsMove = flags & (MREMAP_FIXED | MREMAP_DONTUNMAP);
  if (needsMove !== 0 && (flags & MREMAP_MAYMOVE) === 0) return -EINVAL;
  if ((flags & MREMAP_DONTUNMAP) !== 0 && oldPages !== pages) return -EINVAL;
  if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  const vma = vmaLookup(mm, old);
  let ret = -EFAULT;
  let shrunk = false;
  if (vma && needsMove !== 0) {
    ret = yield* mremapTo(k, mm, old, oldPages, pages, flags, to);
  } else if (vma && oldPages >= pages) {
    const cut = oldPages > pages ? yield* doMunmap(k, mm, old + pages, old + oldPages, true) : 0;
    shrunk = cut === 1;
    ret = cut < 0 ? cut : old;
  } else if (vma) {
    ret = yield* grow(k, mm, vma, old, oldPages, pages, flags);
  }
  const locked = ret >= 0 && !shrunk && (vmaLookup(mm, ret)?.flags ?? 0) & VM_LOCKED && pages > oldPages;
  if (shrunk) yield* upRead(mm.mmapLock);
  else yield* upWrite(mm.mmapLock);
  if (locked) yield* mmPopulate(k, mm, ret + oldPages, ret + pages);
  return ret;
}

/** mremap_to: a new place that the caller names (MREMAP_FIXED), or any. */
function* mremapTo(k: Kernel, mm: Mm, old: Vpn, oldPages: number, pages: number, flags: number, to: Vpn): Task<number> {
  if (to < 0 || to + pages > taskSize(k) || (old + oldPages > to && to + pages > old)) return -EINVAL;
  if ((flags & MREMAP_FIXED) !== 0) {
    const error = yield* doMunmap(k, mm, to, to + pages, false);
    if (error < 0) return error;
  }
  if (oldPages > pages) {
    const error = yield* doMunmap(k, mm, old + pages, old + oldPages, false);
    if (error < 0) return error;
    oldPages = pages;
  }
  const vma = vmaLookup(mm, old);
  const error = vma ? mayResize(vma, old, oldPages) : -EFAULT;
  if (!vma || error !== 0) return error;
  const at = (flags & MREMAP_FIXED) !== 0 ? to : getUnmappedArea(k, mm, to, pages);
  return at < 0 ? at : yield* moveVma(k, mm, vma, old, oldPages, pages, at, flags);
}

/** vma_to_resize: 0 or -errno. From shared memory 0 pages may be moved: then it is mapped a second time. */
function mayResize(vma: Vma, old: Vpn, oldPages: number): number {
  if (oldPages === 0 && (vma.flags & (VM_SHARED | VM_MAYSHARE)) === 0) return -EINVAL;
  return oldPages > vma.end - old ? -EFAULT : 0;
}

/** In place when what follows is free, else somewhere else if allowed. */
function* grow(k: Kernel, mm: Mm, vma: Vma, old: Vpn, oldPages: number, pages: number, flags: number): Task<number> {
  const error = mayResize(vma, old, oldPages);
  if (error !== 0) return error;
  const end = old + pages;
  const next = findVma(mm, vma.end);
  if (vma.end === old + oldPages && (!next || next.start >= end) && end <= taskSize(k)) {
    const pgoff = linearPageIndex(vma, vma.end);
    const merged = yield* vmaMerge(k, mm, vma, vma.end, end, vma.flags, vma.anonVma, vma.inode, pgoff, vma.policy);
    if (!merged) return -ENOMEM;
    if ((vma.flags & VM_LOCKED) !== 0) mm.lockedVm += pages - oldPages;
    return old;
  }
  if ((flags & MREMAP_MAYMOVE) === 0) return -ENOMEM;
  const at = getUnmappedArea(k, mm, 0, pages);
  return at < 0 ? at : yield* moveVma(k, mm, vma, old, oldPages, pages, at, flags);
}

/** move_vma: copy the VMA, move the entries, unmap the old range. mmap_lock held for writing. */
function* moveVma(
  k: Kernel,
  mm: Mm,
  source: Vma,
  old: Vpn,
  oldPages: number,
  pages: number,
  to: Vpn,
  flags: number,
): Task<number> {
  let vma = source;
  const wasLocked = (vma.flags & VM_LOCKED) !== 0;
  const copy = yield* copyVma(k, mm, vma, to, pages, linearPageIndex(vma, old));
  if (!copy) return -ENOMEM;
  // A VMA that nobody has touched may have become one with its own copy.
  if (copy.start <= old && old < copy.end) vma = copy;
  // Merged into a VMA that walks of the reverse mapping visit first: they would pass by the entry that moves towards it.
  const needRmapLocks = vmaPages(copy) !== pages && copy.pgoff <= vma.pgoff;
  const moved = yield* movePageTables(k, vma, old, to, oldPages, needRmapLocks);
  if (moved < oldPages) {
    // Back with what was moved, for which the page tables are still there, and away with the new place.
    yield* movePageTables(k, copy, to, old, moved, true);
    yield* doMunmap(k, mm, to, to + pages, false);
    if (wasLocked) mm.lockedVm += pages;
    return -ENOMEM;
  }
  if ((flags & MREMAP_DONTUNMAP) !== 0) {
    vma.flags &= ~VM_LOCKED_MASK;
    if (copy !== vma && vma.start === old && vma.end === old + oldPages) yield* unlinkAnonVmas(k, vma);
    return to;
  }
  // Without memory to split it the old VMA stays, empty.
  if (oldPages > 0) yield* doMunmap(k, mm, old, old + oldPages, false);
  if (wasLocked) mm.lockedVm += pages;
  return to;
}

/** copy_vma: merged with what is at the new place, or new. */
function* copyVma(k: Kernel, mm: Mm, vma: Vma, to: Vpn, pages: number, pgoff: number): Task<Vma | null> {
  // Without pages nothing depends on the old address.
  const offset = vmaIsAnonymous(vma) && !vma.anonVma ? to : pgoff;
  const prev = findVmaBefore(mm, to);
  const { anonVma, flags, inode, policy } = vma;
  const merged = yield* vmaMerge(k, mm, prev, to, to + pages, flags, anonVma, inode, offset, policy);
  if (merged) return merged;
  const copy = vmaAlloc(k, mm, to, to + pages, flags, offset);
  if (!copy) return null;
  copy.policy = policy;
  copy.anonVma = anonVma;
  if (!(yield* anonVmaClone(k, copy, vma))) {
    vmaFree(k, copy);
    return null;
  }
  copy.inode = inode;
  if (inode) getInode(inode);
  yield* vmaLink(mm, copy);
  return copy;
}

/**
 * move_page_tables: how many pages it came along; fewer than `pages` without memory for page tables. `needRmapLocks`: the
 * entries move against the rmap walk.
 */
export function* movePageTables(
  k: Kernel,
  vma: Vma,
  old: Vpn,
  to: Vpn,
  pages: number,
  needRmapLocks: boolean,
): Task<number> {
  const mm = vma.mm as Mm;
  if (pages === 0) return 0;
  const end = old + pages;
  const flags = MMU_NOTIFY_UNMAP | RANGE_BLOCKABLE;
  yield* invalidateRangeStart(k, mm, old, end, flags);
  const size = pmdPages(k);
  let at = old;
  while (at < end) {
    const target = to + (at - old);
    const extent = Math.min(addrEnd(at, end, size) - at, addrEnd(target, Number.MAX_SAFE_INTEGER, size) - target);
    if (pteSlot(k, mm, at) !== 0 && !(yield* moveExtent(k, vma, at, target, extent, needRmapLocks))) break;
    at += extent;
  }
  yield* invalidateRangeEnd(k, mm, old, end, flags);
  return at - old;
}

/** A whole page table changes hands where both places are aligned; else entry by entry. */
function* moveExtent(k: Kernel, vma: Vma, at: Vpn, target: Vpn, extent: number, needRmapLocks: boolean): Task<boolean> {
  const mm = vma.mm as Mm;
  if (!(yield* pmdAlloc(k, mm, target))) return false;
  if (extent === pmdPages(k) && (yield* moveNormalPmd(k, vma, at, target))) return true;
  if (!(yield* pteAlloc(k, mm, target))) return false;
  if (needRmapLocks) yield* takeRmapLocks(vma);
  yield* movePtes(k, mm, at, target, extent);
  if (needRmapLocks) yield* dropRmapLocks(vma);
  return true;
}

/** take_rmap_locks: keeps out walks of the reverse mapping. */
function* takeRmapLocks(vma: Vma): Task {
  if (vma.inode) yield* downWrite(vma.inode.immapRwsem);
  const root = vma.anonVma?.root;
  if (root) yield* downWrite(root.rwsem);
}

function* dropRmapLocks(vma: Vma): Task {
  const root = vma.anonVma?.root;
  if (root) yield* upWrite(root.rwsem);
  if (vma.inode) yield* upWrite(vma.inode.immapRwsem);
}

/** move_normal_pmd: with the rmap locks, since a walk may be on its way down to the table. */
function* moveNormalPmd(k: Kernel, vma: Vma, at: Vpn, target: Vpn): Task<boolean> {
  const mm = vma.mm as Mm;
  yield* takeRmapLocks(vma);
  yield* lock(mm.ptl);
  yield* touch(mm.tableWalkers);
  const { entry } = k.tables;
  const from = pmdSlot(k, mm, at);
  const to = pmdSlot(k, mm, target);
  const free = entry[to] === 0;
  if (free) {
    tableMoves(k, mm, at, at + pmdPages(k));
    noteTableMove(k, mm, at);
    entry[to] = entry[from];
    entry[from] = 0;
    flushTlbLocked(k, mm, at, at + pmdPages(k), "mremap");
  }
  yield* unlock(mm.ptl);
  yield* dropRmapLocks(vma);
  return free;
}

/** move_ptes: what was moved counts as soft-dirty. */
function* movePtes(k: Kernel, mm: Mm, at: Vpn, target: Vpn, extent: number): Task {
  yield* lock(mm.ptl);
  flushTlbBatchedPending(k, mm);
  let forceFlush = false;
  for (let i = 0; i < extent; i++) {
    if (pteAt(k, mm, at + i) === 0) continue;
    const pte = yield* ptepGetAndClear(k, mm, at + i);
    if (ptePresent(pte)) forceFlush = true;
    yield* setPteAt(k, mm, target + i, pte | PTE_SOFT_DIRTY);
  }
  // Under the lock: whoever frees the page at its new place knows nothing of the old one.
  if (forceFlush) flushTlbLocked(k, mm, at, at + extent, "mremap");
  yield* unlock(mm.ptl);
}
