/** What the kernel may do by itself: the oracle goes on with what is left. Everything else must be as it was. */
import { unchecked } from "../../machine/core.ts";
import { cacheSlot, type Inode } from "../fs.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm } from "../mmTypes.ts";
import { PG_anon, PG_dirty, PG_uptodate } from "../page.ts";
import { PTE_DIRTY, pteAt, ptePfn, ptePresent, pteSpecial, SWP_SWAP, swpOffset, swpType } from "../pageTable.ts";
import { READS_FAIL } from "../swapTypes.ts";
import { cellOf, type Pin, type Place, pages } from "./oracle.testkit.ts";
import type { World } from "./world.testkit.ts";

/** A page as the process would find it; null = there is no entry. `frame`: where it is in memory, or -1. */
export interface Seen {
  readonly own: boolean;
  readonly content: number;
  readonly frame: number;
}

export function see(k: Kernel, mm: Mm, at: number): Seen | null {
  const pte = pteAt(k, mm, at);
  if (pte === 0) return null;
  if (!ptePresent(pte)) {
    if (swpType(pte) !== SWP_SWAP) throw new Error(`page ${at} has the entry ${pte} when nothing is being moved`);
    const slot = swpOffset(pte);
    return { own: true, content: slotContent(k, slot), frame: k.swap.slots.cache[slot] - 1 };
  }
  if (pteSpecial(pte)) return { own: false, content: 0, frame: -1 };
  const pfn = ptePfn(pte);
  return { own: (k.frames.flags[pfn] & PG_anon) !== 0, content: k.frames.content[pfn], frame: pfn };
}

/** What is in a slot of the swap device: what its folio in the swap cache has, unless that is still to be read. */
export function slotContent(k: Kernel, slot: number): number {
  const pfn = k.swap.slots.cache[slot] - 1;
  const cached = pfn >= 0 && (k.frames.flags[pfn] & PG_uptodate) !== 0;
  return cached ? k.frames.content[pfn] : k.swap.slots.disk[slot];
}

/** What a place has without a page of its own. */
const shared = (place: Place): number => {
  if (!place.file) return 0;
  return place.index < pages(place.file.size) ? cellOf(place.file, place.index).value : 0;
};

/**
 * What reclaim may throw away without asking has gone: pages that MADV_FREE gave up, and clean pages of files on disk. Plain
 * references do not keep a page with its process.
 */
export function adoptReclaimed(w: World): void {
  unchecked(() => {
    for (const { process, space } of w.oracle.actors) {
      for (const [at, place] of space.places) adoptDiscarded(w.k, process.mm as Mm, at, place);
    }
    w.files.forEach((file, i) => {
      for (const [index, cell] of w.oracle.files[i].cells) {
        const cached = w.k.cache.page[cacheSlot(w.k, file.inode as Inode, index)] > 0;
        if (w.oracle.files[i].ext4 && !cell.dirty && !cached) w.oracle.files[i].cells.delete(index);
      }
    });
    if (w.shape.pressure) for (const pin of w.oracle.pins) if (pin.get) adoptLeft(w, pin);
  });
}

/** MADV_FREE: what was thrown away, and perhaps read again since. */
function adoptDiscarded(k: Kernel, mm: Mm, at: number, place: Place): void {
  const { own } = place;
  if (!own || own.dirty) return;
  const seen = see(k, mm, at);
  if (seen !== null && (seen.content === own.value || seen.content !== shared(place))) return;
  own.value = shared(place);
  if (!seen?.own) place.own = null;
}

/**
 * MADV_FREE asks who else maps a page only if it is dirty or in the swap cache. A page that zram has given back to a read is
 * neither, although it has no slot any more, and if fork has shared it since, whoever else has it loses it too.
 */
export function adoptGivenUp(w: World, mm: Mm, at: number): void {
  unchecked(() => {
    const { k } = w;
    const pte = pteAt(k, mm, at);
    if (k.swap.slow || !ptePresent(pte) || pteSpecial(pte)) return;
    const pfn = ptePfn(pte);
    if ((k.frames.flags[pfn] & PG_dirty) !== 0 || k.frames.mapcount[pfn] === 1) return;
    for (const { process, space } of w.oracle.actors) {
      for (const [other, { own }] of space.places) {
        const entry = pteAt(k, process.mm as Mm, other);
        const clean = ptePresent(entry) && ptePfn(entry) === pfn && (entry & PTE_DIRTY) === 0;
        if (own && clean) own.dirty = false;
      }
    }
  });
}

/** A page of a process that only has plain references: the process may have got another one by now. */
function adoptLeft(w: World, pin: Pin): void {
  for (let i = 0; i < pin.cells.length; i++) {
    const cell = pin.cells[i];
    if (!cell || !pin.of[i]) continue;
    const pfn = w.pinned[pin.slot].pfn[i];
    if (
      !w.oracle.actors.some(({ process, space }) =>
        [...space.places].some(([at, place]) => place.own === cell && see(w.k, process.mm as Mm, at)?.frame === pfn),
      )
    )
      pin.cells[i] = null;
  }
}

/** What the flusher or kswapd have written to disk, at any time. */
export function adoptWritten(w: World): void {
  unchecked(() => {
    const dirty = pagesWithDirtyPte(w);
    w.files.forEach((file, i) => {
      const model = w.oracle.files[i];
      if (!model.ext4) return;
      for (const [index, cell] of model.cells) {
        const slot = cacheSlot(w.k, file.inode as Inode, index);
        if (!cell.dirty || w.k.cache.disk[slot] !== cell.value) continue;
        model.disk.set(index, cell.value);
        const pfn = w.k.cache.page[slot] - 1;
        const isDirty = pfn >= 0 && ((w.k.frames.flags[pfn] & PG_dirty) !== 0 || dirty.has(pfn));
        if (!isDirty) cell.dirty = false;
      }
    });
  });
}

export function pagesWithDirtyPte(w: World): Set<number> {
  const found = new Set<number>();
  for (const { process, space } of w.oracle.actors) {
    if (!process.mm) continue;
    for (const at of space.places.keys()) {
      const pte = pteAt(w.k, process.mm as Mm, at);
      if (ptePresent(pte) && (pte & PTE_DIRTY) !== 0) found.add(ptePfn(pte));
    }
  }
  return found;
}

/** Are there folios in the swap cache that could not be read? Whoever wants one gets an error, although nothing fails any more. */
export function someUnreadable(w: World): boolean {
  const { swap, frames, stat } = w.k;
  if (stat.failures > w.failures && (swap.state.broken & READS_FAIL) !== 0) w.unreadable = true;
  if (!w.unreadable) return false;
  for (let slot = 1; slot < swap.pages; slot++) {
    const pfn = swap.slots.cache[slot] - 1;
    if (pfn >= 0 && (frames.flags[pfn] & PG_uptodate) === 0) return true;
  }
  w.unreadable = false;
  return false;
}
