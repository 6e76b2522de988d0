/** show_gfp_flags: a mask as trace files print it. Names of masks first, the largest first; of what is left, the bits. */
import {
  __GFP_ACCOUNT,
  __GFP_ATOMIC,
  __GFP_COMP,
  __GFP_DIRECT_RECLAIM,
  __GFP_FS,
  __GFP_HARDWALL,
  __GFP_HIGH,
  __GFP_HIGHMEM,
  __GFP_IO,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_MOVABLE,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RECLAIM,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  __GFP_WRITE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_KERNEL_ACCOUNT,
  GFP_NOFS,
  GFP_NOIO,
  GFP_NOWAIT,
  GFP_TRANSHUGE,
  GFP_TRANSHUGE_LIGHT,
  GFP_USER,
} from "../machine/gfp.ts";

/** In the order of include/trace/events/mmflags.h: the first that the mask contains is taken out of it, and so on. */
const NAMES: Readonly<Record<string, number>> = {
  GFP_TRANSHUGE,
  GFP_TRANSHUGE_LIGHT,
  GFP_HIGHUSER_MOVABLE,
  GFP_HIGHUSER,
  GFP_USER,
  GFP_KERNEL_ACCOUNT,
  GFP_KERNEL,
  GFP_NOFS,
  GFP_ATOMIC,
  GFP_NOIO,
  GFP_NOWAIT,
  __GFP_HIGHMEM,
  __GFP_HIGH,
  __GFP_ATOMIC,
  __GFP_IO,
  __GFP_FS,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_COMP,
  __GFP_ZERO,
  __GFP_NOMEMALLOC,
  __GFP_MEMALLOC,
  __GFP_HARDWALL,
  __GFP_THISNODE,
  __GFP_MOVABLE,
  __GFP_ACCOUNT,
  __GFP_WRITE,
  __GFP_RECLAIM,
  __GFP_DIRECT_RECLAIM,
  __GFP_KSWAPD_RECLAIM,
};

/** "GFP_HIGHUSER_MOVABLE|__GFP_COMP"; "none" for 0. Bits without a name are a number at the end. */
export function showGfpFlags(mask: number): string {
  const names: string[] = [];
  let left = mask;
  for (const [name, bits] of Object.entries(NAMES)) {
    if ((left & bits) !== bits) continue;
    names.push(name);
    left &= ~bits;
  }
  if (left !== 0) names.push(`0x${left.toString(16)}`);
  return names.length === 0 ? "none" : names.join("|");
}
