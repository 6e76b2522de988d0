/** Single pages of locked VMAs (mm/mlock.c): flag at once, list in the next drain of the batch. */
import { immediately, type Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import { BATCH_MLOCK } from "./lruTypes.ts";
import { TAG_MLOCK, TAG_MLOCK_NEW, TAG_MUNLOCK } from "./mlockBatch.ts";
import { VM_IO, VM_LOCKED, VM_PFNMAP, type Vma } from "./mmTypes.ts";
import { folioGet, type Pfn, PG_mlocked, setFlag } from "./page.ts";
import { batchAddAndMove, folioAddLru } from "./swap.ts";

const nothing = (): Task => immediately(undefined) as never;
const locks = (vma: Vma): boolean => (vma.flags & (VM_LOCKED | VM_IO | VM_PFNMAP)) === VM_LOCKED;

/** mlock_folio. */
export function* mlockFolio(k: Kernel, pfn: Pfn): Task {
  setFlag(k, pfn, PG_mlocked);
  yield* folioGet(k, pfn);
  yield* batchAddAndMove(k, BATCH_MLOCK, pfn, TAG_MLOCK);
}

/** munlock_page. */
export function* munlockFolio(k: Kernel, pfn: Pfn): Task {
  yield* folioGet(k, pfn);
  yield* batchAddAndMove(k, BATCH_MLOCK, pfn, TAG_MUNLOCK);
}

/** mlock_vma_page: after an existing page got mapped there. */
export function mlockVmaPage(k: Kernel, pfn: Pfn, vma: Vma): Task {
  return locks(vma) ? mlockFolio(k, pfn) : nothing();
}

/** munlock_vma_page: after a page lost its mapping there. */
export function munlockVmaPage(k: Kernel, pfn: Pfn, vma: Vma): Task {
  return locks(vma) ? munlockFolio(k, pfn) : nothing();
}

/** lru_cache_add_inactive_or_unevictable: a new page of `vma`. */
export function lruCacheAdd(k: Kernel, pfn: Pfn, vma: Vma): Task {
  return locks(vma) ? lruCacheAddMlocked(k, pfn) : folioAddLru(k, pfn);
}

function* lruCacheAddMlocked(k: Kernel, pfn: Pfn): Task {
  setFlag(k, pfn, PG_mlocked);
  yield* folioGet(k, pfn);
  yield* batchAddAndMove(k, BATCH_MLOCK, pfn, TAG_MLOCK_NEW);
}
