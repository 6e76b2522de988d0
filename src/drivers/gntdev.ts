/**
 * xen/gntdev: maps pages that another domain has granted, and gives them back when the mapping goes. A page may be given
 * back only when nobody in this domain refers to it any more.
 *
 *   until v5.18   the callback waits until the last foreign reference is gone
 *   since v5.19   the callback marks the map as being removed and leaves the waiting to a work item (dbe97cff7dd9)
 *
 * The grant is a page of the process like any other, to which the driver has a reference; the hypervisor is not modelled.
 */
import { type Cell, cellField, writeOnce } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import { EAGAIN } from "../machine/errno.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { bool, int, struct } from "../machine/struct.ts";
import { until } from "../machine/wait.ts";
import { queueWork, type Work, work, workqueue } from "../machine/workqueue.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createIntervalNotifier, mmuIntervalNotifierInsert } from "../mm/mmuIntervalNotifier.ts";
import { createNotifier, type MmuNotifier, mmuNotifierRegister } from "../mm/mmuNotifier.ts";
import { type IntervalNotifier, rangeBlockable } from "../mm/mmuNotifierTypes.ts";
import { folioGet, type Pfn, type Vpn } from "../mm/page.ts";
import { folioPut } from "../mm/swap.ts";
import { claimReferences } from "../mm/world/claims.ts";
import { frameAt } from "../mm/world/pages.ts";
import { driverHistory } from "./history.ts";

export interface GntdevOptions {
  /** Which notifier API it uses: classic until v5.4, interval since v5.5. */
  readonly api: "classic" | "interval";
  readonly asyncUnmap: boolean;
}

const versions: Readonly<Record<"v5.4" | "v5.5" | "v5.19", GntdevOptions>> = {
  "v5.4": { api: "classic", asyncUnmap: false },
  "v5.5": { api: "interval", asyncUnmap: false },
  "v5.19": { api: "interval", asyncUnmap: true },
};
export const GNTDEV = driverHistory("gntdev", versions);

export interface GrantMap extends Handle {
  /** priv->lock */
  readonly lock: Mutex;
  /** The unmap has begun; it is done once. */
  beingRemoved: boolean;
  /** The granted page, with a reference of the driver's. */
  pfn: Pfn;
  /** 1 once it has been given back to its domain. */
  readonly given: Cell;
  readonly unmapWork: Work;
  readonly options: GntdevOptions;
}

/** Its own reference and the page table's (the kernel's grant PTEs hold none, so there the number is 1). */
const OWN_REFS = 2;

const grantStruct = struct("grantMap", {
  lock: mutexField(),
  beingRemoved: bool({ guardedBy: "lock" }),
  pfn: int({ ordered: "set by mmap; cleared by the one unmap that there is" }),
  given: cellField(),
});

const classicOps = { invalidateRangeStart: gntdevRangeStart };
const intervalOps = { invalidate: gntdevInvalidate };

/** Set-up: page `vpn` of `p` is the grant; when boots run the driver gets its reference, and then subscribes. */
export function createGrantMap(m: Machine, k: Kernel, p: Process, vpn: Vpn, own: GntdevOptions): GrantMap {
  const options = GNTDEV.inForce(own);
  const map = Object.assign(grantStruct.create("grant"), { options });
  const unmapWork = work("gntdevUnmap", workqueue("gntdev"), unmapGrantPages, k, map as unknown as GrantMap);
  const grant: GrantMap = Object.assign(map, { unmapWork });
  const mm = p.mm as Mm;
  m.boot(mapGrantPages, [k, p, vpn, grant]);
  if (options.api === "classic") {
    m.boot(mmuNotifierRegister, [k, createNotifier(m, "gntdev", classicOps, grant), mm]);
  } else {
    const sub = createIntervalNotifier(m, k, "gntdev", intervalOps, grant);
    m.boot(mmuIntervalNotifierInsert, [k, sub, mm, vpn, 1]);
  }
  claimReferences(k, { memory: () => [grant.pfn] });
  return grant;
}

function* mapGrantPages(k: Kernel, p: Process, vpn: Vpn, map: GrantMap): Task {
  map.pfn = frameAt(k, p, vpn);
  yield* folioGet(k, map.pfn);
}

function* gntdevRangeStart(k: Kernel, sub: MmuNotifier, _start: Vpn, _end: Vpn, flags: number): Task<number> {
  if (!rangeBlockable(flags)) return -EAGAIN;
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
  yield* until(() => k.frames.refcount[map.pfn] <= refs);
  const { pfn } = map;
  map.pfn = 0;
  yield* folioPut(k, pfn);
  yield* writeOnce(map.given, 1);
}
