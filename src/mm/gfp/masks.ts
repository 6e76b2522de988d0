/** Masks by their names, and what scopes and callers set in the flags of the task. */
import { PF_KSWAPD, PF_MEMALLOC, PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO, PF_MEMALLOC_PIN } from "../../machine/context.ts";
import {
  __GFP_MEMALLOC,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  GFP_MASKS,
} from "../../machine/gfp.ts";
import type { Caller, Scope } from "./names.ts";

export const MODIFIERS: Readonly<Record<string, number>> = {
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  __GFP_NOFAIL,
  __GFP_MEMALLOC,
  __GFP_NOMEMALLOC,
  __GFP_THISNODE,
};

const BITS: Readonly<Record<string, number>> = { ...GFP_MASKS, ...MODIFIERS };

/** Every name that `maskNamed` knows. */
export const MASK_NAMES: readonly string[] = Object.keys(BITS);

/** The bits of "GFP_NOFS|__GFP_NOFAIL" and the like; null when a name is not known. */
export function maskNamed(text: string): number | null {
  let mask = 0;
  for (const name of text.split("|")) {
    if (!Object.hasOwn(BITS, name)) return null;
    mask |= BITS[name] as number;
  }
  return mask;
}

/** What memalloc_nofs_save and its like set. */
export const SCOPE_FLAGS: Readonly<Record<Scope, number>> = {
  none: 0,
  nofs: PF_MEMALLOC_NOFS,
  noio: PF_MEMALLOC_NOIO,
  noreclaim: PF_MEMALLOC,
  pin: PF_MEMALLOC_PIN,
};

/** Task flags that the caller has in any case. */
export const CALLER_FLAGS: Readonly<Record<Caller, number>> = {
  process: 0,
  worker: 0,
  kswapd: PF_MEMALLOC | PF_KSWAPD,
};
