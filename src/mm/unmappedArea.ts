/** Where a mapping goes whose place the caller leaves open (arch_get_unmapped_area_topdown in arch/x86, mm/mmap.c). */
import { EINVAL, ENOMEM } from "../machine/errno.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm, Vma } from "./mmTypes.ts";
import { ALL_END } from "./mmuNotifierTypes.ts";
import type { Vpn } from "./page.ts";
import { findVma } from "./vma.ts";

/** mmap_min_addr: 64 KiB. */
const MMAP_MIN: Vpn = 16;

/** TASK_SIZE in pages: what the page tables reach, below the end of a range over everything. */
export const taskSize = (k: Kernel): Vpn => Math.min((1 << k.tableShift) << k.windowShift, ALL_END);

/**
 * get_unmapped_area: `n` free pages. `hint` is taken when they are free there; 0 = anywhere, then the highest gap is
 * filled from its end, below what was mapped there before. The first page, or -ENOMEM. mmap_lock held.
 */
export function getUnmappedArea(k: Kernel, mm: Mm, hint: Vpn, n: number): Vpn {
  const top = taskSize(k);
  if (n > top) return -ENOMEM;
  if (hint > 0) {
    const at = Math.max(hint, MMAP_MIN);
    const next = findVma(mm, at);
    if (at + n <= top && (!next || at + n <= next.start)) return at;
  }
  let ceiling = top;
  for (let vma = lastVma(mm); vma; vma = vma.prev) {
    if (ceiling - vma.end >= n) break;
    ceiling = Math.min(ceiling, vma.start);
  }
  return ceiling - n >= MMAP_MIN ? ceiling - n : -ENOMEM;
}

/** The place of MAP_FIXED: taken as it is. -ENOMEM beyond the end, -EINVAL for no address at all. */
export function fixedArea(k: Kernel, at: Vpn, n: number): Vpn {
  if (at < 0) return -EINVAL;
  return n > taskSize(k) || at > taskSize(k) - n ? -ENOMEM : at;
}

function lastVma(mm: Mm): Vma | null {
  let last = mm.mmap;
  while (last?.next) last = last.next;
  return last;
}
