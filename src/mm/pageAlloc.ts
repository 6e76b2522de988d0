/**
 * The page allocator: free lists of each node and zone, last in first out like the per-CPU lists of the kernel. There is
 * no reclaim here yet: an allocation fails when nothing is free.
 */

import { contextWord, mightSleep, PF_MEMALLOC } from "../machine/context.ts";
import type { Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { __GFP_DIRECT_RECLAIM, __GFP_FS, __GFP_MOVABLE, __GFP_ZERO, currentGfpContext } from "../machine/gfp.ts";
import { fsReclaim, lockMapTouch, mmuNotifierInvalidateRangeStart } from "../machine/lockMap.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { freeListOf, type Kernel } from "./kernel.ts";
import { type Pfn, PG_buddy } from "./page.ts";

/** alloc_pages(gfp, 0): a frame with one reference, preferably of node `nid`; -1 when none is free. */
export function* allocPage(k: Kernel, gfp: number, nid = 0): Task<Pfn> {
  gfp = currentGfpContext(gfp);
  mightAlloc(gfp);
  yield* lock(k.state.zoneLock);
  const pfn = takeFree(k, gfp, nid);
  yield* unlock(k.state.zoneLock);
  if (pfn >= 0 && (gfp & __GFP_ZERO) !== 0) k.frames.content[pfn] = 0;
  return pfn;
}

/** get_page_from_freelist: the zones that `gfp` allows, from the node onwards, movable ones first. Zone lock held. */
function takeFree(k: Kernel, gfp: number, nid: number): Pfn {
  for (let i = 0; i < k.nodes; i++) {
    const node = (nid + i) % k.nodes;
    for (let zone = (gfp & __GFP_MOVABLE) !== 0 ? 1 : 0; zone >= 0; zone--) {
      const pfn = k.free.head[2 * node + zone] - 1;
      if (pfn >= 0) return prepareNewPage(k, pfn, 2 * node + zone);
    }
  }
  return -1;
}

function prepareNewPage(k: Kernel, pfn: Pfn, list: number): Pfn {
  const { frames } = k;
  k.free.head[list] = frames.next[pfn];
  frames.next[pfn] = 0;
  if (frames.refcount[pfn] !== 0 || frames.mapcount[pfn] !== 0)
    throw new Finding("use-after-free", `frame ${pfn} is free and in use`);
  frames.flags[pfn] = 0;
  frames.refcount[pfn] = 1;
  k.state.pagesInUse++;
  return pfn;
}

/** Takes a frame of node `nid` and no other; -1 when none is free there. */
export function* allocPageNode(k: Kernel, gfp: number, nid: number): Task<Pfn> {
  mightAlloc(gfp);
  yield* lock(k.state.zoneLock);
  let pfn = -1;
  for (let zone = (gfp & __GFP_MOVABLE) !== 0 ? 1 : 0; zone >= 0 && pfn < 0; zone--) {
    pfn = k.free.head[2 * nid + zone] - 1;
    if (pfn >= 0) prepareNewPage(k, pfn, 2 * nid + zone);
  }
  yield* unlock(k.state.zoneLock);
  return pfn;
}

/**
 * might_alloc: what lockdep and the sleep check are told about every allocation, also when a page is free. Whatever may
 * reclaim directly may call notifiers, GFP_NOFS and GFP_NOIO included.
 */
export function mightAlloc(gfp: number): void {
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0) return;
  mightSleep("allocate with direct reclaim");
  if ((contextWord() & PF_MEMALLOC) !== 0) return;
  if ((gfp & __GFP_FS) !== 0) lockMapTouch(fsReclaim);
  lockMapTouch(mmuNotifierInvalidateRangeStart);
}

/** free_unref_page: the last reference is gone and nothing leads to `pfn` any more. */
export function* freePage(k: Kernel, pfn: Pfn): Task {
  const { frames } = k;
  if (frames.mapcount[pfn] !== 0) throw new Finding("use-after-free", `frame ${pfn} is freed while page tables map it`);
  frames.flags[pfn] = PG_buddy;
  frames.mapping[pfn] = 0;
  frames.index[pfn] = 0;
  frames.private[pfn] = 0;
  frames.mlockCount[pfn] = 0;
  frames.prev[pfn] = 0;
  frames.generation[pfn] = (frames.generation[pfn] + 1) & 1023;
  yield* lock(k.state.zoneLock);
  const list = freeListOf(k, pfn);
  frames.next[pfn] = k.free.head[list];
  k.free.head[list] = pfn + 1;
  k.state.pagesInUse--;
  yield* unlock(k.state.zoneLock);
}
