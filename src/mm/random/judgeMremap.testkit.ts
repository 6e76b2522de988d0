/** mremap, by the page. Where one area ends and the next begins is taken from what the kernel showed before the call. */

import type { Mm } from "../mmTypes.ts";
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE } from "../mremap.ts";
import { taskSize } from "../unmappedArea.ts";
import { vmaLookup } from "../vma.ts";
import { equal } from "./judge.testkit.ts";
import { EFAULT, EINVAL, ENOMEM, type Place, populatePlace, type Space, unmapPlaces } from "./oracle.testkit.ts";
import type { Step } from "./step.testkit.ts";
import type { World } from "./world.testkit.ts";

export function judgeMremap(w: World, s: Step, got: number, space: Space): void {
  const { at, n, pages } = s;
  const moves = (s.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) !== 0;
  const fixed = (s.flags & MREMAP_FIXED) !== 0;
  const keeps = (s.flags & MREMAP_DONTUNMAP) !== 0;
  const may = (s.flags & MREMAP_MAYMOVE) !== 0;
  if (pages === 0 || (moves && !may) || (keeps && n !== pages)) return equal("mremap", got, EINVAL);
  if (w.areaEnd < 0) return equal("mremap", got, EFAULT);
  if (!moves && n >= pages) {
    unmapPlaces(space, at + pages, n - pages);
    return equal("mremap", got, at);
  }
  if (moves && at + n > s.to && s.to + pages > at) return equal("mremap", got, EINVAL);
  if (fixed) unmapPlaces(space, s.to, pages);
  if (moves && n > pages) unmapPlaces(space, at + pages, n - pages);
  const length = Math.min(n, pages);
  if (at + length > w.areaEnd) return equal("mremap", got, EFAULT);
  const fits = at + pages <= taskSize(w.k);
  const inPlace = !moves && fits && w.areaEnd === at + n && isFree(space, at + n, pages - n);
  if (!moves && !inPlace && !may) return equal("mremap", got, ENOMEM);
  const to = inPlace ? at : fixed ? s.to : got;
  equal("mremap", got, to);
  if (to < 0 || (!inPlace && !isFree(space, to, pages))) throw new Error(`mremap chose ${to}, which is taken`);
  relocate(w, space, s, length, to, keeps);
}

function isFree(space: Space, at: number, n: number): boolean {
  for (let j = 0; j < n; j++) if (space.places.has(at + j)) return false;
  return true;
}

function relocate(w: World, space: Space, s: Step, length: number, to: number, keeps: boolean): void {
  const { at, pages } = s;
  const moved = Array.from({ length }, (_, j) => space.places.get(at + j) as Place);
  const last = moved[length - 1];
  if (keeps && last.locked) {
    space.lockedOff = true;
    // The whole area that the pages are taken from is unlocked, as far as the new place has left it.
    const start = to < at ? Math.max(w.areaStart, to + pages) : w.areaStart;
    const end = to > at ? Math.min(w.areaEnd, to) : w.areaEnd;
    for (let j = start; j < end; j++) {
      const place = space.places.get(j);
      if (place) space.places.set(j, { ...place, locked: false });
    }
  }
  moved.forEach((place, j) => {
    if (to === at) return;
    if (keeps) space.places.set(at + j, { ...place, own: null, locked: false, soft: false });
    else space.places.delete(at + j);
  });
  moved.forEach((place, j) => {
    space.places.set(to + j, place);
  });
  for (let j = length; j < pages; j++) {
    const added = { ...last, index: last.index + 1 + (j - length), own: null, soft: false };
    space.places.set(to + j, added);
    if (added.locked) populatePlace(added);
  }
  if (keeps && last.locked) unlockMerged(space, s, to);
}

/** Where nobody has touched anything the old and the new place may have become one area, which is unlocked as a whole. */
function unlockMerged(space: Space, s: Step, to: number): void {
  const area = vmaLookup(s.process.mm as Mm, to);
  if (!area || s.at < area.start || s.at >= area.end) return;
  for (let at = area.start; at < area.end; at++) {
    const place = space.places.get(at);
    if (place) space.places.set(at, { ...place, locked: false });
  }
}
