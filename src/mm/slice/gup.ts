/** Getting and pinning user pages (mm/gup.c). */
import { fetchAdd } from "../../machine/cell.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { ref, struct } from "../../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import { folioPutRefs } from "./lru.ts";
import { handleMmFault } from "./memory.ts";
import type { Mm } from "./mm.ts";
import { type Folio, GUP_PIN_COUNTING_BIAS, type Vpn } from "./page.ts";
import { PTE_PRESENT } from "./pageTable.ts";

export const FOLL_WRITE = 1;
/** A plain reference instead of a pin: nothing but the count tells anybody about it. */
export const FOLL_GET = 4;

/** Did a function that returns an object or -errno fail? */
export function isError(value: object | number): value is number {
  return typeof value === "number";
}

/** One entry of an array of pages that a driver keeps (struct page **). Whoever owns the array orders the accesses. */
export interface PageSlot extends Handle {
  folio: Folio | null;
}

const pageSlotStruct = struct("pageSlot", {
  folio: ref<Folio>({ ordered: "belongs to the driver object or the work item that the array is part of" }),
});

/** Set-up: an array for `pages` pages. */
export function createPages(name: string, pages: number): PageSlot[] {
  return Array.from({ length: pages }, (_, i) => pageSlotStruct.create(`${name}[${i}]`));
}

/** References that `flags` take on a small folio. */
function refsOf(flags: number): number {
  return (flags & FOLL_GET) !== 0 ? 1 : GUP_PIN_COUNTING_BIAS;
}

/**
 * pin_user_page: the folio behind page `vpn`, pinned (or with FOLL_GET referenced); -ENOMEM when it could not be made
 * present. mmap_lock held for reading. Faults, so it may reclaim, and call the notifiers of this very mm.
 */
export function* pinUserPage(k: Kernel, mm: Mm, vpn: Vpn, flags: number): Task<Folio | number> {
  for (;;) {
    const folio = yield* followPage(mm, vpn, flags);
    if (folio) return folio;
    const error = yield* handleMmFault(k, mm, vpn, (flags & FOLL_WRITE) !== 0);
    if (error !== 0) return error;
  }
}

/** follow_page_mask: grabs the folio under the page-table lock; null when a fault is needed first. */
function* followPage(mm: Mm, vpn: Vpn, flags: number): Task<Folio | null> {
  const pte = mm.ptes[vpn];
  yield* lock(mm.ptl);
  const usable = pte.state === PTE_PRESENT && (pte.writable || (flags & FOLL_WRITE) === 0);
  const folio = usable ? pte.folio : null;
  if (folio) yield* fetchAdd(folio.refcount, refsOf(flags));
  yield* unlock(mm.ptl);
  return folio;
}

/**
 * pin_user_pages: pins `count` pages from `start` on into `pages`, one after the other: while page n is brought in, pages
 * 0 … n-1 are pinned already and may be unmapped by the reclaim that this needs. Number of pages pinned, or -errno when
 * it is none. mmap_lock held for reading.
 */
export function* pinUserPages(
  k: Kernel,
  mm: Mm,
  start: Vpn,
  count: number,
  flags: number,
  pages: readonly PageSlot[],
): Task<number> {
  for (let n = 0; n < count; n++) {
    const folio = yield* pinUserPage(k, mm, start + n, flags);
    if (isError(folio)) return n > 0 ? n : folio;
    pages[n].folio = folio;
  }
  return count;
}

/** The same for callers without mmap_lock; all pages or -errno. */
export function* pinUserPagesUnlocked(
  k: Kernel,
  mm: Mm,
  start: Vpn,
  count: number,
  flags: number,
  pages: readonly PageSlot[],
): Task<number> {
  yield* downRead(mm.mmapLock);
  const pinned = yield* pinUserPages(k, mm, start, count, flags, pages);
  yield* upRead(mm.mmapLock);
  return pinned;
}

/**
 * pin_user_pages_fast_only: pins the pages that are present, up to the first that is not; never faults. The kernel walks
 * with interrupts off and looks again after it has got its reference; here the page-table lock stands for both.
 */
export function* pinUserPagesFastOnly(
  mm: Mm,
  start: Vpn,
  count: number,
  flags: number,
  pages: readonly PageSlot[],
): Task<number> {
  for (let n = 0; n < count; n++) {
    const folio = yield* followPage(mm, start + n, flags);
    if (!folio) return n;
    pages[n].folio = folio;
  }
  return count;
}

/** unpin_user_page. */
export function* unpinUserPage(k: Kernel, folio: Folio): Task {
  yield* folioPutRefs(k, folio, GUP_PIN_COUNTING_BIAS);
}

/** unpin_user_pages: the first `count` entries of `pages`, which are empty afterwards. */
export function* unpinUserPages(k: Kernel, pages: readonly PageSlot[], count: number): Task {
  for (let n = 0; n < count; n++) {
    const { folio } = pages[n];
    pages[n].folio = null;
    if (folio) yield* unpinUserPage(k, folio);
  }
}

/** Set-up: a pin on a folio. */
export function pinAtSetUp(folio: Folio): Folio {
  folio.refcount.value += GUP_PIN_COUNTING_BIAS;
  return folio;
}
