/**
 * mlx5 ODP, the end of a memory region (drivers/infiniband/hw/mlx5/mr.c): its key is revoked in the hardware, and invalidations
 * that are still to come must not ask the hardware to update what the key stands for.
 *
 *   invalidation   umem_mutex: has the umem a region, and is anything mapped? post an update for the key, wait ─▶ unlock
 *   deregister     revoke the key ─▶ take the subscription away
 */
import { type Cell, cellField, readOnce, writeOnce } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { bool, struct } from "../machine/struct.ts";
import type { Kernel } from "../mm/kernel.ts";
import { createIntervalNotifier, mmuIntervalNotifierRemove, mmuIntervalSetSeq } from "../mm/mmuIntervalNotifier.ts";
import { type IntervalNotifier, type IntervalNotifierOps, rangeBlockable } from "../mm/mmuNotifierTypes.ts";
import { driverHistory } from "./history.ts";

export interface RevokeRules {
  /** The key is revoked with umem_mutex held. */
  readonly underMutex: boolean;
  /** The umem forgets its region then (umem_odp->private). */
  readonly clearsPointer: boolean;
}

const history = driverHistory<RevokeRules, string>("mlx5-revoke", {
  "v6.13": { underMutex: false, clearsPointer: false },
  "v6.14": { underMutex: true, clearsPointer: true },
});

export interface OdpMr extends Handle {
  readonly umemMutex: Mutex;
  /** umem_odp->private. */
  hasMr: boolean;
  mapped: boolean;
  /** In the hardware: 1 = the key is valid. */
  readonly key: Cell;
  readonly rules: RevokeRules;
}
const mrStruct = struct("mr", {
  umemMutex: mutexField(),
  hasMr: bool({ ordered: "umem_mutex, where the rules say so" }),
  mapped: bool({ guardedBy: "umemMutex" }),
  key: cellField(1),
});

const odpOps: IntervalNotifierOps = {
  /** mlx5_ib_invalidate_range. */
  *invalidate(_k, sub, _start, _end, flags, seq): Task<boolean> {
    const mr = sub.driver as OdpMr;
    if (!rangeBlockable(flags)) return false;
    yield* lock(mr.umemMutex);
    yield* mmuIntervalSetSeq(sub, seq);
    if (mr.hasMr && mr.mapped) {
      yield* updateXlt(mr);
      mr.mapped = false;
    }
    yield* unlock(mr.umemMutex);
    return true;
  },
};

/** Set-up: a region whose page the device has mapped; its subscription is to be inserted. */
export function createOdpMr(m: Machine, k: Kernel, rules: RevokeRules): IntervalNotifier<OdpMr> {
  const mr = Object.assign(mrStruct.create("mr", { hasMr: true, mapped: true }), {
    rules: m.keep(history.inForce(rules)),
  });
  return createIntervalNotifier(m, k, "mr.notifier", odpOps, mr);
}

/** mlx5r_umr_update_xlt: the queue that carries updates goes to the error state when one names a key that is not valid. */
function* updateXlt(mr: OdpMr): Task {
  const valid = (yield* readOnce(mr.key)) === 1;
  must(valid, "use-after-free", `the hardware is asked to update ${mr.name}, whose key was revoked: its queue is dead`);
}

/** mlx5_ib_dereg_mr. */
export function* deregMr(k: Kernel, sub: IntervalNotifier<OdpMr>): Task {
  const mr = sub.driver;
  if (mr.rules.underMutex) yield* lock(mr.umemMutex);
  yield* writeOnce(mr.key, 0); // mlx5r_umr_revoke_mr
  if (mr.rules.clearsPointer) mr.hasMr = false;
  if (mr.rules.underMutex) yield* unlock(mr.umemMutex);
  yield* mmuIntervalNotifierRemove(k, sub);
}
