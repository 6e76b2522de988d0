/** Long-term pins must not keep pages where memory is to stay movable (check_and_migrate_movable_pages in mm/gup.c). */
import type { Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import { GFP_USER } from "../machine/gfp.ts";
import type { Pages } from "./gup.ts";
import { folioIsolateLru, putbackMovablePages } from "./isolate.ts";
import type { Kernel } from "./kernel.ts";
import { migratePages } from "./migrate.ts";
import { GUP_PIN_COUNTING_BIAS, hasFlag, type Pfn, PG_lru, ZERO_PFN } from "./page.ts";
import { freePageListHead, listAddTail, newPageList, type PageList } from "./pageList.ts";
import { noteUnpin } from "./pinsHeld.ts";
import { folioPutRefs, lruAddDrain } from "./swap.ts";
import { isMovableZone } from "./zone.ts";

/** is_longterm_pinnable_page. */
export function isLongtermPinnable(k: Kernel, pfn: Pfn): boolean {
  return pfn === ZERO_PFN || !isMovableZone(k, pfn);
}

/** 0: all may stay pinned. 1: they were unpinned and moved, pin them again. -errno: unpinned, and could not be moved. */
export function* checkAndMigrateMovable(k: Kernel, pages: Pages, offset: number, n: number): Task<number> {
  const list = newPageList(k);
  const found = yield* collect(k, list, pages, offset, n);
  let failed = 0;
  if (found) {
    for (let i = 0; i < n; i++) {
      const pfn = pages.pfn[offset + i];
      noteUnpin(k, pfn);
      if (pfn !== ZERO_PFN) yield* folioPutRefs(k, pfn, GUP_PIN_COUNTING_BIAS);
    }
    if (list.count > 0) failed = yield* migratePages(k, list, GFP_USER, -1);
    if (failed !== 0) yield* putbackMovablePages(k, list);
  }
  freePageListHead(k, list);
  if (failed !== 0) return -ENOMEM;
  return found ? 1 : 0;
}

/** collect_longterm_unpinnable_pages: isolates them. False when there are none. */
function* collect(k: Kernel, list: PageList, pages: Pages, offset: number, n: number): Task<boolean> {
  let found = false;
  let drained = false;
  for (let i = 0; i < n; i++) {
    const pfn = pages.pfn[offset + i];
    if (isLongtermPinnable(k, pfn)) continue;
    found = true;
    if (!drained && !hasFlag(k, pfn, PG_lru)) {
      yield* lruAddDrain(k);
      drained = true;
    }
    if (yield* folioIsolateLru(k, pfn)) listAddTail(k, list, pfn);
  }
  return found;
}
