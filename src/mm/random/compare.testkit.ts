/** The whole state of the modelled kernel against the oracle, without touching it: areas, pages, files, references. */
import { unchecked } from "../../machine/core.ts";
import { expectedReferences } from "../checkReferences.ts";
import { cacheSlot, EXT4, type File, type Inode, TMPFS } from "../fs.ts";
import { FOLL_PIN } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { type Mm, VM_DONTCOPY, VM_LOCKED, VM_SHARED, VM_SOFTDIRTY, VM_WIPEONFORK, type Vma } from "../mmTypes.ts";
import { GUP_PIN_COUNTING_BIAS, PG_anon, PG_dirty, PG_swapbacked, PG_swapcache, ZERO_PFN } from "../page.ts";
import {
  PTE_DIRTY,
  PTE_PROTNONE,
  PTE_SOFT_DIRTY,
  PTE_WRITE,
  type Pte,
  pteAt,
  ptePfn,
  ptePresent,
  pteSpecial,
  SWP_SWAP,
  swpOffset,
  swpType,
} from "../pageTable.ts";
import { pagesWithDirtyPte, slotContent } from "./adopt.testkit.ts";
import { contentOf, type FileModel, type Place, type Space } from "./oracle.testkit.ts";
import type { World } from "./world.testkit.ts";

/** What differs first, in words; null = nothing. */
export function compare(w: World): string | null {
  return unchecked(() => compareSpaces(w) ?? compareFiles(w) ?? compareReferences(w) ?? comparePins(w));
}

function compareSpaces(w: World): string | null {
  for (const { process, space } of w.oracle.actors) {
    const wrong = compareSpace(w.k, process.mm as Mm, space);
    if (wrong !== null) return `${(process.mm as Mm).name}: ${wrong}`;
  }
  return null;
}

function compareSpace(k: Kernel, mm: Mm, space: Space): string | null {
  let mapped = 0;
  let locked = 0;
  for (let vma = mm.mmap; vma; vma = vma.next) {
    mapped += vma.end - vma.start;
    for (let at = vma.start; at < vma.end; at++) {
      const place = space.places.get(at);
      if (!place) return `page ${at} is mapped and should not be`;
      if (place.locked) locked++;
      const wrong = compareArea(vma, at, place) ?? comparePage(k, vma, pteAt(k, mm, at), place);
      if (wrong !== null) return `page ${at} ${wrong}`;
    }
  }
  if (mapped !== space.places.size) return `${mapped} pages are mapped instead of ${space.places.size}`;
  if (!space.lockedOff && mm.lockedVm !== locked) return `locked_vm is ${mm.lockedVm} instead of ${locked}`;
  return mm.brk === space.brk ? null : `the break is ${mm.brk} instead of ${space.brk}`;
}

export function compareArea(vma: Vma, at: number, place: Place): string | null {
  const { flags } = vma;
  const pairs: readonly (readonly [string, number | boolean, number | boolean])[] = [
    ["rights", flags & 7, place.prot],
    ["sharing", (flags & VM_SHARED) !== 0, place.shared],
    ["lock", (flags & VM_LOCKED) !== 0, place.locked],
    ["DONTFORK", (flags & VM_DONTCOPY) !== 0, place.noFork],
    ["WIPEONFORK", (flags & VM_WIPEONFORK) !== 0, place.wipe],
    ["policy", vma.policy, place.policy],
    ["a file", vma.inode !== null, place.file !== null],
    ["index", place.file ? vma.pgoff + at - vma.start : 0, place.file ? place.index : 0],
  ];
  const wrong = pairs.find(([, got, expected]) => got !== expected);
  return wrong ? `has ${wrong[0]} ${wrong[1]} instead of ${wrong[2]}` : null;
}

function comparePage(k: Kernel, vma: Vma, pte: Pte, place: Place): string | null {
  if (pte === 0) return place.own?.dirty ? `has lost its content ${place.own.value}` : null;
  if (!ptePresent(pte)) return compareSwapped(k, vma, pte, place);
  const pfn = ptePfn(pte);
  const anon = !pteSpecial(pte) && (k.frames.flags[pfn] & PG_anon) !== 0;
  if (anon !== (place.own !== null)) return anon ? "has an own page and nobody wrote" : "has no own page";
  const content = pteSpecial(pte) ? 0 : k.frames.content[pfn];
  if (content !== contentOf(place)) return `contains ${content} instead of ${contentOf(place)}`;
  if ((pte & PTE_WRITE) !== 0 && ((place.prot & 2) === 0 || !(place.own || place.shared))) return "is writable";
  const clean = (k.frames.flags[pfn] & PG_dirty) === 0;
  if (place.shared && place.file?.ext4 && clean && (pte & PTE_WRITE) !== 0) return "is clean and may be written";
  if (((pte & PTE_PROTNONE) === 0) !== (place.prot !== 0)) return "can be accessed, or not, against its rights";
  const dirty = (pte & PTE_DIRTY) !== 0 || (k.frames.flags[pfn] & PG_dirty) !== 0;
  // Reclaim throws clean pages away only if they are not swap-backed (MADV_FREE).
  const lazy = place.own !== null && (k.frames.flags[pfn] & PG_swapbacked) === 0;
  if (lazy && place.own?.dirty && !dirty) return "was written and counts as clean";
  // Reclaim unmaps pages of files, and with the entry goes what it knew.
  if (k.reclaims && place.own === null) return null;
  const soft = (pte & PTE_SOFT_DIRTY) !== 0 || (vma.flags & VM_SOFTDIRTY) !== 0;
  return place.soft && !soft ? "was written and is not soft-dirty" : null;
}

function compareSwapped(k: Kernel, vma: Vma, pte: Pte, place: Place): string | null {
  if (swpType(pte) !== SWP_SWAP) return `has the entry ${pte} when nothing is being moved`;
  if (!place.own) return "is in swap and nobody wrote";
  const content = slotContent(k, swpOffset(pte));
  if (content !== place.own.value) return `has ${content} in swap instead of ${place.own.value}`;
  const soft = (pte & PTE_SOFT_DIRTY) !== 0 || (vma.flags & VM_SOFTDIRTY) !== 0;
  return place.soft && !soft ? "was written and is not soft-dirty in swap" : null;
}

function compareFiles(w: World): string | null {
  const dirtyPtes = pagesWithDirtyPte(w);
  for (let i = 0; i < w.files.length; i++) {
    const inode = (w.files[i] as File).inode as Inode;
    const model = w.oracle.files[i];
    if (inode.size !== model.size) return `file ${i} has ${inode.size} bytes instead of ${model.size}`;
    const wrong = compareFile(w.k, inode, model, dirtyPtes);
    if (wrong !== null) return `file ${i}, ${wrong}`;
  }
  return null;
}

function compareFile(k: Kernel, inode: Inode, model: FileModel, dirtyPtes: ReadonlySet<number>): string | null {
  for (let index = 0; index < k.filePages; index++) {
    const slot = cacheSlot(k, inode, index);
    const pfn = k.cache.page[slot] - 1;
    const cell = model.cells.get(index);
    const disk = model.disk.get(index) ?? 0;
    if (inode.kind === EXT4 && k.cache.disk[slot] !== disk) {
      return `page ${index} has ${k.cache.disk[slot]} on disk instead of ${disk}`;
    }
    const dropped = pfn < 0 && inode.kind === EXT4 && cell?.dirty === false;
    const expected = cell && !dropped ? cell.value : disk;
    const swapped = inode.kind === TMPFS && pfn < -1;
    const got = pfn >= 0 ? k.frames.content[pfn] : swapped ? slotContent(k, -1 - pfn) : k.cache.disk[slot];
    if (got !== expected) return `page ${index} has ${got} instead of ${expected}`;
    const dirty = swapped || (pfn >= 0 && ((k.frames.flags[pfn] & PG_dirty) !== 0 || dirtyPtes.has(pfn)));
    if (cell?.dirty && !dirty) return `page ${index} was written and counts as clean`;
  }
  return null;
}

/** Private pages that a device has pinned stay where they are, and mapped, as long as their process wants them. */
function comparePins(w: World): string | null {
  for (const pin of w.oracle.pins) {
    if (pin.get) continue;
    for (let i = 0; i < pin.cells.length; i++) {
      const cell = pin.cells[i];
      const actor = w.oracle.actors.find(({ space }) => space === pin.of[i]);
      if (!cell || !actor) continue;
      const pfn = w.pinned[pin.slot].pfn[i];
      for (const [at, place] of actor.space.places) {
        if (place.own !== cell) continue;
        const pte = pteAt(w.k, actor.process.mm as Mm, at);
        if (!ptePresent(pte) || ptePfn(pte) !== pfn) return `page ${at} is pinned in frame ${pfn} and not mapped there`;
      }
    }
  }
  return null;
}

/** Nobody has a reference whom one could not name. */
function compareReferences(w: World): string | null {
  const expected = expectedReferences(w.k);
  for (let slot = 0; slot < w.pinned.length; slot++) {
    const n = (w.pinFlags[slot] & FOLL_PIN) !== 0 ? GUP_PIN_COUNTING_BIAS : 1;
    for (let i = 0; i < w.pinCount[slot]; i++) {
      const pfn = w.pinned[slot].pfn[i];
      if (pfn !== ZERO_PFN || n === 1) expected[pfn] += n;
    }
  }
  const { refcount } = w.k.frames;
  for (let pfn = 0; pfn < expected.length; pfn++) {
    // The swap cache.
    if ((w.k.frames.flags[pfn] & PG_swapcache) !== 0) expected[pfn]++;
    if (refcount[pfn] !== expected[pfn])
      return `frame ${pfn} has ${refcount[pfn]} references instead of ${expected[pfn]}`;
  }
  return null;
}
