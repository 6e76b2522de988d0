/**
 * User memory of xe (xe_hmm.c, xe_vm.c): an interval subscription, no references, and a notifier_lock that callbacks take for
 * writing and whoever uses the pages takes for reading.
 *
 *   populate   read_begin ─▶ hmm_range_fault ─▶ notifier_lock: retry? again : use the pages ─▶ unlock
 *
 * A struct page that nobody has a reference to may be touched only under notifier_lock; and no folio may be locked there,
 * since whoever holds a folio lock may be on his way to the callback.
 */
import { column, columns } from "../machine/columns.ts";
import type { Handle, Task } from "../machine/core.ts";
import { EAGAIN, EBUSY } from "../machine/errno.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import type { Machine } from "../machine/machine.ts";
import { downRead, downWrite, type RwSem, rwsemField, upRead, upWrite } from "../machine/rwsem.ts";
import { struct } from "../machine/struct.ts";
import { createPages, type Pages } from "../mm/gup.ts";
import { HMM_REQ_FAULT, HMM_REQ_WRITE, hmmRangeFault } from "../mm/hmm.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import {
  createIntervalNotifier,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "../mm/mmuIntervalNotifier.ts";
import { type IntervalNotifier, type IntervalNotifierOps, rangeBlockable } from "../mm/mmuNotifierTypes.ts";
import { folioLockWord, type Pfn, type Vpn } from "../mm/page.ts";
import { setPageDirty } from "../mm/pageWriteback.ts";
import { driverHistory } from "./history.ts";
import { hardwareStore } from "./underTest.ts";

/** Where the pages are marked dirty: before notifier_lock (as first merged), under it (0a98219bcc96), or not at all. */
export type MarksDirty = "unlocked" | "underLock" | "never";

export const XE_USERPTR = driverHistory<{ readonly marks: MarksDirty }, string>("xe-userptr", {
  "as-merged": { marks: "unlocked" },
  "0a98219bcc96": { marks: "underLock" },
  "v6.15": { marks: "never" },
});

export interface XeUserptr extends Handle {
  readonly notifierLock: RwSem;
  readonly start: Vpn;
  readonly count: number;
  /** What the GPU maps, as hmm_range_fault says it, and how often the frame had been freed then. */
  readonly mapped: ReturnType<typeof createTable>;
  readonly pages: Pages;
  readonly marks: MarksDirty;
}
const userptrStruct = struct("xeUserptr", { notifierLock: rwsemField() });

function createTable(name: string, count: number, guard: () => RwSem) {
  return columns(name, count, { entry: column({ guardedBy: guard }), generation: column({ guardedBy: guard }) });
}

/** All of it goes, whichever page it is about. notifier_lock held for writing. */
function zap({ mapped }: XeUserptr): void {
  mapped.entry.fill(0);
  mapped.generation.fill(0);
}

const xeOps: IntervalNotifierOps = {
  /** vma_userptr_invalidate. */
  *invalidate(_k, sub, _start, _end, flags, seq): Task<boolean> {
    const userptr = sub.driver as XeUserptr;
    if (!rangeBlockable(flags)) return false;
    yield* downWrite(userptr.notifierLock);
    yield* mmuIntervalSetSeq(sub, seq);
    zap(userptr);
    yield* upWrite(userptr.notifierLock);
    return true;
  },
};

/** Set-up: a userptr of `count` pages from `start` on; to be inserted. */
export function createXeUserptr(
  m: Machine,
  k: Kernel,
  marks: MarksDirty,
  { start = 0, count = 1, name = "userptr" }: { start?: Vpn; count?: number; name?: string } = {},
): IntervalNotifier<XeUserptr> {
  const lockHolder = userptrStruct.create(name) as XeUserptr;
  const userptr = Object.assign(lockHolder, {
    ...{ start, count },
    mapped: createTable(`${name}.mapped`, count, () => lockHolder.notifierLock),
    pages: createPages(`${name}.pages`, count),
    ...XE_USERPTR.inForce({ marks }),
  });
  return createIntervalNotifier(m, k, `${name}.notifier`, xeOps, userptr);
}

/** xe_hmm_userptr_populate_range, for all pages, the first of which is `vpn`, and the bind. 0 or -errno. */
export function* xePopulate(k: Kernel, sub: IntervalNotifier<XeUserptr>, vpn: Vpn): Task<number> {
  const userptr = sub.driver;
  const mm = sub.mm as Mm;
  for (;;) {
    const seq = yield* mmuIntervalReadBegin(sub);
    yield* downRead(mm.mmapLock);
    const request = HMM_REQ_FAULT | HMM_REQ_WRITE;
    const error = yield* hmmRangeFault(k, mm, sub, seq, vpn, vpn + userptr.count, request, userptr.pages);
    yield* upRead(mm.mmapLock);
    if (error === -EBUSY) continue;
    if (error !== 0) return error;
    if (userptr.marks === "unlocked") yield* markDirty(k, userptr);
    yield* downRead(userptr.notifierLock);
    const retry = yield* mmuIntervalReadRetry(sub, seq);
    if (!retry) {
      if (userptr.marks === "underLock") yield* markDirty(k, userptr);
      program(k, userptr);
    }
    yield* upRead(userptr.notifierLock);
    if (!retry) return 0;
  }
}

/** notifier_lock held, for reading: the one task that binds. */
function program(k: Kernel, { count, mapped, pages }: XeUserptr): void {
  for (let i = 0; i < count; i++) {
    mapped.entry[i] = pages.pfn[i];
    mapped.generation[i] = k.frames.generation[pages.pfn[i] >> 2];
  }
}

/** xe_mark_range_accessed: what was collected. */
function* markDirty(k: Kernel, { count, pages }: XeUserptr): Task {
  for (let i = 0; i < count; i++) yield* setPageDirtyLock(k, pages.pfn[i] >> 2);
}

/** A job of the GPU stores to page `vpn` through what it has mapped. 0, or -EAGAIN when nothing is. */
export function* xeStore(k: Kernel, { driver }: IntervalNotifier<XeUserptr>, vpn: Vpn, content: number): Task<number> {
  const at = vpn - driver.start;
  yield* downRead(driver.notifierLock);
  const entry = driver.mapped.entry[at];
  if (entry !== 0) hardwareStore(k, entry >> 2, driver.mapped.generation[at], content);
  yield* upRead(driver.notifierLock);
  return entry === 0 ? -EAGAIN : 0;
}

/** xe_vma_destroy: unbound, then without a subscription. */
export function* xeDestroy(k: Kernel, sub: IntervalNotifier<XeUserptr>): Task {
  yield* downWrite(sub.driver.notifierLock);
  zap(sub.driver);
  yield* upWrite(sub.driver.notifierLock);
  yield* mmuIntervalNotifierRemove(k, sub);
}

/** set_page_dirty_lock: takes the lock whatever the page is like. */
function* setPageDirtyLock(k: Kernel, pfn: Pfn): Task {
  yield* lockFolio(folioLockWord(k, pfn));
  yield* setPageDirty(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
}
