/**
 * The smallest driver that mirrors a page table: one interval notifier, one lock, a device page table, no references.
 * What amdgpu, nouveau, mlx5 and test_hmm have in common.
 *
 *   map       q = read_begin ─▶ collect pages (hmm_range_fault) ─▶ lock: read_retry(q)? ─▶ start again
 *                                                                     └─▶ program the device, unlock
 *   callback  lock: set_seq, device entries of the range go; unlock
 */
import { readOnce } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { int, ref, struct } from "../machine/struct.ts";
import { createHmmPfns, type HmmPfn, hmmRangeFault } from "../mm/slice/hmm.ts";
import type { Kernel } from "../mm/slice/kernel.ts";
import type { Mm } from "../mm/slice/mm.ts";
import {
  createIntervalNotifier,
  type IntervalNotifier,
  type IntervalNotifierOps,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "../mm/slice/mmuIntervalNotifier.ts";
import type { Folio, Vpn } from "../mm/slice/page.ts";
import { PTE_PRESENT } from "../mm/slice/pageTable.ts";

/** An entry of the device's page table: a folio in the life that it had when it was mapped. */
export interface DevicePte extends Handle {
  folio: Folio | null;
  generation: number;
  readonly mirror: Mirror;
}

export interface Mirror extends Handle {
  /** The user lock: guards the device's page table. */
  readonly lock: Mutex;
  readonly mm: Mm;
  /** One entry for each page of the mm. */
  readonly ptes: readonly DevicePte[];
  /** What the mapping task has collected. */
  readonly pfns: readonly HmmPfn[];
}

const mirrorStruct = struct("mirror", { lock: mutexField() });
const userLock = (pte: DevicePte) => pte.mirror.lock;
const devicePteStruct = struct("devicePte", {
  folio: ref<Folio>({ guardedBy: userLock }),
  generation: int({ guardedBy: userLock }),
});

const mirrorOps = { invalidate: mirrorInvalidate };

/** Set-up: a device that may map all of `mm`, and its subscription, in the tree unless `inserted` is false. */
export function createMirror(
  m: Machine,
  mm: Mm,
  options: { readonly ops?: IntervalNotifierOps; readonly inserted?: boolean } = {},
): { mirror: Mirror; notifier: IntervalNotifier<Mirror> } {
  const { ops = mirrorOps, inserted = true } = options;
  const pages = mm.ptes.length;
  const ptes: DevicePte[] = [];
  const mirror: Mirror = Object.assign(mirrorStruct.create("mirror"), {
    mm,
    ptes,
    pfns: createHmmPfns("mirror.pfns", pages),
  });
  for (let i = 0; i < pages; i++) ptes.push(Object.assign(devicePteStruct.create(`mirror.pte[${i}]`), { mirror }));
  m.keep(ptes);
  m.keep(mirror.pfns);
  const notifier = createIntervalNotifier(m, mm, "mirror.notifier", [0, pages], ops, mirror, inserted);
  return { mirror, notifier };
}

function* mirrorInvalidate(
  _k: Kernel,
  sub: IntervalNotifier,
  start: Vpn,
  end: Vpn,
  _flags: number,
  seq: number,
): Task<boolean> {
  const mirror = sub.driver as Mirror;
  yield* lock(mirror.lock);
  yield* mmuIntervalSetSeq(sub, seq);
  for (let vpn = start; vpn < end; vpn++) mirror.ptes[vpn].folio = null;
  yield* unlock(mirror.lock);
  return true;
}

/** Maps [start, end) for the device: collects, checks, programs, again until it fits. 0 or -ENOMEM. */
export function* mirrorMap(k: Kernel, mirror: Mirror, notifier: IntervalNotifier, start: Vpn, end: Vpn): Task<number> {
  for (;;) {
    const seq = yield* mmuIntervalReadBegin(notifier);
    yield* downRead(mirror.mm.mmapLock);
    const error = yield* hmmRangeFault(k, mirror.mm, notifier, seq, start, end, mirror.pfns);
    yield* upRead(mirror.mm.mmapLock);
    if (error === -ENOMEM) return error;
    if (error !== 0) continue;
    yield* lock(mirror.lock);
    const retry = yield* mmuIntervalReadRetry(notifier, seq);
    if (!retry) programDevice(mirror, start, end);
    yield* unlock(mirror.lock);
    if (!retry) return 0;
  }
}

/** Programs the device with what was collected for [start, end). Lock held, and read_retry said no. */
export function programDevice(mirror: Mirror, start: Vpn, end: Vpn): void {
  for (let vpn = start; vpn < end; vpn++) {
    mirror.ptes[vpn].folio = mirror.pfns[vpn].folio;
    mirror.ptes[vpn].generation = mirror.pfns[vpn].generation;
  }
}

/** The device accesses page `vpn` through its own table, if it has an entry: `use-after-free` when that is outdated. */
export function* deviceAccess(mirror: Mirror, vpn: Vpn): Task {
  yield* lock(mirror.lock);
  const { folio, generation } = mirror.ptes[vpn];
  if (folio) {
    const now = yield* readOnce(folio.generation);
    must(
      now === generation,
      "use-after-free",
      `the device uses ${folio.name}, which has been freed since it was mapped`,
    );
  }
  yield* unlock(mirror.lock);
}

/**
 * Set-up: while no section is open, the device maps nothing that the CPU does not map at the same address. The driver
 * claims that; the machine tests it after every step.
 */
export function claimCoherence(m: Machine, mirror: Mirror): void {
  const { mm, ptes } = mirror;
  const test = (): true | string => {
    if (mm.notifierSubscriptions.activeInvalidateRanges > 0) return true;
    for (const [vpn, { folio, generation }] of ptes.entries()) {
      const cpu = mm.ptes[vpn];
      if (!folio) continue;
      if (cpu.state === PTE_PRESENT && cpu.folio === folio && folio.generation.value === generation) continue;
      const mapped = cpu.folio ? `${cpu.folio.name}` : "nothing";
      return `page ${vpn}: the device maps ${folio.name}, the CPU ${mapped}, and no invalidation is in flight`;
    }
    return true;
  };
  m.invariant("device and CPU agree", test, "stale-mapping");
}
