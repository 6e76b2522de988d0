/** Rules of swap, for checks.ts: slots count those who lead to them, and the swap cache knows its folios. */
import { cacheSlot, TMPFS } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import { PG_buddy, PG_lru, PG_swapcache } from "./page.ts";
import { SWP_SWAP, swpOffset, swpType } from "./pageTable.ts";
import { SWAP_HAS_CACHE, swapCountOf } from "./swapTypes.ts";

/** The first rule that is broken, in words; null = all hold. `quiet`: no task is inside of a call. */
export function checkSwap(k: Kernel, quiet: boolean): string | null {
  const { swap } = k;
  if (swap.pages === 0 || swap.lock.holders().length > 0 || swap.cacheLock.holders().length > 0) return null;
  // Page-table entries and their counts change together under the lock; those of files do not.
  const settled = k.mms.every((mm) => mm.ptl.holders().length === 0);
  const users = new Int32Array(swap.slots.count);
  for (const mm of k.mms) if (mm.pgd !== 0) countEntries(k, mm, users);
  countFiles(k, users);
  return checkSlots(k, users, settled, quiet);
}

function checkSlots(k: Kernel, users: Int32Array, settled: boolean, quiet: boolean): string | null {
  const { swap, frames } = k;
  const { map, cache } = swap.slots;
  for (let slot = 1; slot < swap.pages; slot++) {
    const counted = swapCountOf(map[slot]);
    if (settled && (users[slot] > counted || (quiet && users[slot] !== counted))) {
      return `swap slot ${slot} counts ${counted} users, and ${users[slot]} lead there`;
    }
    const pfn = cache[slot] - 1;
    if (pfn < 0) continue;
    if ((map[slot] & SWAP_HAS_CACHE) === 0) return `swap slot ${slot} has frame ${pfn} and does not know it`;
    if ((frames.flags[pfn] & (PG_buddy | PG_swapcache)) !== PG_swapcache) {
      return `swap slot ${slot} has frame ${pfn}, which is elsewhere`;
    }
  }
  return null;
}

/** Entries of `mm` that lead to slots. */
function countEntries(k: Kernel, mm: Mm, users: Int32Array): void {
  const { entry } = k.tables;
  const visit = (table: number, level: number): void => {
    for (let i = 0; i < 1 << k.tableShift; i++) {
      const value = entry[(table << k.tableShift) + i];
      if (value === 0) continue;
      if (level < 3) visit(value, level + 1);
      else if (swpType(value) === SWP_SWAP) users[swpOffset(value)]++;
    }
  };
  visit(mm.pgd, 0);
}

/** Entries of shared memory. */
function countFiles(k: Kernel, users: Int32Array): void {
  for (const inode of k.inodes) {
    if (inode.kind !== TMPFS || inode.swapped === 0) continue;
    for (let i = 0; i < k.filePages; i++) {
      const entry = k.cache.page[cacheSlot(k, inode, i)];
      if (entry < 0) users[-entry]++;
    }
  }
}

/** At the end: a slot that somebody still uses, in words. */
export function slotsLeft(k: Kernel): string | null {
  for (let slot = 1; slot < k.swap.pages; slot++) {
    const users = swapCountOf(k.swap.slots.map[slot]);
    if (users > 0) return `swap slot ${slot} still has ${users} users`;
  }
  return null;
}

/** Is the frame in the swap cache only? Who gave up the last entry could not lock it; reclaim will find it. */
export function isUnusedSwapCache(k: Kernel, pfn: number): boolean {
  const { refcount, flags, private: slot } = k.frames;
  const cached = (flags[pfn] & (PG_swapcache | PG_lru)) === (PG_swapcache | PG_lru);
  return refcount[pfn] === 1 && cached && swapCountOf(k.swap.slots.map[slot[pfn]]) === 0;
}
