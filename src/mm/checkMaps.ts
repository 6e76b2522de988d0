/**
 * What must hold between page tables, frames and the counts of both. In every state, with these exceptions, and no others:
 *
 *   rule                                                     may be broken
 *   an entry leads to a frame that is in use                 never
 *   a frame has at least as many references as mappings      never
 *   an exclusive frame is mapped once                        never
 *   a pinned anonymous frame that is mapped is exclusive     never; of pins that their owners have been given, see pinsHeld.ts
 *   a writable entry of anonymous memory leads to an
 *   exclusive frame                                          while somebody holds the page-table lock of that mm
 *   mapcount = entries that map the frame                    by 2 in all for each page-table lock that is held
 *   rss and swap counts of an mm = its entries by kind       by 2 while somebody holds its page-table lock
 *
 * Why 2: whoever holds the lock is in the middle of one entry at most, and a copy on write has two frames in its hands: the
 * old one has lost its entry and is counted still, the new one is counted already.
 */
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import { GUP_PIN_COUNTING_BIAS, PG_anon, PG_anonExclusive, PG_buddy, PG_swapbacked } from "./page.ts";
import {
  isDevicePrivateType,
  isMigrationType,
  type Pte,
  ptePfn,
  ptePresent,
  pteSpecial,
  pteWrite,
  SWP_DEVICE_WRITE,
  SWP_SWAP,
  swpOffset,
  swpType,
} from "./pageTable.ts";

/** How far counts may be away from what they count for each page-table lock that is held. */
const IN_HAND = 2;

const isHeld = (mm: Mm): boolean => mm.ptl.holders().length > 0;

/**
 * The first rule that is broken, in words; null = all hold. `quiet`: no task is inside of a call, so that a frame with the
 * references of a pin is pinned, and not just being tried.
 */
export function checkMaps(k: Kernel, quiet: boolean): string | null {
  const maps = new Maps(k);
  return maps.error ?? checkFrames(k, maps, quiet);
}

/** Entries of an mm by what they lead to. */
interface Kinds {
  anon: number;
  file: number;
  shmem: number;
  swap: number;
}

/** What a walk through all page tables finds. */
class Maps {
  /** Entries that map each frame. */
  readonly count: Int32Array;
  error: string | null = null;

  constructor(k: Kernel) {
    this.count = new Int32Array(k.frames.count);
    for (const mm of k.mms) if (mm.pgd !== 0) this.mm(k, mm);
  }

  private mm(k: Kernel, mm: Mm): void {
    const found: Kinds = { anon: 0, file: 0, shmem: 0, swap: 0 };
    const held = isHeld(mm);
    forEachPte(k, mm, (at, pte) => {
      if (swpType(pte) === SWP_SWAP) found.swap++;
      else if (frameOf(pte) >= 0) this.frame(k, mm, at, pte, found, held);
    });
    const off =
      Math.abs(found.anon - mm.rssAnon) +
      Math.abs(found.file - mm.rssFile) +
      Math.abs(found.shmem - mm.rssShmem) +
      Math.abs(found.swap - mm.swapEntries);
    if (off <= (held ? IN_HAND : 0)) return;
    const counted = `${mm.rssAnon}+${mm.rssFile}+${mm.rssShmem}+${mm.swapEntries}`;
    this.error ??= `${mm.name} counts ${counted} pages, and has ${found.anon}+${found.file}+${found.shmem}+${found.swap}`;
  }

  private frame(k: Kernel, mm: Mm, at: number, pte: Pte, found: Kinds, held: boolean): void {
    const pfn = frameOf(pte);
    const flags = k.frames.flags[pfn];
    const anon = (flags & PG_anon) !== 0;
    if (anon) found.anon++;
    else if ((flags & PG_swapbacked) !== 0) found.shmem++;
    else found.file++;
    if ((flags & PG_buddy) !== 0) this.error ??= `page ${at} of ${mm.name} leads to frame ${pfn}, which is free`;
    if (isMigrationType(swpType(pte))) return;
    this.count[pfn]++;
    const writable = ptePresent(pte) ? pteWrite(pte) : swpType(pte) === SWP_DEVICE_WRITE;
    if (held || k.rules.cowReuse !== "exclusive" || !anon || !writable) return;
    if ((flags & PG_anonExclusive) === 0)
      this.error ??= `page ${at} of ${mm.name} is writable, and its frame ${pfn} is not exclusive`;
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
  const type = swpType(pte);
  return isMigrationType(type) || isDevicePrivateType(type) ? swpOffset(pte) : -1;
}

/** Counts of frames; references may be more than can be named here, never fewer. */
function checkFrames(k: Kernel, maps: Maps, quiet: boolean): string | null {
  const { frames } = k;
  let off = 0;
  let worst = 0;
  for (let pfn = 1; pfn < frames.count; pfn++) {
    const refs = frames.refcount[pfn];
    const flags = frames.flags[pfn];
    const mapped = frames.mapcount[pfn];
    if ((flags & PG_buddy) !== 0) {
      if (refs !== 0 || mapped !== 0) return `frame ${pfn} is free, with ${refs} references and ${mapped} mappings`;
      continue;
    }
    // Frozen by who has its lock: nobody gets a reference for the moment, and its mapping is about to go.
    const frozen = refs === 0 && frames.lock[pfn] !== 0;
    if (refs < mapped && !frozen) return `frame ${pfn} has ${refs} references and ${mapped} mappings`;
    if ((flags & PG_anonExclusive) !== 0 && maps.count[pfn] > 1) return `frame ${pfn} is exclusive and mapped twice`;
    if (mapped > 0 && isShared(k, flags) && isPinned(k, pfn, quiet)) return `frame ${pfn} is pinned and not exclusive`;
    if (mapped !== maps.count[pfn]) worst = pfn;
    off += Math.abs(mapped - maps.count[pfn]);
  }
  if (off <= IN_HAND * k.mms.filter(isHeld).length) return null;
  return `frame ${worst} counts ${frames.mapcount[worst]} mappings, and page tables have ${maps.count[worst]}`;
}

/** Must it not be pinned? Kernels that share pinned pages have no such rule. */
function isShared({ rules }: Kernel, flags: number): boolean {
  const isRule = rules.cowReuse === "exclusive" && rules.gupUnshares && rules.forkCopiesPinned;
  return isRule && (flags & (PG_anon | PG_anonExclusive)) === PG_anon;
}

function isPinned(k: Kernel, pfn: number, quiet: boolean): boolean {
  if (k.pinsHeld !== null) return k.pinsHeld.count[pfn] > 0;
  return quiet && k.frames.refcount[pfn] >= GUP_PIN_COUNTING_BIAS && k.frames.lock[pfn] === 0;
}
