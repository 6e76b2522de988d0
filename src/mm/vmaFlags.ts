/** Changing flags of part of a VMA: merged with a neighbour that is alike, or split off (madvise, mlock, mbind). */
import type { Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import { linearPageIndex, type Mm, type Vma } from "./mmTypes.ts";
import { splitVma } from "./vma.ts";
import { vmaMerge } from "./vmaMerge.ts";

/** The VMA that has exactly [start, end), ready for the new flags and policy; null without memory. */
export function* vmaForChange(
  k: Kernel,
  vma: Vma,
  start: number,
  end: number,
  flags: number,
  policy: number,
): Task<Vma | null> {
  const mm = vma.mm as Mm;
  const prev = start > vma.start ? vma : vma.prev;
  const pgoff = linearPageIndex(vma, start);
  const merged = yield* vmaMerge(k, mm, prev, start, end, flags, vma.anonVma, vma.inode, pgoff, policy);
  if (merged) return merged;
  if (start !== vma.start && (yield* splitVma(k, mm, vma, start, true)) !== 0) return null;
  if (end !== vma.end && (yield* splitVma(k, mm, vma, end, false)) !== 0) return null;
  return vma;
}
