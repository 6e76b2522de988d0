/**
 * The page allocator: a free list, and the slow path that makes room.
 *
 *   free list ──found──▶ page
 *      │ empty
 *      ▼                     no direct reclaim allowed by gfp, or the task is itself reclaiming (PF_MEMALLOC)
 *   slow path ─────────────────────────────────────────────────────────────────────────────▶ fail
 *      │ direct reclaim
 *      ├── freed something ──▶ look at the free list again (another task may have been faster: then reclaim again)
 *      └── freed nothing ──▶ __GFP_NOFAIL: again; else fail. There is no OOM killer yet, so this is where it would be
 *                            called; the 16 rounds without progress that the kernel waits before are one round here.
 */
import { touch } from "../../machine/cell.ts";
import { mightSleep } from "../../machine/context.ts";
import type { Task } from "../../machine/core.ts";
import {
  __GFP_NOFAIL,
  __GFP_NORETRY,
  currentGfpContext,
  gfpAllowsBlocking,
  mayEnterReclaim,
  mightAlloc,
} from "../../machine/gfp.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { folioPut } from "./lru.ts";
import { type Folio, GENERATION_MASK } from "./page.ts";
import { tryToFreePages } from "./vmscan.ts";

/** alloc_pages(gfp, 0): a folio with one reference, or null. May sleep, and enter notifiers, as `gfp` and the task allow. */
export function* allocPage(k: Kernel, gfp: number): Task<Folio | null> {
  gfp = currentGfpContext(gfp);
  // Said of every allocation, also when a page is free: whatever may reclaim sleeps, and may call notifiers.
  mightAlloc(gfp);
  if (gfpAllowsBlocking(gfp)) mightSleep("allocate with direct reclaim");
  for (;;) {
    const folio = yield* rmqueue(k);
    if (folio) return folio;
    if (!mayEnterReclaim(gfp)) return null;
    const freed = yield* tryToFreePages(k, gfp);
    if (freed > 0 && (gfp & __GFP_NORETRY) === 0) continue;
    if ((gfp & __GFP_NOFAIL) !== 0) continue;
    return freed > 0 ? yield* rmqueue(k) : null;
  }
}

/** Takes a folio off the free list. It is ours alone until we publish it. */
function* rmqueue(k: Kernel): Task<Folio | null> {
  const { node } = k;
  yield* lock(node.zoneLock);
  const folio = node.freeFirst;
  if (folio) {
    node.freeFirst = folio.buddyNext;
    folio.buddyNext = null;
  }
  yield* unlock(node.zoneLock);
  if (folio) {
    yield* touch(folio.refcount);
    folio.refcount.value = 1;
  }
  return folio;
}

/** The last reference is gone (or was frozen away) and nothing leads to `folio` any more: its life ends. */
export function* freePage(k: Kernel, folio: Folio): Task {
  folio.mapping = null;
  folio.index = 0;
  yield* touch(folio.generation);
  folio.generation.value = (folio.generation.value + 1) & GENERATION_MASK;
  yield* lock(k.node.zoneLock);
  folio.buddyNext = k.node.freeFirst;
  k.node.freeFirst = folio;
  yield* unlock(k.node.zoneLock);
}

/** kmalloc, kvmalloc: memory for the kernel's own use, here always a whole page. Null when there is none. */
export function* kmalloc(k: Kernel, gfp: number): Task<Folio | null> {
  return yield* allocPage(k, gfp);
}

/** kfree, kvfree. Freeing nothing is allowed. */
export function* kfree(k: Kernel, memory: Folio | null): Task {
  if (memory) yield* folioPut(k, memory);
}
