/**
 * RDMA on demand paging, the fault (ib_umem_odp_map_dma_and_lock of drivers/infiniband/core/umem_odp.c): pages are looked up
 * without references and put into the device's table under umem_mutex, which is returned locked.
 *
 *   user of the mm ─▶ read_begin ─▶ hmm_range_fault ─▶ umem_mutex: retry? again ─▶ put the user ─▶ caller: device table ─▶ unlock
 */
import type { Handle, Task } from "../machine/core.ts";
import { EBUSY, EINVAL } from "../machine/errno.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { int, struct } from "../machine/struct.ts";
import { mmput } from "../mm/exit.ts";
import { createPages, type Pages } from "../mm/gup.ts";
import { HMM_REQ_FAULT, HMM_REQ_WRITE, hmmRangeFault } from "../mm/hmm.ts";
import type { Kernel } from "../mm/kernel.ts";
import { type AsyncPuts, mmputAsync } from "../mm/mmputAsync.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { mmgetNotZero } from "../mm/mmUsers.ts";
import {
  createIntervalNotifier,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "../mm/mmuIntervalNotifier.ts";
import { type IntervalNotifier, type IntervalNotifierOps, rangeBlockable } from "../mm/mmuNotifierTypes.ts";
import type { Vpn } from "../mm/page.ts";
import { driverHistory } from "./history.ts";

/** What becomes of the user of the mm: put with umem_mutex held (v5.10), or by a work item (v6.0). */
export type PutMm = "locked" | "async";

const history = driverHistory<{ readonly putMm: PutMm }, string>("mlx5-odp-fault", {
  "v5.10": { putMm: "locked" },
  "v6.0": { putMm: "async" },
});

/** ib_umem_odp of one page. */
export interface OdpUmem extends Handle {
  readonly umemMutex: Mutex;
  /** The page as hmm_range_fault says it, in the device's table; 0 = none. */
  mapped: number;
  readonly pages: Pages;
  readonly putMm: PutMm;
}
const umemStruct = struct("umemOdp", { umemMutex: mutexField(), mapped: int({ guardedBy: "umemMutex" }) });

const odpOps: IntervalNotifierOps = {
  /** mlx5_ib_invalidate_range, for all events, also when the address space dies. */
  *invalidate(_k, sub, _start, _end, flags, seq): Task<boolean> {
    const umem = sub.driver as OdpUmem;
    if (!rangeBlockable(flags)) return false;
    yield* lock(umem.umemMutex);
    yield* mmuIntervalSetSeq(sub, seq);
    umem.mapped = 0;
    yield* unlock(umem.umemMutex);
    return true;
  },
};

/** Set-up: a memory region's part of one page; to be inserted. */
export function createOdpUmem(m: Machine, k: Kernel, putMm: PutMm): IntervalNotifier<OdpUmem> {
  const umem = Object.assign(umemStruct.create("umem"), {
    pages: createPages("umem.pages", 1),
    ...history.inForce({ putMm }),
  });
  return createIntervalNotifier(m, k, "umem.notifier", odpOps, umem);
}

/** 0 and umem_mutex held; or -EINVAL where the process is gone, or what hmm_range_fault says. */
export function* odpMapDmaAndLock(k: Kernel, sub: IntervalNotifier<OdpUmem>, vpn: Vpn, puts: AsyncPuts): Task<number> {
  const umem = sub.driver;
  const mm = sub.mm as Mm;
  if (!(yield* mmgetNotZero(mm))) return -EINVAL;
  let error = -EBUSY;
  while (error === -EBUSY) {
    const seq = yield* mmuIntervalReadBegin(sub);
    yield* downRead(mm.mmapLock);
    error = yield* hmmRangeFault(k, mm, sub, seq, vpn, vpn + 1, HMM_REQ_FAULT | HMM_REQ_WRITE, umem.pages);
    yield* upRead(mm.mmapLock);
    if (error !== 0) continue;
    yield* lock(umem.umemMutex);
    if (!(yield* mmuIntervalReadRetry(sub, seq))) break;
    yield* unlock(umem.umemMutex);
    error = -EBUSY;
  }
  if (error === 0) umem.mapped = umem.pages.pfn[0];
  if (umem.putMm === "async") yield* mmputAsync(k, puts, mm);
  else yield* mmput(k, mm);
  return error;
}

/** pagefault_mr: the device asks for page `vpn`. */
export function* odpPageFault(k: Kernel, sub: IntervalNotifier<OdpUmem>, vpn: Vpn, puts: AsyncPuts): Task<number> {
  const error = yield* odpMapDmaAndLock(k, sub, vpn, puts);
  if (error === 0) yield* unlock(sub.driver.umemMutex);
  return error;
}
