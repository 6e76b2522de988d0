/**
 * The list of VMAs of an mm: finding, linking and splitting (first half of mm/mmap.c); vmaMerge.ts merges. Changes need
 * mmap_lock for writing; the rmap locks are taken here, around each change of a boundary.
 */
import type { Task } from "../machine/core.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { freeObject, reuseObject } from "../machine/struct.ts";
import { anonVmaClone, chainInsert, chainRemove } from "./anonVma.ts";
import { shouldFail } from "./failingAllocations.ts";
import type { Inode } from "./fs.ts";
import { vmaAdjustTransHuge } from "./hugeMemory.ts";
import { getInode, putInode } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { chargeObject, unchargeObject, VM_AREA_BYTES } from "./kmem.ts";
import type { Mm, Vma } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";

/** find_vma: the first that ends after `vpn`, which it need not contain. */
export function findVma(mm: Mm, vpn: Vpn): Vma | null {
  let vma = mm.mmap;
  while (vma && vma.end <= vpn) vma = vma.next;
  return vma;
}

/** vma_lookup: the one that contains `vpn`. */
export function vmaLookup(mm: Mm, vpn: Vpn): Vma | null {
  const vma = findVma(mm, vpn);
  return vma && vma.start <= vpn ? vma : null;
}

/** The last that begins before `vpn`. */
export function findVmaBefore(mm: Mm, vpn: Vpn): Vma | null {
  let before: Vma | null = null;
  for (let vma = mm.mmap; vma && vma.start < vpn; vma = vma.next) before = vma;
  return before;
}

/** vm_area_alloc; null without memory. */
export function vmaAlloc(k: Kernel, mm: Mm, start: Vpn, end: Vpn, flags: number, pgoff: number): Vma | null {
  const vma = k.state.freeVma;
  if (!vma || shouldFail(k)) return null;
  k.state.freeVma = vma.nextFree;
  reuseObject(vma);
  vma.nextFree = null;
  vma.mm = mm;
  vma.start = start;
  vma.end = end;
  vma.flags = flags;
  vma.pgoff = pgoff;
  vma.policy = 0;
  vma.raAddress = 0;
  vma.raWindow = 0;
  vma.raHits = 0;
  chargeObject(k, vma, VM_AREA_BYTES);
  return vma;
}

/** vm_area_free. */
export function vmaFree(k: Kernel, vma: Vma): void {
  unchargeObject(k, vma, VM_AREA_BYTES);
  vma.mm = null;
  vma.inode = null;
  vma.nextFree = k.state.freeVma;
  k.state.freeVma = vma;
  freeObject(vma);
}

/** vma_link: into the list, and into the inode's tree. */
export function* vmaLink(mm: Mm, vma: Vma): Task {
  const prev = findVmaBefore(mm, vma.start);
  vma.prev = prev;
  vma.next = prev ? prev.next : mm.mmap;
  if (vma.next) vma.next.prev = vma;
  if (prev) prev.next = vma;
  else mm.mmap = vma;
  mm.mapCount++;
  const { inode } = vma;
  if (!inode) return;
  yield* downWrite(inode.immapRwsem);
  immapInsert(vma);
  yield* upWrite(inode.immapRwsem);
}

/** Takes a VMA out of the list only. */
export function vmaUnlink(mm: Mm, vma: Vma): void {
  if (vma.prev) vma.prev.next = vma.next;
  else mm.mmap = vma.next;
  if (vma.next) vma.next.prev = vma.prev;
  mm.mapCount--;
}

/** vma_interval_tree_insert. i_mmap_rwsem held for writing. */
export function immapInsert(vma: Vma): void {
  const inode = vma.inode as Inode;
  let before: Vma | null = null;
  for (let at = inode.immap; at && at.pgoff <= vma.pgoff; at = at.nextShared) before = at;
  if (before) {
    vma.nextShared = before.nextShared;
    before.nextShared = vma;
  } else {
    vma.nextShared = inode.immap;
    inode.immap = vma;
  }
}

/** vma_interval_tree_remove. i_mmap_rwsem held for writing. */
export function immapRemove(vma: Vma): void {
  const inode = vma.inode as Inode;
  if (inode.immap === vma) {
    inode.immap = vma.nextShared;
  } else {
    let at = inode.immap;
    while (at && at.nextShared !== vma) at = at.nextShared;
    if (at) at.nextShared = vma.nextShared;
  }
  vma.nextShared = null;
}

/** unlink_file_vma. */
export function* unlinkFileVma(vma: Vma): Task {
  const { inode } = vma;
  if (!inode) return;
  yield* downWrite(inode.immapRwsem);
  immapRemove(vma);
  yield* upWrite(inode.immapRwsem);
}

/** remove_vma: a VMA that is out of list and tree gives back its file and dies. */
export function* removeVma(k: Kernel, vma: Vma): Task {
  const { inode } = vma;
  vmaFree(k, vma);
  if (inode) yield* putInode(k, inode);
}

/** __vma_adjust, one VMA: its boundaries change under the rmap locks. `pgoff` belongs to the new start. */
export function* vmaSetRange(vma: Vma, start: Vpn, end: Vpn, pgoff: number): Task {
  const { inode } = vma;
  const root = vma.anonVma?.root ?? null;
  if (inode) yield* downWrite(inode.immapRwsem);
  if (root) yield* downWrite(root.rwsem);
  if (inode) immapRemove(vma);
  for (let avc = vma.chains; avc; avc = avc.sameVma) chainRemove(avc);
  vma.start = start;
  vma.end = end;
  vma.pgoff = pgoff;
  for (let avc = vma.chains; avc; avc = avc.sameVma) chainInsert(avc);
  if (inode) immapInsert(vma);
  if (root) yield* upWrite(root.rwsem);
  if (inode) yield* upWrite(inode.immapRwsem);
}

/** split_vma: a new VMA for the part below (or above) `at`. 0 or -ENOMEM. */
export function* splitVma(k: Kernel, mm: Mm, vma: Vma, at: Vpn, newBelow: boolean): Task<number> {
  const { end, flags, pgoff, start } = vma;
  const above = pgoff + (at - start);
  const fresh = newBelow ? vmaAlloc(k, mm, start, at, flags, pgoff) : vmaAlloc(k, mm, at, end, flags, above);
  if (!fresh) return -12;
  fresh.policy = vma.policy;
  fresh.anonVma = vma.anonVma;
  if (!(yield* anonVmaClone(k, fresh, vma))) {
    vmaFree(k, fresh);
    return -12;
  }
  fresh.inode = vma.inode;
  if (vma.inode) getInode(vma.inode);
  if (newBelow) {
    yield* vmaAdjustTransHuge(k, vma, at, end, 0);
    yield* vmaSetRange(vma, at, end, above);
  } else {
    yield* vmaAdjustTransHuge(k, vma, start, at, 0);
    yield* vmaSetRange(vma, start, at, pgoff);
  }
  yield* vmaLink(mm, fresh);
  return 0;
}
