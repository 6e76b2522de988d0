/** mmap, munmap and brk (second half of mm/mmap.c). Results below 0 are -errno. */
import type { Task } from "../machine/core.ts";
import { EEXIST, EINTR, EINVAL, ENOMEM } from "../machine/errno.ts";
import { downWriteKillable } from "../machine/killable.ts";
import { downgradeWrite, upRead, upWrite } from "../machine/rwsem.ts";
import { unlinkAnonVmas } from "./anonVma.ts";
import { freePgtables } from "./freePgtables.ts";
import { type File, type Inode, TMPFS } from "./fs.ts";
import { mmPopulate } from "./gup.ts";
import { getInode, inodeAlloc, putInode } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { unmapVmas } from "./memoryZap.ts";
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_LOCKED,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_TYPE,
  type Mm,
  PROT_READ,
  PROT_WRITE,
  type Process,
  VM_ACCOUNT,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_SHARED,
  VM_SOFTDIRTY,
  type Vma,
  vmaPages,
} from "./mmTypes.ts";
import { tlbFinish, tlbGather } from "./mmuGather.ts";
import type { Vpn } from "./page.ts";
import { lruAddDrain } from "./swap.ts";
import { fixedArea, getUnmappedArea, taskSize } from "./unmappedArea.ts";
import { findVma, removeVma, splitVma, unlinkFileVma, vmaAlloc, vmaLink } from "./vma.ts";
import { vmaMergeNew } from "./vmaMerge.ts";

/** mmap at a place that the caller has chosen: whatever is there is unmapped. Private, unless `flags` say otherwise. */
export function* sysMmap(
  k: Kernel,
  p: Process,
  at: Vpn,
  n: number,
  prot: number,
  flags: number,
  file: File | null,
  pgoff: number,
): Task<number> {
  const type = (flags & MAP_SHARED) !== 0 ? 0 : MAP_PRIVATE;
  return yield* ksysMmap(k, p, at, n, prot, flags | MAP_FIXED | type, file, pgoff);
}

/**
 * mmap(2): at `at` with MAP_FIXED, else there if it is free, else anywhere. The address; -EINVAL, -ENOMEM, -EEXIST (with
 * MAP_FIXED_NOREPLACE). Accounting of memory (MAP_NORESERVE) is not modelled.
 */
export function* ksysMmap(
  k: Kernel,
  p: Process,
  at: Vpn,
  n: number,
  prot: number,
  flags: number,
  file: File | null,
  pgoff: number,
): Task<number> {
  const mm = p.mm as Mm;
  if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  const start = mmapPlace(k, mm, at, n, flags);
  let error = start < 0 ? start : 0;
  const shared = (flags & MAP_SHARED) !== 0;
  let vmFlags = prot | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | (shared ? VM_SHARED | VM_MAYSHARE : 0) | mm.defFlags;
  if ((flags & MAP_LOCKED) !== 0) vmFlags |= VM_LOCKED;
  if (error === 0) {
    let inode: Inode | null = file ? file.inode : null;
    if (inode) getInode(inode);
    if ((flags & MAP_ANONYMOUS) !== 0 && shared) {
      // shmem_zero_setup: shared anonymous memory is a file without a name.
      inode = inodeAlloc(k, TMPFS, n << 12);
      if (!inode) error = -ENOMEM;
    }
    if (error === 0) error = yield* mmapRegion(k, mm, start, n, vmFlags, inode, inode ? pgoff : start);
    if (error !== 0 && inode) yield* putInode(k, inode);
  }
  yield* upWrite(mm.mmapLock);
  if (error !== 0) return error;
  if ((vmFlags & VM_LOCKED) !== 0 || (flags & MAP_POPULATE) !== 0) yield* mmPopulate(k, mm, start, start + n);
  return start;
}

/** The first half of do_mmap: where it goes, or -errno. mmap_lock held for writing. */
function mmapPlace(k: Kernel, mm: Mm, at: Vpn, n: number, flags: number): Vpn {
  if (n <= 0) return -EINVAL;
  const fixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0;
  const start = fixed ? fixedArea(k, at, n) : getUnmappedArea(k, mm, at, n);
  if (start < 0) return start;
  if ((flags & MAP_FIXED_NOREPLACE) !== 0) {
    const there = findVma(mm, start);
    if (there && there.start < start + n) return -EEXIST;
  }
  const type = flags & MAP_TYPE;
  return type === MAP_SHARED || type === MAP_PRIVATE ? start : -EINVAL;
}

/** mmap_region. With 0 the reference to `inode` is the VMA's, with -errno still the caller's. mmap_lock held for writing. */
function* mmapRegion(
  k: Kernel,
  mm: Mm,
  start: Vpn,
  n: number,
  vmFlags: number,
  inode: Inode | null,
  pgoff: number,
): Task<number> {
  const end = start + n;
  const error = yield* doMunmap(k, mm, start, end, false);
  if (error !== 0) return error;
  const flags = vmFlags | VM_SOFTDIRTY;
  const merged = yield* vmaMergeNew(k, mm, start, end, flags, inode, pgoff);
  if (merged) {
    merged.flags |= VM_SOFTDIRTY;
    if (inode) inode.refs--;
  } else {
    const vma = vmaAlloc(k, mm, start, end, flags, pgoff);
    if (!vma) return -ENOMEM;
    vma.inode = inode;
    yield* vmaLink(mm, vma);
  }
  if ((vmFlags & VM_LOCKED) !== 0) mm.lockedVm += n;
  return 0;
}

/** munmap(2). */
export function* sysMunmap(k: Kernel, p: Process, at: Vpn, n: number): Task<number> {
  const mm = p.mm as Mm;
  if (n <= 0 || at < 0 || at + n > taskSize(k)) return -EINVAL;
  if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  const ret = yield* doMunmap(k, mm, at, at + n, true);
  if (ret === 1) yield* upRead(mm.mmapLock);
  else yield* upWrite(mm.mmapLock);
  return ret < 0 ? ret : 0;
}

/**
 * do_mas_align_munmap: VMAs are split at both ends and leave the list; then, perhaps under the lock downgraded to reading
 * (result 1), their pages go, and they themselves. 0, 1 or -errno. mmap_lock held for writing.
 */
export function* doMunmap(k: Kernel, mm: Mm, start: Vpn, end: Vpn, downgrade: boolean): Task<number> {
  let first = findVma(mm, start);
  if (!first || first.start >= end) return 0;
  if (start > first.start) {
    const error = yield* splitVma(k, mm, first, start, false);
    if (error !== 0) return error;
    first = first.next as Vma;
  }
  let last = first;
  while (last.next && last.next.start < end) last = last.next;
  if (last.end > end) {
    const error = yield* splitVma(k, mm, last, end, true);
    if (error !== 0) return error;
    // The new one is below `end`; the old one stays.
    if (last === first) first = last.prev as Vma;
    last = last.prev as Vma;
  }
  const { prev } = first;
  const { next } = last;
  detachVmas(mm, first, last);
  if (downgrade) yield* downgradeWrite(mm.mmapLock);
  yield* unmapRegion(k, mm, first, start, end, prev, next);
  for (let vma: Vma | null = first; vma; ) {
    const following: Vma | null = vma.next;
    yield* removeVma(k, vma);
    vma = following;
  }
  return downgrade ? 1 : 0;
}

/** They stay linked to each other. */
function detachVmas(mm: Mm, first: Vma, last: Vma): void {
  const { prev } = first;
  const { next } = last;
  for (let vma: Vma | null = first; vma && vma !== next; vma = vma.next) {
    if ((vma.flags & VM_LOCKED) !== 0) mm.lockedVm -= vmaPages(vma);
    mm.mapCount--;
  }
  if (prev) prev.next = next;
  else mm.mmap = next;
  if (next) next.prev = prev;
  last.next = null;
  first.prev = null;
}

/** unmap_region: pages, rmap links and page tables of detached VMAs. */
function* unmapRegion(k: Kernel, mm: Mm, first: Vma, start: Vpn, end: Vpn, prev: Vma | null, next: Vma | null): Task {
  yield* lruAddDrain(k);
  const tlb = tlbGather(k, mm);
  yield* unmapVmas(k, tlb, mm, first, start, end);
  for (let vma: Vma | null = first; vma; vma = vma.next) {
    yield* unlinkAnonVmas(k, vma);
    yield* unlinkFileVma(vma);
  }
  yield* freePgtables(k, tlb, first, prev ? prev.end : 0, next ? next.start : 0);
  yield* tlbFinish(k, tlb);
}

/** Is anything left of the heap in [start, end)? */
function brkVma(mm: Mm, start: Vpn, end: Vpn): boolean {
  const vma = findVma(mm, start);
  return vma !== null && vma.start < end;
}

/** brk(2): the break afterwards. 0 asks. It does not move down where the program has unmapped the heap itself. */
export function* sysBrk(k: Kernel, p: Process, to: Vpn): Task<Vpn> {
  const mm = p.mm as Mm;
  if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  const before = mm.brk;
  let downgraded = false;
  if (to >= mm.startBrk && to < before && brkVma(mm, to, before)) {
    mm.brk = to;
    const ret = yield* doMunmap(k, mm, to, before, true);
    downgraded = ret === 1;
    if (ret < 0) mm.brk = before;
  } else if (to > before) {
    const following = findVma(mm, before);
    // One page stays free between the heap and what follows.
    const free = !following || following.start > to;
    const flags = PROT_READ | PROT_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC | VM_ACCOUNT | mm.defFlags;
    if (free && (yield* mmapRegion(k, mm, before, to - before, flags, null, before)) === 0) mm.brk = to;
  }
  const now = mm.brk;
  const populate = now > before && (mm.defFlags & VM_LOCKED) !== 0;
  if (downgraded) yield* upRead(mm.mmapLock);
  else yield* upWrite(mm.mmapLock);
  if (populate) yield* mmPopulate(k, mm, before, now);
  return now;
}
