/**
 * Two drivers for the scenarios; both have one page in their own page table, and promise that the process has it too.
 *
 *   mirror   interval notifier: read_begin ─▶ hmm_range_fault ─▶ lock, read_retry? again : map        (amdgpu, nouveau)
 *   classic  start: lock, inProgress++, unmap     end: lock, inProgress--, seq++                      (KVM)
 *            map: seq ─▶ page through GUP ─▶ lock, inProgress or another seq? again : map ─▶ put the page
 */
import type { Handle, Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../../machine/mutex.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { int, struct } from "../../machine/struct.ts";
import { createPages, FOLL_GET, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import { HMM_REQ_FAULT, HMM_REQ_WRITE, HMM_VALID, HMM_WRITE, hmmRangeFault } from "../hmm.ts";
import type { Kernel } from "../kernel.ts";
import type { Mm } from "../mmTypes.ts";
import { mmuIntervalReadBegin, mmuIntervalReadRetry, mmuIntervalSetSeq } from "../mmuIntervalNotifier.ts";
import type { IntervalNotifier, IntervalNotifierOps, MmuNotifierOps } from "../mmuNotifierTypes.ts";
import type { Vpn } from "../page.ts";
import { claimCoherence } from "../world/claims.ts";

export interface Device extends Handle {
  readonly lock: Mutex;
  /** Its page table: pfn << 2 | HMM_WRITE | HMM_VALID, 0 = nothing. */
  mapped: number;
  /** Sections that the classic driver is in, and how many are over. */
  inProgress: number;
  seq: number;
  readonly pages: Pages;
}
const deviceStruct = struct("device", {
  lock: mutexField(),
  mapped: int({ guardedBy: "lock" }),
  inProgress: int({ guardedBy: "lock" }),
  seq: int({ guardedBy: "lock" }),
});

/** Set-up: a device, and the promise that it never may do to page `vpn` of `mm` what the process may not do. */
export function createDevice(m: Machine, k: Kernel, mm: Mm, vpn: Vpn, name = "device"): Device {
  const dev: Device = Object.assign(deviceStruct.create(name), { pages: createPages(`${name}.pages`, 1) });
  claimCoherence(m, k, mm, vpn, name, () => [dev.mapped], "missed-notification");
  return dev;
}

function* teardown(dev: Device): Task {
  yield* lock(dev.lock);
  dev.mapped = 0;
  yield* unlock(dev.lock);
}

export const mirrorOps: IntervalNotifierOps = {
  *invalidate(_k, sub, _start, _end, _flags, seq): Task<boolean> {
    const dev = sub.driver as Device;
    yield* lock(dev.lock);
    yield* mmuIntervalSetSeq(sub, seq);
    dev.mapped = 0;
    yield* unlock(dev.lock);
    return true;
  },
};

/** Tears down, and does not say so to readers. */
export const mirrorOpsWithoutSeq: IntervalNotifierOps = {
  *invalidate(_k, sub): Task<boolean> {
    yield* teardown(sub.driver as Device);
    return true;
  },
};

/** Maps `vpn`; 0, or the error of hmm_range_fault. `careful`: asks before it maps whether the page is still the one. */
export function* mirrorMap(k: Kernel, sub: IntervalNotifier, vpn: Vpn, write: boolean, careful = true): Task<number> {
  const dev = sub.driver as Device;
  const mm = sub.mm as Mm;
  const request = HMM_REQ_FAULT | (write ? HMM_REQ_WRITE : 0);
  for (;;) {
    const seq = yield* mmuIntervalReadBegin(sub);
    yield* downRead(mm.mmapLock);
    const error = yield* hmmRangeFault(k, mm, sub, seq, vpn, vpn + 1, request, dev.pages);
    yield* upRead(mm.mmapLock);
    if (error === -16) continue; // -EBUSY: invalidated meanwhile
    if (error !== 0) return error;
    yield* lock(dev.lock);
    const retry = careful && (yield* mmuIntervalReadRetry(sub, seq));
    if (!retry) dev.mapped = write ? dev.pages.pfn[0] : dev.pages.pfn[0] & ~HMM_WRITE;
    yield* unlock(dev.lock);
    if (!retry) return 0;
  }
}

export const classicOps: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub): Task<number> {
    const dev = sub.driver as Device;
    yield* lock(dev.lock);
    dev.inProgress++;
    dev.mapped = 0;
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
    yield* teardown(sub.driver as Device);
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
    yield* lock(dev.lock);
    const retry = careful && (dev.inProgress > 0 || dev.seq !== seq);
    if (!retry) dev.mapped = (dev.pages.pfn[0] << 2) | HMM_WRITE | HMM_VALID;
    yield* unlock(dev.lock);
    yield* unpinUserPages(k, dev.pages, 1, FOLL_GET, false);
    if (!retry) return 0;
  }
}

/** The device writes through its own page table. False = it has nothing there. */
export function* deviceWrite(k: Kernel, dev: Device, content: number): Task<boolean> {
  yield* lock(dev.lock);
  const { mapped } = dev;
  if ((mapped & HMM_WRITE) !== 0) k.frames.content[mapped >> 2] = content;
  yield* unlock(dev.lock);
  return (mapped & HMM_WRITE) !== 0;
}

/** The driver is done: the device forgets the page. */
export const deviceStop = teardown;
