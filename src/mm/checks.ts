/**
 * What must hold between any two steps, whatever the kernel does: as functions that return a sentence when it does not.
 * `checkEveryStep(m, k)` switches them on for a search; sequential runs call `checkKernel(k)` where they like.
 */
import { unchecked } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { openSection } from "./announced.ts";
import { cacheSlot } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { BATCH_SIZE, NR_BATCHES, NR_LRU_LISTS } from "./lruTypes.ts";
import type { Mm, Vma } from "./mmTypes.ts";
import { GUP_PIN_COUNTING_BIAS, PG_anon, PG_anonExclusive, PG_buddy, PG_private, PG_swapbacked } from "./page.ts";
import {
  isMigrationType,
  PTE_WRITE,
  type Pte,
  ptePfn,
  ptePresent,
  pteSpecial,
  swpOffset,
  swpType,
} from "./pageTable.ts";

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
    const counts = new Counts(k);
    return counts.error ?? checkVmas(k) ?? checkFrames(k, counts, quiet) ?? checkLru(k);
  });
}

/** What a walk through all page tables finds. */
class Counts {
  /** Entries that map each frame, and those that wait for its migration. */
  readonly maps: Int32Array;
  readonly exclusiveMaps: Int32Array;
  error: string | null = null;

  constructor(k: Kernel) {
    this.maps = new Int32Array(k.frames.count);
    this.exclusiveMaps = new Int32Array(k.frames.count);
    for (const mm of k.mms) if (mm.pgd !== 0) this.mm(k, mm);
  }

  private mm(k: Kernel, mm: Mm): void {
    const rss = { anon: 0, file: 0, shmem: 0 };
    // Counts move with the entries, under the page-table lock.
    const settled = mm.ptl.holders().length === 0;
    forEachPte(k, mm, (at, pte) => this.entry(k, mm, at, pte, rss));
    if (!settled || this.error !== null) return;
    const same = rss.anon === mm.rssAnon && rss.file === mm.rssFile && rss.shmem === mm.rssShmem;
    if (!same) {
      const counted = `${mm.rssAnon}+${mm.rssFile}+${mm.rssShmem}`;
      this.error = `${mm.name} counts ${counted} pages and maps ${rss.anon}+${rss.file}+${rss.shmem}`;
    }
  }

  private entry(k: Kernel, mm: Mm, at: number, pte: Pte, rss: { anon: number; file: number; shmem: number }): void {
    const pfn = frameOf(pte);
    if (pfn < 0) return;
    const flags = k.frames.flags[pfn];
    if ((flags & PG_anon) !== 0) rss.anon++;
    else if ((flags & PG_swapbacked) !== 0) rss.shmem++;
    else rss.file++;
    if (ptePresent(pte)) this.present(k, mm, at, pte);
  }

  private present(k: Kernel, mm: Mm, at: number, pte: Pte): void {
    const pfn = ptePfn(pte);
    this.maps[pfn]++;
    const flags = k.frames.flags[pfn];
    if ((flags & PG_buddy) !== 0) this.error = `page ${at} of ${mm.name} maps frame ${pfn}, which is free`;
    if ((flags & PG_anon) === 0) return;
    if ((flags & PG_anonExclusive) !== 0) this.exclusiveMaps[pfn]++;
    // Both change together, under the page-table lock.
    const shared = (flags & PG_anonExclusive) === 0 && mm.ptl.holders().length === 0;
    if ((pte & PTE_WRITE) !== 0 && shared && k.rules.cowReuse === "exclusive") {
      this.error = `page ${at} of ${mm.name} is writable, and its frame ${pfn} is not exclusive`;
    }
  }
}

/** Every entry of every page table of `mm`, whether a VMA is there or not. */
function forEachPte(k: Kernel, mm: Mm, f: (vpn: number, pte: Pte) => void): void {
  const { entry } = k.tables;
  const shifts = [k.windowShift, 2 * k.tableShift, k.tableShift, 0];
  const visit = (table: number, level: number, base: number): void => {
    for (let i = 0; i < 1 << k.tableShift; i++) {
      const value = entry[(table << k.tableShift) + i];
      if (value === 0) continue;
      const at = base + (i << shifts[level]);
      if (level === 3) f(at, value);
      else visit(value, level + 1, at);
    }
  };
  visit(mm.pgd, 0, 0);
}

/** Frame that an entry holds on to; -1 = none. */
function frameOf(pte: Pte): number {
  if (ptePresent(pte)) return pteSpecial(pte) ? -1 : ptePfn(pte);
  return isMigrationType(swpType(pte)) ? swpOffset(pte) : -1;
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

/** Counts of frames; references may be more than can be named here, never fewer. */
function checkFrames(k: Kernel, counts: Counts, quiet: boolean): string | null {
  const { frames } = k;
  for (let pfn = 1; pfn < frames.count; pfn++) {
    const refs = frames.refcount[pfn];
    const flags = frames.flags[pfn];
    const mapped = frames.mapcount[pfn];
    if ((flags & PG_buddy) !== 0) {
      if (refs !== 0 || mapped !== 0) return `frame ${pfn} is free, with ${refs} references and ${mapped} mappings`;
      continue;
    }
    if (mapped !== counts.maps[pfn] && frames.lock[pfn] === 0 && noPtlHeld(k)) {
      return `frame ${pfn} counts ${mapped} mappings, and page tables have ${counts.maps[pfn]}`;
    }
    if (refs < mapped) return `frame ${pfn} has ${refs} references and ${mapped} mappings`;
    if (counts.exclusiveMaps[pfn] > 1 && noPtlHeld(k)) return `frame ${pfn} is exclusive and mapped twice`;
    if (quiet && pinnedButShared(k, pfn, refs, flags)) return `frame ${pfn} is pinned, mapped, and not exclusive`;
  }
  return null;
}

const noPtlHeld = (k: Kernel): boolean => k.mms.every((mm) => mm.ptl.holders().length === 0);

function pinnedButShared(k: Kernel, pfn: number, refs: number, flags: number): boolean {
  if (k.rules.cowReuse !== "exclusive" || !k.rules.gupUnshares || refs < GUP_PIN_COUNTING_BIAS) return false;
  return k.frames.mapcount[pfn] > 0 && (flags & (PG_anon | PG_anonExclusive)) === PG_anon && k.frames.lock[pfn] === 0;
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

/**
 * What is left over when all processes are gone and all files are closed and unlinked: frames, tables, VMAs, rmap links.
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
      if (refs > 0 && !batched.has(pfn)) return `frame ${pfn} still has ${refs} references`;
    }
    const { tablesInUse } = k.state;
    if (tablesInUse > 0) return `${tablesInUse} page tables are still in use`;
    const vma = k.vmas.find((v) => v.mm !== null);
    if (vma) return `${vma.name} is still in use`;
    const inode = k.inodes.find((i) => i.kind !== 0);
    if (inode) return `${inode.name} is still in use`;
    return k.announced && openSection(k.announced);
  });
}

/** References of a frame that page tables, caches, buffers and batches account for. */
export function namedReferences(k: Kernel, pfn: number): number {
  return unchecked(() => {
    const { frames, lru } = k;
    let n = frames.mapcount[pfn] + ((frames.flags[pfn] & PG_private) !== 0 ? 1 : 0);
    for (const inode of k.inodes) {
      for (let i = 0; i < k.filePages; i++) if (k.cache.page[cacheSlot(k, inode, i)] === pfn + 1) n++;
    }
    for (let b = 0; b < NR_BATCHES; b++) {
      for (let i = 0; i < lru.batches.count[b]; i++) if (lru.batched.page[b * BATCH_SIZE + i] >> 2 === pfn) n++;
    }
    return n;
  });
}
