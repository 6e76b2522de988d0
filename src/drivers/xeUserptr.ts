/**
 * User memory of xe (xe_hmm.c, xe_vm.c): an interval subscription, no references, and a notifier_lock that callbacks take for
 * writing and whoever uses the pages takes for reading.
 *
 *   populate   read_begin ─▶ hmm_range_fault ─▶ notifier_lock: retry? again : use the pages ─▶ unlock
 *
 * A struct page that nobody has a reference to may be touched only under notifier_lock; and no folio may be locked there,
 * since whoever holds a folio lock may be on his way to the callback.
 */
import type { Handle, Task } from "../machine/core.ts";
import { EBUSY } from "../machine/errno.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import type { Machine } from "../machine/machine.ts";
import { downRead, downWrite, type RwSem, rwsemField, upRead, upWrite } from "../machine/rwsem.ts";
import { int, struct } from "../machine/struct.ts";
import { createPages, type Pages } from "../mm/gup.ts";
import { HMM_REQ_FAULT, HMM_REQ_WRITE, hmmRangeFault } from "../mm/hmm.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import {
  createIntervalNotifier,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "../mm/mmuIntervalNotifier.ts";
import { type IntervalNotifier, type IntervalNotifierOps, rangeBlockable } from "../mm/mmuNotifierTypes.ts";
import { folioLockWord, type Pfn, type Vpn } from "../mm/page.ts";
import { setPageDirty } from "../mm/pageWriteback.ts";
import { driverHistory } from "./history.ts";

/** Where the pages are marked dirty: before notifier_lock (as first merged), under it (0a98219bcc96), or not at all. */
export type MarksDirty = "unlocked" | "underLock" | "never";

const history = driverHistory<{ readonly marks: MarksDirty }, string>("xe-userptr", {
  "as-merged": { marks: "unlocked" },
  "0a98219bcc96": { marks: "underLock" },
  "v6.15": { marks: "never" },
});

export interface XeUserptr extends Handle {
  readonly notifierLock: RwSem;
  /** What the GPU maps, as hmm_range_fault says it. */
  mapped: number;
  readonly pages: Pages;
  readonly marks: MarksDirty;
}
const userptrStruct = struct("xeUserptr", { notifierLock: rwsemField(), mapped: int({ ordered: "notifier_lock" }) });

const xeOps: IntervalNotifierOps = {
  /** vma_userptr_invalidate. */
  *invalidate(_k, sub, _start, _end, flags, seq): Task<boolean> {
    const userptr = sub.driver as XeUserptr;
    if (!rangeBlockable(flags)) return false;
    yield* downWrite(userptr.notifierLock);
    yield* mmuIntervalSetSeq(sub, seq);
    userptr.mapped = 0;
    yield* upWrite(userptr.notifierLock);
    return true;
  },
};

/** Set-up: a userptr of one page; to be inserted. */
export function createXeUserptr(m: Machine, k: Kernel, marks: MarksDirty): IntervalNotifier<XeUserptr> {
  const userptr = Object.assign(userptrStruct.create("userptr"), {
    pages: createPages("userptr.pages", 1),
    ...history.inForce({ marks }),
  });
  return createIntervalNotifier(m, k, "userptr.notifier", xeOps, userptr);
}

/** xe_hmm_userptr_populate_range, for page `vpn`, and the bind. 0 or -errno. */
export function* xePopulate(k: Kernel, sub: IntervalNotifier<XeUserptr>, vpn: Vpn): Task<number> {
  const userptr = sub.driver;
  const mm = sub.mm as Mm;
  for (;;) {
    const seq = yield* mmuIntervalReadBegin(sub);
    yield* downRead(mm.mmapLock);
    const error = yield* hmmRangeFault(k, mm, sub, seq, vpn, vpn + 1, HMM_REQ_FAULT | HMM_REQ_WRITE, userptr.pages);
    yield* upRead(mm.mmapLock);
    if (error === -EBUSY) continue;
    if (error !== 0) return error;
    const pfn = userptr.pages.pfn[0] >> 2;
    if (userptr.marks === "unlocked") yield* setPageDirtyLock(k, pfn);
    yield* downRead(userptr.notifierLock);
    const retry = yield* mmuIntervalReadRetry(sub, seq);
    if (!retry) {
      if (userptr.marks === "underLock") yield* setPageDirtyLock(k, pfn);
      userptr.mapped = userptr.pages.pfn[0];
    }
    yield* upRead(userptr.notifierLock);
    if (!retry) return 0;
  }
}

/** set_page_dirty_lock: takes the lock whatever the page is like. */
function* setPageDirtyLock(k: Kernel, pfn: Pfn): Task {
  yield* lockFolio(folioLockWord(k, pfn));
  yield* setPageDirty(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
}
