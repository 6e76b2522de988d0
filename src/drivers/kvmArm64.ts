/**
 * KVM of arm64 (arch/arm64/kvm/mmu.c of v5.8): to unmap a range of the guest's table under mmu_lock, a spinlock, takes long, so
 * that the lock is dropped now and then to let others run.
 *
 *   start ─▶ mmu_lock: one top-level entry after the other, cond_resched_lock in between ─▶ unlock
 */
import type { Handle, Task } from "../machine/core.ts";
import { condResched } from "../machine/cpu.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, spinlockField, unlock } from "../machine/mutex.ts";
import { int, struct } from "../machine/struct.ts";
import { createNotifier, type MmuNotifier, type MmuNotifierOps, rangeBlockable } from "../mm/mmuNotifier.ts";
import type { Vpn } from "../mm/page.ts";
import { addrEnd, pgdPages } from "../mm/pageTable.ts";
import { driverHistory } from "./history.ts";

const history = driverHistory<{ readonly asksRange: boolean }, string>("kvm-arm64", {
  "v5.8": { asksRange: false },
  "v5.9": { asksRange: true },
});

export interface Stage2 extends Handle {
  readonly mmuLock: Mutex;
  /** Entries of the guest's table that were looked at. */
  unmapped: number;
  /** Since v5.9 others may run only where the range says that its callbacks may block. */
  readonly asksRange: boolean;
}
const stage2Struct = struct("stage2", { mmuLock: spinlockField(), unmapped: int({ guardedBy: "mmuLock" }) });

const stage2Ops: MmuNotifierOps = {
  *invalidateRangeStart(k, sub, start, end, flags): Task<number> {
    const stage2 = sub.driver as Stage2;
    yield* lock(stage2.mmuLock);
    yield* unmapStage2Range(stage2, start, end, pgdPages(k), rangeBlockable(flags));
    yield* unlock(stage2.mmuLock);
    return 0;
  },
};

/** Set-up: a virtual machine's subscriber, to be registered. */
export function createStage2(m: Machine, asksRange: boolean): MmuNotifier<Stage2> {
  return createNotifier(
    m,
    "kvm.notifier",
    stage2Ops,
    Object.assign(stage2Struct.create("kvm"), history.inForce({ asksRange })),
  );
}

/** unmap_stage2_range. mmu_lock held, and dropped between two top-level entries, of `size` pages each. */
function* unmapStage2Range(stage2: Stage2, start: Vpn, end: Vpn, size: number, mayBlock: boolean): Task {
  let next = start;
  for (let at = start; at < end; at = next) {
    next = addrEnd(at, end, size);
    stage2.unmapped = next - at;
    if (next !== end && (mayBlock || !stage2.asksRange)) yield* condReschedLock(stage2);
  }
}

/** cond_resched_lock. */
function* condReschedLock(stage2: Stage2): Task {
  yield* unlock(stage2.mmuLock);
  yield* condResched();
  yield* lock(stage2.mmuLock);
}
