/**
 * What must hold between any two steps, whatever the kernel does: as functions that return a sentence when it does not.
 * `checkEveryStep(m, k)` switches them on for a search; sequential runs call `checkKernel(k)` where they like.
 */
import { unchecked } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { openSection } from "./announced.ts";
import { checkMaps } from "./checkMaps.ts";
import { checkCharges } from "./checkMemcg.ts";
import { checkSwap, isUnusedSwapCache, slotsLeft } from "./checkSwap.ts";
import { cacheSlot } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { BATCH_SIZE, NR_BATCHES, NR_LRU_LISTS } from "./lruTypes.ts";
import type { Vma } from "./mmTypes.ts";
import { isWritePending, PG_private, PG_swapcache, pageToNid } from "./page.ts";

/** Set-up: every step of a search ends with all checks. */
export function checkEveryStep(m: Machine, k: Kernel): void {
  m.invariant("memory management", () => checkKernel(k, false) ?? true);
}

/**
 * The first rule that is broken, in words; null = all hold. `quiet`: no task is inside of a call, so that pins are not just
 * being tried (fast GUP grabs first and looks afterwards, and gives back what it should not have).
 */
export function checkKernel(k: Kernel, quiet = true): string | null {
  return unchecked(() => {
    return (
      checkMaps(k, quiet) ??
      checkVmas(k) ??
      checkLru(k) ??
      checkPending(k) ??
      checkSwap(k, quiet) ??
      checkCharges(k, false)
    );
  });
}

/** VMAs are in order and apart; each hangs on its anon_vma. */
function checkVmas(k: Kernel): string | null {
  for (const mm of k.mms) {
    let prev: Vma | null = null;
    let n = 0;
    for (let vma = mm.pgd === 0 ? null : mm.mmap; vma; vma = vma.next) {
      n++;
      if (vma.start >= vma.end || (prev && prev.end > vma.start)) return `${vma.name} of ${mm.name} is out of order`;
      if (vma.prev !== prev) return `${vma.name} of ${mm.name} is linked wrongly`;
      if (vma.anonVma && !isOn(vma)) return `${vma.name} has ${vma.anonVma.name} and is not on it`;
      prev = vma;
    }
    if (mm.pgd !== 0 && mm.mmapLock.holders().length === 0 && n !== mm.mapCount) {
      return `${mm.name} has ${n} VMAs and counts ${mm.mapCount}`;
    }
  }
  return null;
}

function isOn(vma: Vma): boolean {
  for (let avc = vma.chains; avc; avc = avc.sameVma) if (avc.anonVma === vma.anonVma) return true;
  return false;
}

/** Every list is linked both ways, and as long as it says. */
function checkLru(k: Kernel): string | null {
  const { head, size } = k.lru.lists;
  const { next, prev } = k.frames;
  if (k.lru.locks.some((l) => l.holders().length > 0)) return null;
  for (let list = 0; list < k.lru.locks.length * NR_LRU_LISTS; list++) {
    let n = 0;
    let before = 0;
    for (let at = head[list]; at !== 0; at = next[at - 1]) {
      if (prev[at - 1] !== before || n++ > k.frames.count) return `LRU list ${list} is broken at frame ${at - 1}`;
      before = at;
    }
    if (n !== size[list]) return `LRU list ${list} has ${n} folios and counts ${size[list]}`;
  }
  return null;
}

/** NR_ZONE_WRITE_PENDING of each node is what the flags of its frames say. */
function checkPending(k: Kernel): string | null {
  const left = k.pgdats.map(({ writePending }) => writePending);
  const { flags, count } = k.frames;
  for (let pfn = 1; pfn < count; pfn++) if (isWritePending(flags[pfn])) left[pageToNid(k, pfn)]--;
  const nid = left.findIndex((n) => n !== 0);
  return nid < 0 ? null : `node ${nid} counts ${left[nid]} too many file pages that are to be written`;
}

/**
 * What is left over when all processes are gone and all files are closed and unlinked: frames, tables, VMAs, inodes, mms,
 * anon_vmas and their chains.
 * LRU batches may still hold pages that nobody else has; they count as free.
 */
export function checkNothingLeft(k: Kernel): string | null {
  return unchecked(() => {
    const batched = new Set<number>();
    for (let b = 0; b < NR_BATCHES; b++) {
      for (let i = 0; i < k.lru.batches.count[b]; i++) batched.add(k.lru.batched.page[b * BATCH_SIZE + i] >> 2);
    }
    for (let pfn = 1; pfn < k.frames.count; pfn++) {
      const refs = k.frames.refcount[pfn];
      if (isUnusedSwapCache(k, pfn)) continue;
      if (refs > 0 && !batched.has(pfn)) return `frame ${pfn} still has ${refs} references`;
    }
    const { tablesInUse } = k.state;
    if (tablesInUse > 0) return `${tablesInUse} page tables are still in use`;
    const vma = k.vmas.find((v) => v.mm !== null);
    if (vma) return `${vma.name} is still in use`;
    const inode = k.inodes.find((i) => i.kind !== 0);
    if (inode) return `${inode.name} is still in use`;
    const mm = k.mms.find((each) => each.pgd !== 0);
    return mm
      ? `${mm.name} is still in use`
      : (slotsLeft(k) ?? linksLeft(k) ?? (k.announced && openSection(k.announced)));
  });
}

/** anon_vmas and chains: as many as there may be VMAs, and four times as many. */
function linksLeft(k: Kernel): string | null {
  const anonVmas = k.vmas.length - free(k.state.freeAnonVma);
  const chains = 4 * k.vmas.length - free(k.state.freeChain);
  return anonVmas + chains === 0 ? null : `${anonVmas} anon_vmas and ${chains} chains are still in use`;
}

function free<T extends { nextFree: T | null }>(first: T | null): number {
  let n = 0;
  for (let each = first; each; each = each.nextFree) n++;
  return n;
}

/** References of a frame that page tables, caches, buffers and batches account for. */
export function namedReferences(k: Kernel, pfn: number): number {
  return unchecked(() => {
    const { frames, lru } = k;
    let n = frames.mapcount[pfn] + ((frames.flags[pfn] & PG_private) !== 0 ? 1 : 0);
    if ((frames.flags[pfn] & PG_swapcache) !== 0) n++;
    for (const inode of k.inodes) {
      for (let i = 0; i < k.filePages; i++) if (k.cache.page[cacheSlot(k, inode, i)] === pfn + 1) n++;
    }
    for (let b = 0; b < NR_BATCHES; b++) {
      for (let i = 0; i < lru.batches.count[b]; i++) if (lru.batched.page[b * BATCH_SIZE + i] >> 2 === pfn) n++;
    }
    return n;
  });
}
