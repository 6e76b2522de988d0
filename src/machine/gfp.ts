/**
 * Allocation flags (include/linux/gfp_types.h of 6.1, own bit positions): what the allocator may do to find a page, and
 * what remains of that in the scopes of the running task.
 */
import { contextWord, PF_MEMALLOC, PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO, PF_MEMALLOC_PIN } from "./context.ts";
import { fsReclaim, lockMapAcquire, lockMapRelease, lockMapTouch, mmuNotifierInvalidateRangeStart } from "./lockMap.ts";

/** Wake kswapd. */
export const __GFP_KSWAPD_RECLAIM = 1 << 0;
/** The caller itself may reclaim, and so sleep. */
export const __GFP_DIRECT_RECLAIM = 1 << 1;
export const __GFP_IO = 1 << 2;
export const __GFP_FS = 1 << 3;
/** May use part of the reserves. */
export const __GFP_HIGH = 1 << 4;
export const __GFP_MOVABLE = 1 << 5;
/** One round of reclaim, no OOM killer. */
export const __GFP_NORETRY = 1 << 6;
/** Loops for ever instead of failing. */
export const __GFP_NOFAIL = 1 << 7;
/** Retries, but no OOM killer. */
export const __GFP_RETRY_MAYFAIL = 1 << 8;
/** In atomic context: more of the reserves than HIGH alone. */
export const __GFP_ATOMIC = 1 << 9;
/** No watermark at all. */
export const __GFP_MEMALLOC = 1 << 10;
/** Never the reserves, whatever the task's flags say. */
export const __GFP_NOMEMALLOC = 1 << 11;
export const __GFP_HARDWALL = 1 << 12;
export const __GFP_HIGHMEM = 1 << 13;
export const __GFP_COMP = 1 << 14;
export const __GFP_NOWARN = 1 << 15;
export const __GFP_THISNODE = 1 << 16;
/** The page will be dirtied: spread over dirty limits. */
export const __GFP_WRITE = 1 << 17;
export const __GFP_ACCOUNT = 1 << 18;
export const __GFP_NOLOCKDEP = 1 << 19;
/** The page is to be zeroed. */
export const __GFP_ZERO = 1 << 20;

export const __GFP_RECLAIM = __GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM;
export const GFP_ATOMIC = __GFP_HIGH | __GFP_ATOMIC | __GFP_KSWAPD_RECLAIM;
export const GFP_NOWAIT = __GFP_KSWAPD_RECLAIM;
export const GFP_NOIO = __GFP_RECLAIM;
export const GFP_NOFS = __GFP_RECLAIM | __GFP_IO;
export const GFP_KERNEL = __GFP_RECLAIM | __GFP_IO | __GFP_FS;
export const GFP_KERNEL_ACCOUNT = GFP_KERNEL | __GFP_ACCOUNT;
export const GFP_USER = GFP_KERNEL | __GFP_HARDWALL;
export const GFP_HIGHUSER = GFP_USER | __GFP_HIGHMEM;
export const GFP_HIGHUSER_MOVABLE = GFP_HIGHUSER | __GFP_MOVABLE;
export const GFP_TRANSHUGE_LIGHT =
  (GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~__GFP_RECLAIM;
export const GFP_TRANSHUGE = GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM;

/** Composed masks under their names, for reports and tables. */
export const GFP_MASKS = {
  GFP_ATOMIC,
  GFP_NOWAIT,
  GFP_NOIO,
  GFP_NOFS,
  GFP_KERNEL,
  GFP_KERNEL_ACCOUNT,
  GFP_USER,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_TRANSHUGE_LIGHT,
  GFP_TRANSHUGE,
} as const;

/** current_gfp_context: the mask that remains in the scopes of the running task. */
export function currentGfpContext(gfp: number): number {
  const scopes = contextWord();
  if ((scopes & PF_MEMALLOC_NOIO) !== 0) gfp &= ~(__GFP_IO | __GFP_FS);
  else if ((scopes & PF_MEMALLOC_NOFS) !== 0) gfp &= ~__GFP_FS;
  if ((scopes & PF_MEMALLOC_PIN) !== 0) gfp &= ~__GFP_MOVABLE;
  return gfp;
}

/** gfpflags_allow_blocking: may the allocation sleep? */
export function gfpAllowsBlocking(gfp: number): boolean {
  return (gfp & __GFP_DIRECT_RECLAIM) !== 0;
}

/** May an allocation with `gfp` by the running task reclaim by itself? PF_MEMALLOC is the guard against recursion. */
export function mayEnterReclaim(gfp: number): boolean {
  return gfpAllowsBlocking(gfp) && (contextWord() & PF_MEMALLOC) === 0;
}

/** __need_reclaim: does lockdep count it as entering reclaim? */
function needReclaim(gfp: number): boolean {
  return mayEnterReclaim(gfp) && (gfp & __GFP_NOLOCKDEP) === 0;
}

/**
 * fs_reclaim_acquire: to be called where reclaim is entered, or might be. With FS the task holds the fs_reclaim map until
 * `fsReclaimRelease`; every mask with direct reclaim touches the notifiers' map, NOFS and NOIO included.
 */
export function fsReclaimAcquire(gfp: number): void {
  const mask = currentGfpContext(gfp);
  if (!needReclaim(mask)) return;
  if ((mask & __GFP_FS) !== 0) lockMapAcquire(fsReclaim);
  lockMapTouch(mmuNotifierInvalidateRangeStart);
}

/** fs_reclaim_release, with the mask and in the scopes of its `fsReclaimAcquire`. */
export function fsReclaimRelease(gfp: number): void {
  const mask = currentGfpContext(gfp);
  if (needReclaim(mask) && (mask & __GFP_FS) !== 0) lockMapRelease(fsReclaim);
}

/** might_alloc: what an allocation tells lockdep whether or not it has to reclaim this time. */
export function mightAlloc(gfp: number): void {
  fsReclaimAcquire(gfp);
  fsReclaimRelease(gfp);
}
