/** Merging VMAs with neighbours that are alike (vma_merge and mmap_region in mm/mmap.c). mmap_lock held for writing. */
import type { Task } from "../machine/core.ts";
import { anonVmaClone, isSingular, unlinkAnonVmas } from "./anonVma.ts";
import type { Inode } from "./fs.ts";
import { vmaAdjustTransHuge } from "./hugeMemory.ts";
import type { Kernel } from "./kernel.ts";
import { type AnonVma, type Mm, VM_DONTEXPAND, VM_IO, VM_PFNMAP, VM_SOFTDIRTY, type Vma, vmaPages } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";
import { findVmaBefore, removeVma, unlinkFileVma, vmaSetRange, vmaUnlink } from "./vma.ts";

/** VM_SPECIAL: such VMAs stay alone. */
const NEVER = VM_IO | VM_DONTEXPAND | VM_PFNMAP;

/** What a range would look like as a VMA: for the question whether it can be merged with its neighbours. */
function isMergeable(vma: Vma, flags: number, inode: Inode | null, policy: number): boolean {
  return ((vma.flags ^ flags) & ~VM_SOFTDIRTY) === 0 && vma.inode === inode && vma.policy === policy;
}

/** is_mergeable_anon_vma: same one, or one side has none and the other is not shared with a fork. */
function isMergeableAnonVma(a: AnonVma | null, b: AnonVma | null, vma: Vma | null): boolean {
  if ((!a || !b) && (!vma || isSingular(vma))) return true;
  return a === b;
}

/**
 * vma_merge: [start, end) with these properties, which follows `prev`, becomes part of its neighbours if they are alike.
 * The range is either empty or (part of) an existing VMA. Returns the VMA that now has the range, or null: nothing done.
 */
export function* vmaMerge(
  k: Kernel,
  mm: Mm,
  prev: Vma | null,
  start: Vpn,
  end: Vpn,
  flags: number,
  anonVma: AnonVma | null,
  inode: Inode | null,
  pgoff: number,
  policy: number,
): Task<Vma | null> {
  if ((flags & NEVER) !== 0) return null;
  // The VMA in the middle, if there is one, and what follows the range.
  const mid = prev ? prev.next : mm.mmap;
  const covered = mid !== null && mid.end === end ? mid : null;
  const next = covered ? covered.next : mid;
  const withPrev =
    prev !== null &&
    prev.end === start &&
    isMergeable(prev, flags, inode, policy) &&
    isMergeableAnonVma(anonVma, prev.anonVma, prev) &&
    prev.pgoff + vmaPages(prev) === pgoff;
  const withNext =
    next !== null &&
    next.start === end &&
    isMergeable(next, flags, inode, policy) &&
    isMergeableAnonVma(anonVma, next.anonVma, next) &&
    next.pgoff === pgoff + (end - start);
  if (withPrev && withNext && isMergeableAnonVma(prev.anonVma, next.anonVma, null)) {
    yield* growOver(k, mm, prev, prev.start, next.end, prev.pgoff, covered, next);
    return prev;
  }
  if (withPrev) {
    yield* growOver(k, mm, prev, prev.start, end, prev.pgoff, covered, null);
    if (!covered && mid && mid.start < end) yield* shiftStart(k, prev, mid, end);
    return prev;
  }
  if (!withNext) return null;
  if (prev !== null && start < prev.end) {
    // The range is the end of prev: the boundary between both moves down.
    if (prev.anonVma && !next.anonVma) yield* importAnonVma(k, next, prev);
    yield* vmaAdjustTransHuge(k, prev, prev.start, start, 0);
    yield* vmaSetRange(prev, prev.start, start, prev.pgoff);
    yield* vmaSetRange(next, start, next.end, next.pgoff - (end - start));
    return next;
  }
  yield* growOver(k, mm, next, start, next.end, pgoff, covered, null);
  return next;
}

/**
 * The first half of mmap_region: a new mapping [start, end) of free pages becomes part of a neighbour. Of two that do not
 * fit each other the following one grows, which is where this differs from vma_merge. Null: nothing done.
 */
export function* vmaMergeNew(
  k: Kernel,
  mm: Mm,
  start: Vpn,
  end: Vpn,
  flags: number,
  inode: Inode | null,
  pgoff: number,
): Task<Vma | null> {
  if ((flags & NEVER) !== 0) return null;
  const prev = findVmaBefore(mm, start);
  const next = prev ? prev.next : mm.mmap;
  const withNext =
    next !== null &&
    next.start === end &&
    isMergeable(next, flags, inode, 0) &&
    isMergeableAnonVma(null, next.anonVma, next) &&
    next.pgoff === pgoff + (end - start);
  const withPrev =
    prev !== null &&
    prev.end === start &&
    isMergeable(prev, flags, inode, 0) &&
    isMergeableAnonVma(withNext ? next.anonVma : null, prev.anonVma, prev) &&
    prev.pgoff + vmaPages(prev) === pgoff;
  if (withPrev) {
    yield* growOver(k, mm, prev, prev.start, withNext ? next.end : end, prev.pgoff, null, withNext ? next : null);
    return prev;
  }
  if (!withNext) return null;
  yield* growOver(k, mm, next, start, next.end, pgoff, null, null);
  return next;
}

/** `vma` takes over what `gone` and `gone2` had. */
function* growOver(
  k: Kernel,
  mm: Mm,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  pgoff: number,
  gone: Vma | null,
  gone2: Vma | null,
): Task {
  const donor = gone?.anonVma ? gone : gone2?.anonVma ? gone2 : null;
  if (donor && !vma.anonVma) yield* importAnonVma(k, vma, donor);
  if (gone) yield* detach(mm, gone);
  if (gone2) yield* detach(mm, gone2);
  yield* vmaSetRange(vma, start, end, pgoff);
  if (gone) yield* dissolve(k, gone);
  if (gone2) yield* dissolve(k, gone2);
}

function* detach(mm: Mm, vma: Vma): Task {
  vmaUnlink(mm, vma);
  yield* unlinkFileVma(vma);
}

function* dissolve(k: Kernel, vma: Vma): Task {
  yield* unlinkAnonVmas(k, vma);
  yield* removeVma(k, vma);
}

/** `next` loses its first part to `prev`, which has grown over it already. */
function* shiftStart(k: Kernel, prev: Vma, next: Vma, start: Vpn): Task {
  if (next.anonVma && !prev.anonVma) yield* importAnonVma(k, prev, next);
  yield* vmaAdjustTransHuge(k, next, start, next.end, 0);
  yield* vmaSetRange(next, start, next.end, next.pgoff + (start - next.start));
}

/** The VMA gets pages that are on the anon_vmas of `from`. */
function* importAnonVma(k: Kernel, vma: Vma, from: Vma): Task {
  vma.anonVma = from.anonVma;
  yield* anonVmaClone(k, vma, from);
}
