/** mincore(2) (mm/mincore.c): which pages are in memory. */
import type { Task } from "../machine/core.ts";
import { EINVAL, ENOMEM } from "../machine/errno.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { cacheEntry, TMPFS } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { linearPageIndex, type Mm, type Process, type Vma } from "./mmTypes.ts";
import { hasFlag, PG_uptodate, type Vpn } from "./page.ts";
import { pteAt, ptePresent, SWP_SWAP, swpOffset, swpType } from "./pageTable.ts";
import { vmaLookup } from "./vma.ts";

/** As many as fit into the result. */
const MAX_PAGES = 30;

/** mincore(2): bit i = page `at` + i is resident. -ENOMEM where nothing is mapped, -EINVAL for more than 30 pages. */
export function* sysMincore(k: Kernel, p: Process, at: Vpn, n: number): Task<number> {
  const mm = p.mm as Mm;
  if (n < 0 || n > MAX_PAGES) return -EINVAL;
  let bits = 0;
  yield* downRead(mm.mmapLock);
  for (let i = 0; i < n && bits >= 0; i++) {
    const vma = vmaLookup(mm, at + i);
    if (!vma) bits = -ENOMEM;
    else if (yield* isResident(k, vma, at + i)) bits |= 1 << i;
  }
  yield* upRead(mm.mmapLock);
  return bits;
}

/** mincore_pte_range, one page: mapped; or, where nothing is mapped, in the page cache of the file. */
function* isResident(k: Kernel, vma: Vma, at: Vpn): Task<boolean> {
  const mm = vma.mm as Mm;
  yield* lock(mm.ptl);
  const pte = pteAt(k, mm, at);
  let resident = ptePresent(pte);
  if (pte === 0) resident = isCached(k, vma, at);
  // Migration entries count as resident.
  else if (!resident) resident = swpType(pte) !== SWP_SWAP || inSwapCache(k, swpOffset(pte));
  yield* unlock(mm.ptl);
  return resident;
}

/** mincore_page: looks at the page cache without its lock. */
function isCached(k: Kernel, vma: Vma, at: Vpn): boolean {
  if (!vma.inode) return false;
  const pfn = cacheEntry(k, vma.inode, linearPageIndex(vma, at));
  // Below -1 stands the slot of a page of tmpfs; in a file it is what is remembered of an evicted page.
  if (pfn < -1 && vma.inode.kind === TMPFS) return inSwapCache(k, -(pfn + 1));
  return pfn >= 0 && hasFlag(k, pfn, PG_uptodate);
}

/** find_get_incore_page: swapped out, but read again or not yet written. */
function inSwapCache(k: Kernel, slot: number): boolean {
  const pfn = k.swap.slots.cache[slot] - 1;
  return pfn >= 0 && hasFlag(k, pfn, PG_uptodate);
}
