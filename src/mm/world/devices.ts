/**
 * The two drivers that there are, as small as they can be: a device has pages in its own page table, and promises that the
 * process has them too. What amdgpu, nouveau, xe, mlx5 and test_hmm have in common, and what KVM does.
 *
 *   mirror   map: read_begin ─▶ hmm_range_fault ─▶ lock, read_retry? again : program     callback: lock, set_seq, entries go
 *   classic  start: lock, inProgress++, entries go      end: lock, inProgress--, seq++
 *            map: seq ─▶ page through GUP ─▶ lock, inProgress or another seq? again : program ─▶ put the page
 *
 * Neither keeps references: an entry is good only as long as the callbacks come.
 */
import { type Columns, column, columns } from "../../machine/columns.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { EBUSY } from "../../machine/errno.ts";
import { type Broken, must } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../../machine/mutex.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { int, struct } from "../../machine/struct.ts";
import { createPages, FOLL_GET, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import { HMM_REQ_FAULT, HMM_REQ_WRITE, HMM_VALID, HMM_WRITE, hmmRangeFault } from "../hmm.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm } from "../mmTypes.ts";
import {
  createIntervalNotifier,
  mmuIntervalNotifierInsert,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "../mmuIntervalNotifier.ts";
import type { IntervalNotifier, IntervalNotifierOps, MmuNotifierOps } from "../mmuNotifierTypes.ts";
import type { Vpn } from "../page.ts";
import { claimCoherence } from "./claims.ts";

export interface Device extends Handle {
  /** The user lock: guards the device's page table. */
  readonly lock: Mutex;
  /** Its table is about the pages [start, start + count) of the process. */
  readonly start: Vpn;
  readonly count: number;
  /** pfn << 2 | HMM_WRITE | HMM_VALID, 0 = nothing; and the life of the frame in which it was mapped. */
  readonly table: Columns<{ entry: { guardedBy: () => Mutex }; generation: { guardedBy: () => Mutex } }>;
  /** Sections that the classic driver is in, and how many are over. */
  inProgress: number;
  seq: number;
  /** What the mapping task has collected. */
  readonly pages: Pages;
}
const deviceStruct = struct("device", {
  lock: mutexField(),
  inProgress: int({ guardedBy: "lock" }),
  seq: int({ guardedBy: "lock" }),
});

/** Set-up: a device for `count` pages that has nothing mapped and promises nothing. */
export function createBareDevice(name: string, start: Vpn, count: number): Device {
  const dev = deviceStruct.create(name);
  const guard = { guardedBy: () => dev.lock };
  const table = columns(`${name}.table`, count, { entry: column(guard), generation: column(guard) });
  return Object.assign(dev, { start, count, table, pages: createPages(`${name}.pages`, count) });
}

/** Set-up: a device, and the promise that it never may do to pages of `mm` from `vpn` on what the process may not do. */
export function createDevice(
  m: Machine,
  k: Kernel,
  mm: Mm,
  vpn: Vpn,
  name = "device",
  options: { readonly count?: number; readonly verdict?: Broken } = {},
): Device {
  const dev = createBareDevice(name, vpn, options.count ?? 1);
  claimCoherence(m, k, mm, vpn, name, () => dev.table.entry, options.verdict ?? "missed-notification");
  return dev;
}

export interface MirrorOptions {
  readonly ops?: IntervalNotifierOps;
  /** In the tree when the first step is made; else it is for `mmuIntervalNotifierInsert`. */
  readonly inserted?: boolean;
  /** Is the promise watched? A run that breaks it ends there, with `stale-mapping`. */
  readonly watched?: boolean;
  readonly name?: string;
}

/** Set-up: a mirror of `count` pages of `mm` and its subscription. */
export function createMirror(
  m: Machine,
  k: Kernel,
  mm: Mm,
  start: Vpn,
  count: number,
  options: MirrorOptions = {},
): { mirror: Device; notifier: IntervalNotifier<Device> } {
  const { ops = mirrorOps, inserted = true, watched = true, name = "mirror" } = options;
  const mirror = watched
    ? createDevice(m, k, mm, start, name, { count, verdict: "stale-mapping" })
    : createBareDevice(name, start, count);
  const notifier = createIntervalNotifier(m, k, `${name}.notifier`, ops, mirror);
  if (inserted) m.boot(mmuIntervalNotifierInsert, [k, notifier, mm, start, count]);
  return { mirror, notifier };
}

/** The device forgets what it has of [start, end). User lock held. */
export function unmapDevice(dev: Device, start: Vpn, end: Vpn): void {
  const from = Math.max(start, dev.start) - dev.start;
  const to = Math.min(end, dev.start + dev.count) - dev.start;
  if (to <= from) return;
  dev.table.entry.fill(0, from, to);
  dev.table.generation.fill(0, from, to);
}

/** Programs the device with `n` entries that were collected for page `vpn` and those after it. User lock held. */
export function programDevice(k: Kernel, dev: Device, vpn: Vpn, n: number, rights = HMM_WRITE): void {
  for (let i = 0; i < n; i++) {
    const at = vpn - dev.start + i;
    const entry = dev.pages.pfn[at] & (HMM_VALID | rights | ~(HMM_VALID | HMM_WRITE));
    dev.table.entry[at] = entry;
    dev.table.generation[at] = k.frames.generation[entry >> 2];
  }
}

/** The driver is done: the device forgets everything. */
export function* deviceStop(dev: Device): Task {
  yield* lock(dev.lock);
  unmapDevice(dev, dev.start, dev.start + dev.count);
  yield* unlock(dev.lock);
}

export const mirrorOps: IntervalNotifierOps = {
  *invalidate(_k, sub, start, end, _flags, seq): Task<boolean> {
    const dev = sub.driver as Device;
    yield* lock(dev.lock);
    yield* mmuIntervalSetSeq(sub, seq);
    unmapDevice(dev, start, end);
    yield* unlock(dev.lock);
    return true;
  },
};

/** Tears down, and does not say so to readers. */
export const mirrorOpsWithoutSeq: IntervalNotifierOps = {
  *invalidate(_k, sub): Task<boolean> {
    yield* deviceStop(sub.driver as Device);
    return true;
  },
};

/** Collects `n` entries for page `vpn` and those after it. 0, or the error of hmm_range_fault: -EBUSY when `seq` is over. */
export function* mirrorCollect(
  k: Kernel,
  sub: IntervalNotifier,
  seq: number,
  vpn: Vpn,
  n: number,
  write = true,
): Task<number> {
  const dev = sub.driver as Device;
  const mm = sub.mm as Mm;
  const request = HMM_REQ_FAULT | (write ? HMM_REQ_WRITE : 0);
  yield* downRead(mm.mmapLock);
  const error = yield* hmmRangeFault(k, mm, sub, seq, vpn, vpn + n, request, dev.pages, vpn - dev.start);
  yield* upRead(mm.mmapLock);
  return error;
}

/** Maps `vpn`; 0, or the error of hmm_range_fault. `careful`: asks before it maps whether the page is still the one. */
export function* mirrorMap(k: Kernel, sub: IntervalNotifier, vpn: Vpn, write: boolean, careful = true): Task<number> {
  const dev = sub.driver as Device;
  for (;;) {
    const seq = yield* mmuIntervalReadBegin(sub);
    const error = yield* mirrorCollect(k, sub, seq, vpn, 1, write);
    if (error === -EBUSY) continue; // invalidated meanwhile
    if (error !== 0) return error;
    yield* lock(dev.lock);
    const retry = careful && (yield* mmuIntervalReadRetry(sub, seq));
    if (!retry) programDevice(k, dev, vpn, 1, write ? HMM_WRITE : 0);
    yield* unlock(dev.lock);
    if (!retry) return 0;
  }
}

export const classicOps: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub, start, end): Task<number> {
    const dev = sub.driver as Device;
    yield* lock(dev.lock);
    dev.inProgress++;
    unmapDevice(dev, start, end);
    yield* unlock(dev.lock);
    return 0;
  },
  *invalidateRangeEnd(_k, sub): Task {
    const dev = sub.driver as Device;
    yield* lock(dev.lock);
    must(
      dev.inProgress > 0,
      "missed-notification",
      `${dev.name} hears of the end of a section that it saw no start of`,
    );
    dev.inProgress--;
    dev.seq = (dev.seq + 1) & 7;
    yield* unlock(dev.lock);
  },
  *release(_k, sub): Task {
    yield* deviceStop(sub.driver as Device);
  },
};

/** Maps `vpn` of `mm` for writing, without keeping the page. 0 or -errno. `careful` as above. */
export function* classicMap(k: Kernel, mm: Mm, dev: Device, vpn: Vpn, careful = true): Task<number> {
  for (;;) {
    yield* lock(dev.lock);
    const { seq } = dev;
    yield* unlock(dev.lock);
    const got = yield* getUserPagesFast(k, mm, vpn, 1, FOLL_GET | FOLL_WRITE, dev.pages);
    if (got < 0) return got;
    const pfn = dev.pages.pfn[0];
    yield* lock(dev.lock);
    const retry = careful && (dev.inProgress > 0 || dev.seq !== seq);
    if (!retry) dev.table.entry[vpn - dev.start] = (pfn << 2) | HMM_WRITE | HMM_VALID;
    yield* unlock(dev.lock);
    yield* unpinUserPages(k, dev.pages, 1, FOLL_GET, false);
    if (!retry) return 0;
  }
}

/** The device writes to its first page through its own page table. False = it has nothing there. */
export function* deviceWrite(k: Kernel, dev: Device, content: number): Task<boolean> {
  yield* lock(dev.lock);
  const mapped = dev.table.entry[0];
  if ((mapped & HMM_WRITE) !== 0) k.frames.content[mapped >> 2] = content;
  yield* unlock(dev.lock);
  return (mapped & HMM_WRITE) !== 0;
}

/** The device accesses page `vpn` if it has an entry: `use-after-free` when the frame was freed since it was mapped. */
export function* deviceAccess(k: Kernel, dev: Device, vpn: Vpn): Task {
  yield* lock(dev.lock);
  const mapped = dev.table.entry[vpn - dev.start];
  const generation = dev.table.generation[vpn - dev.start];
  yield* unlock(dev.lock);
  if (mapped === 0) return;
  const now = k.frames.generation[mapped >> 2];
  must(
    now === generation,
    "use-after-free",
    `the device uses frame ${mapped >> 2}, which has been freed since it was mapped`,
  );
}
