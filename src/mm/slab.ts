/** kmalloc and kfree (mm/slab.h), as far as they matter to reclaim: memory for the kernel's own use, always a whole page. */
import type { Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import type { Pfn } from "./page.ts";
import { allocPage } from "./pageAlloc.ts";
import { folioPut } from "./swap.ts";

/** kmalloc, kvmalloc: the frame, 0 = NULL. May sleep, reclaim, and so call notifiers, as `gfp` and the task allow. */
export function* kmalloc(k: Kernel, gfp: number): Task<Pfn> {
  const pfn = yield* allocPage(k, gfp);
  return pfn < 0 ? 0 : pfn;
}

/** kfree, kvfree. Freeing NULL is allowed. */
export function* kfree(k: Kernel, memory: Pfn): Task {
  if (memory !== 0) yield* folioPut(k, memory);
}
