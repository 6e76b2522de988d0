/**
 * xen/gntdev: maps pages that another domain has granted, and gives them back when the mapping goes. A page may be given
 * back only when nobody in this domain refers to it any more.
 *
 *   until v5.18   the callback waits until the last foreign reference is gone
 *   since v5.19   the callback marks the map as being removed and leaves the waiting to a work item (dbe97cff7dd9)
 */
import { type Cell, cellField, writeOnce } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { bool, struct } from "../machine/struct.ts";
import { until } from "../machine/wait.ts";
import { queueWork, type Work, work, workqueue } from "../machine/workqueue.ts";
import type { Kernel } from "../mm/slice/kernel.ts";
import { folioPut } from "../mm/slice/lru.ts";
import type { Mm } from "../mm/slice/mm.ts";
import { createIntervalNotifier, type IntervalNotifier } from "../mm/slice/mmuIntervalNotifier.ts";
import { createNotifier, type MmuNotifier, REFUSED, rangeBlockable } from "../mm/slice/mmuNotifier.ts";
import type { Folio, Vpn } from "../mm/slice/page.ts";

export interface GntdevOptions {
  /** Which notifier API it uses: classic until v5.4, interval since v5.5. */
  readonly api: "classic" | "interval";
  readonly asyncUnmap: boolean;
}

export interface GrantMap extends Handle {
  /** priv->lock */
  readonly lock: Mutex;
  /** The unmap has begun; it is done once. */
  beingRemoved: boolean;
  /** 1 once the page has been given back to its domain. */
  readonly given: Cell;
  readonly folio: Folio;
  readonly unmapWork: Work;
  readonly options: GntdevOptions;
}

/** Its own reference and the page table's (the kernel's grant PTEs hold none, so there the number is 1). */
const OWN_REFS = 2;

const grantStruct = struct("grantMap", {
  lock: mutexField(),
  beingRemoved: bool({ guardedBy: "lock" }),
  given: cellField(),
});

const classicOps = { invalidateRangeStart: gntdevRangeStart };
const intervalOps = { invalidate: gntdevInvalidate };

/** Set-up: page `vpn` of `mm` is the grant, in `folio`; the driver gets its reference and its subscription. */
export function createGrantMap(
  m: Machine,
  k: Kernel,
  mm: Mm,
  vpn: Vpn,
  folio: Folio,
  options: GntdevOptions,
): GrantMap {
  folio.refcount.value++;
  const map = Object.assign(grantStruct.create("grant"), { folio, options });
  const unmapWork = work("gntdevUnmap", workqueue("gntdev"), unmapGrantPages, k, map as unknown as GrantMap);
  const grant: GrantMap = Object.assign(map, { unmapWork });
  if (options.api === "classic") createNotifier(m, mm, "gntdev", classicOps, grant);
  else createIntervalNotifier(m, mm, "gntdev", [vpn, vpn + 1], intervalOps, grant);
  return grant;
}

function* gntdevRangeStart(k: Kernel, sub: MmuNotifier, _start: Vpn, _end: Vpn, flags: number): Task<number> {
  if (!rangeBlockable(flags)) return REFUSED;
  yield* unmapFromCallback(k, sub.driver as GrantMap);
  return 0;
}

function* gntdevInvalidate(
  k: Kernel,
  sub: IntervalNotifier,
  _start: Vpn,
  _end: Vpn,
  flags: number,
  _seq: number,
): Task<boolean> {
  if (!rangeBlockable(flags)) return false;
  yield* unmapFromCallback(k, sub.driver as GrantMap);
  return true;
}

function* unmapFromCallback(k: Kernel, map: GrantMap): Task {
  yield* lock(map.lock);
  const first = !map.beingRemoved;
  map.beingRemoved = true;
  yield* unlock(map.lock);
  if (!first) return;
  if (map.options.asyncUnmap) yield* queueWork(map.unmapWork);
  else yield* unmapGrantPages(k, map, OWN_REFS);
}

/** gnttab_unmap_refs_sync: waits until only `refs` references are left (from the work: when the PTE is gone), then gives the page back. */
function* unmapGrantPages(k: Kernel, map: GrantMap, refs = 1): Task {
  const { refcount } = map.folio;
  yield* until(() => refcount.value <= refs, refcount);
  yield* folioPut(k, map.folio);
  yield* writeOnce(map.given, 1);
}
