/** Reclaim (mm/vmscan.c). */
import { immediately, type Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import type { PageList } from "./pageList.ts";
import type { ScanControl } from "./scanControl.ts";

/** do_try_to_free_pages: how many pages were reclaimed. */
export function doTryToFreePages(_k: Kernel, _sc: ScanControl): Task<number> {
  return immediately(0) as never;
}

/** reclaim_pages: the isolated folios of `list`, for MADV_PAGEOUT. How many were reclaimed; the rest is put back. */
export function reclaimPages(_k: Kernel, _list: PageList): Task<number> {
  return immediately(0) as never;
}
