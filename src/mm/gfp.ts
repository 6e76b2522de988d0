/** Allocation flags: what the allocator may do to find a page (include/linux/gfp.h, own bit positions). */
import { contextWord, PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO, PF_MEMALLOC_PIN } from "../machine/context.ts";

export const __GFP_KSWAPD_RECLAIM = 1 << 0;
export const __GFP_DIRECT_RECLAIM = 1 << 1;
export const __GFP_IO = 1 << 2;
export const __GFP_FS = 1 << 3;
export const __GFP_HIGH = 1 << 4;
export const __GFP_MOVABLE = 1 << 5;
/** One round of reclaim, no OOM killer. */
export const __GFP_NORETRY = 1 << 6;
/** Loops for ever instead of failing. */
export const __GFP_NOFAIL = 1 << 7;
/** The page is to be zeroed (__GFP_ZERO). */
export const GFP_ZERO = 1 << 8;

export const GFP_ATOMIC = __GFP_HIGH | __GFP_KSWAPD_RECLAIM;
export const GFP_NOWAIT = __GFP_KSWAPD_RECLAIM;
export const GFP_NOIO = __GFP_KSWAPD_RECLAIM | __GFP_DIRECT_RECLAIM;
export const GFP_NOFS = GFP_NOIO | __GFP_IO;
export const GFP_KERNEL = GFP_NOFS | __GFP_FS;
export const GFP_USER = GFP_KERNEL;
export const GFP_HIGHUSER_MOVABLE = GFP_KERNEL | __GFP_MOVABLE;

/** current_gfp_context: the mask that remains after the scopes of the running task. */
export function currentGfpContext(gfp: number): number {
  const scopes = contextWord();
  if ((scopes & PF_MEMALLOC_NOIO) !== 0) gfp &= ~(__GFP_IO | __GFP_FS);
  else if ((scopes & PF_MEMALLOC_NOFS) !== 0) gfp &= ~__GFP_FS;
  if ((scopes & PF_MEMALLOC_PIN) !== 0) gfp &= ~__GFP_MOVABLE;
  return gfp;
}
