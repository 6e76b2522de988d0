/**
 * Reverse mapping (second half of mm/rmap.c): counting the page-table entries that map a page, and finding them.
 *
 *   folio lock ─▶ rmap lock (anon_vma root or i_mmap, for reading) ─▶ per VMA: page-table lock, look, change
 *
 * Which VMAs: all that hang on the anon_vma (or map the inode) and whose window covers the page's index, whether they map
 * it or not, in order of the chain.
 */
import { handleOf, type Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import type { Inode } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";
import type { AnonVma, AnonVmaChain, Mm, Vma } from "./mmTypes.ts";
import { linearPageIndex } from "./mmTypes.ts";
import {
  clearFlag,
  folioMaybeDmaPinned,
  hasFlag,
  type Pfn,
  PG_anon,
  PG_anonExclusive,
  PG_swapbacked,
  setFlag,
  type Vpn,
} from "./page.ts";
import { mapcountAdd, pteAt, ptePfn, ptePresent, pteSpecial } from "./pageTable.ts";

/** page_add_new_anon_rmap: its first mapping, exclusive. Nobody else knows the page yet. Page-table lock held. */
export function pageAddNewAnonRmap(k: Kernel, pfn: Pfn, vma: Vma, vpn: Vpn): Task<number> {
  setFlag(k, pfn, PG_swapbacked | PG_anon | PG_anonExclusive);
  k.frames.mapping[pfn] = (vma.anonVma as AnonVma).id + 1;
  k.frames.index[pfn] = linearPageIndex(vma, vpn);
  memcgRstatUpdated(k, 1); // NR_ANON_MAPPED
  return mapcountAdd(k, pfn, 1);
}

/** page_add_anon_rmap: one more mapping; the first one of a page that was unmapped ties it to this VMA's anon_vma. */
export function* pageAddAnonRmap(k: Kernel, pfn: Pfn, vma: Vma, vpn: Vpn, exclusive: boolean): Task {
  const before = yield* mapcountAdd(k, pfn, 1);
  if (before === 0) {
    memcgRstatUpdated(k, 1);
    const av = vma.anonVma as AnonVma;
    // A shared page goes to the root, from where every process of the tree is found.
    if (!hasFlag(k, pfn, PG_anon)) k.frames.mapping[pfn] = (exclusive ? av : (av.root as AnonVma)).id + 1;
    setFlag(k, pfn, PG_anon);
    k.frames.index[pfn] = linearPageIndex(vma, vpn);
  }
  if (exclusive) setFlag(k, pfn, PG_anonExclusive);
}

/** page_dup_file_rmap, page_add_file_rmap, and the count of page_try_dup_anon_rmap. */
export function pageAddRmap(k: Kernel, pfn: Pfn): Task<number> {
  if (k.lru.stats !== null && k.frames.mapcount[pfn] === 0) memcgRstatUpdated(k, 1); // NR_FILE_MAPPED
  return mapcountAdd(k, pfn, 1);
}

/** page_remove_rmap. Page-table lock held; the pte is cleared already. */
export function* pageRemoveRmap(k: Kernel, pfn: Pfn): Task {
  const before = yield* mapcountAdd(k, pfn, -1);
  if (before <= 0) throw new Finding("assertion", `frame ${pfn} loses a mapping that was not counted`);
  if (before === 1) memcgRstatUpdated(k, 1);
}

/** page_move_anon_rmap: the only mapper makes the page its own. Folio lock held. */
export function pageMoveAnonRmap(k: Kernel, pfn: Pfn, vma: Vma): void {
  k.frames.mapping[pfn] = (vma.anonVma as AnonVma).id + 1;
  setFlag(k, pfn, PG_anonExclusive);
}

/** page_try_dup_anon_rmap: fork shares the page, unless it may be pinned through the parent. False = must be copied. */
export function* pageTryDupAnonRmap(k: Kernel, pfn: Pfn, src: Vma): Task<boolean> {
  const exclusive = hasFlag(k, pfn, PG_anonExclusive);
  // Folios pinned by others look pinned too, but only pins of this mm count: no flag, no pin.
  const maybe = k.rules.forkCopiesPinned && exclusive && (src.mm as Mm).hasPinned;
  if (maybe && (yield* folioMaybeDmaPinned(k, pfn))) return false;
  clearFlag(k, pfn, PG_anonExclusive);
  yield* mapcountAdd(k, pfn, 1);
  return true;
}

/** page_try_share_anon_rmap: gives up exclusiveness before a swap or migration entry is made. The pte is cleared. */
export function* pageTryShareAnonRmap(k: Kernel, pfn: Pfn): Task<boolean> {
  if (k.rules.shareAnonCheck && (yield* folioMaybeDmaPinned(k, pfn))) return false;
  clearFlag(k, pfn, PG_anonExclusive);
  return true;
}

/** What page->mapping leads to. */
export function folioAnonVma(k: Kernel, pfn: Pfn): AnonVma | null {
  const id = k.frames.mapping[pfn];
  return id !== 0 && hasFlag(k, pfn, PG_anon) ? (handleOf(id - 1) as AnonVma) : null;
}
export function folioInode(k: Kernel, pfn: Pfn): Inode | null {
  const id = k.frames.mapping[pfn];
  return id !== 0 && !hasFlag(k, pfn, PG_anon) ? (handleOf(id - 1) as Inode) : null;
}

/** vma_address: where `vma` would map index `index`; -1 = outside of it. */
export function vmaAddress(vma: Vma, index: number): Vpn {
  const vpn = vma.start + (index - vma.pgoff);
  return vpn >= vma.start && vpn < vma.end ? vpn : -1;
}

/** First chain from `avc` on whose VMA covers `index`: the walk of rmap_walk_anon. Root lock held. */
export function nextAnonVmaOf(avc: AnonVmaChain | null, index: number): AnonVmaChain | null {
  while (avc && vmaAddress(avc.vma as Vma, index) < 0) avc = avc.sameAnonVma;
  return avc;
}

/** The same for files. i_mmap_rwsem held. */
export function nextFileVmaOf(vma: Vma | null, index: number): Vma | null {
  while (vma && vmaAddress(vma, index) < 0) vma = vma.nextShared;
  return vma;
}

/** page_vma_mapped_walk for small pages: does `vma` map `pfn` at `vpn` now? Page-table lock held. */
export function mapsPage(k: Kernel, mm: Mm, vpn: Vpn, pfn: Pfn): boolean {
  const pte = pteAt(k, mm, vpn);
  return ptePresent(pte) && !pteSpecial(pte) && ptePfn(pte) === pfn;
}
