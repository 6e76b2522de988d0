/**
 * KVM's memory slots against invalidations (virt/kvm/kvm_main.c since v5.15), for a guest with two slots of a page each.
 *
 *   start    active count + 1 ─▶ overlaps a slot? mmu_lock: in progress + 1, entry goes       else mmu_lock is not taken
 *   end      overlaps a slot? mmu_lock: seq + 1, in progress - 1 ─▶ active count - 1
 *   update   wait until the active count is 0, so that start and end see the same slots ─▶ new slots
 */
import { type Cell, cellField, readOnce, writeOnce } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, spinlockField, unlock } from "../machine/mutex.ts";
import { downWrite, type RwSem, rwlockField, upWrite } from "../machine/rwsem.ts";
import { int, struct } from "../machine/struct.ts";
import { until } from "../machine/wait.ts";
import { createPages, FOLL_GET, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createNotifier, type MmuNotifier, type MmuNotifierOps } from "../mm/mmuNotifier.ts";
import type { Vpn } from "../mm/page.ts";
import { driverHistory } from "./history.ts";

/**
 * Before the optimisation mmu_lock was taken and counted for every range; with it, only for those that overlap a slot
 * (071064f14d87), which is right only if updates wait (52ac8b358b0c).
 */
export type SlotRule = "always" | "overlapping" | "overlappingAndUpdatesWait";

const history = driverHistory<{ readonly rule: SlotRule }, string>("kvm-memslots", {
  always: { rule: "always" },
  "071064f14d87": { rule: "overlapping" },
  "52ac8b358b0c": { rule: "overlappingAndUpdatesWait" },
});

export interface KvmVm extends Handle {
  readonly mmuLock: RwSem;
  readonly slotsLock: Mutex;
  readonly mnInvalidateLock: Mutex;
  mnActiveInvalidateCount: number;
  /** The page of the slot that is updated: 0 = there is none. Read under SRCU. The other slot stays where it is. */
  readonly slot: Cell;
  readonly secondSlot: Vpn;
  mmuInvalidateInProgress: number;
  /** Wraps early, only equality is asked. */
  readonly mmuInvalidateSeq: Cell;
  /** Entry of the second-level table for the slot that is updated. */
  spte: number;
  readonly pages: Pages;
  readonly rule: SlotRule;
}
const SEQ_MASK = 7;
const vmStruct = struct("kvm", {
  mmuLock: rwlockField(),
  slotsLock: mutexField(),
  mnInvalidateLock: spinlockField(),
  mnActiveInvalidateCount: int({ ordered: "mn_invalidate_lock; who waits for 0 looks again under it" }),
  slot: cellField(),
  mmuInvalidateInProgress: int({ guardedBy: "mmuLock" }),
  mmuInvalidateSeq: cellField(),
  spte: int({ guardedBy: "mmuLock" }),
});

/** Set-up: a virtual machine and its subscriber, to be registered. `slot`: the page of its first slot, 0 = none yet. */
export function createKvmVm(m: Machine, rule: SlotRule, slot: Vpn, secondSlot: Vpn): MmuNotifier<KvmVm> {
  const pages = createPages("kvm.pages", 1);
  const vm: KvmVm = Object.assign(vmStruct.create("kvm"), { pages, ...history.inForce({ rule }), secondSlot });
  vm.slot.value = slot;
  return createNotifier(m, "kvm.notifier", kvmOps, vm);
}

const kvmOps: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub, start, end): Task<number> {
    const vm = sub.driver as KvmVm;
    yield* lock(vm.mnInvalidateLock);
    vm.mnActiveInvalidateCount++;
    yield* unlock(vm.mnInvalidateLock);
    if (yield* mustLock(vm, start, end)) {
      yield* downWrite(vm.mmuLock);
      vm.mmuInvalidateInProgress++;
      vm.spte = 0;
      yield* upWrite(vm.mmuLock);
    }
    return 0;
  },
  *invalidateRangeEnd(_k, sub, start, end): Task {
    const vm = sub.driver as KvmVm;
    if (yield* mustLock(vm, start, end)) {
      yield* downWrite(vm.mmuLock);
      yield* writeOnce(vm.mmuInvalidateSeq, ((yield* readOnce(vm.mmuInvalidateSeq)) + 1) & SEQ_MASK);
      const open = vm.mmuInvalidateInProgress;
      must(open > 0, "missed-notification", "the end of a section is counted of which the start was not");
      vm.mmuInvalidateInProgress = open - 1;
      yield* upWrite(vm.mmuLock);
    }
    yield* lock(vm.mnInvalidateLock);
    vm.mnActiveInvalidateCount--;
    yield* unlock(vm.mnInvalidateLock);
  },
};

function* mustLock(vm: KvmVm, start: Vpn, end: Vpn): Task<boolean> {
  if (vm.rule === "always") return true;
  const slot = yield* readOnce(vm.slot);
  return (slot >= start && slot < end) || (vm.secondSlot >= start && vm.secondSlot < end);
}

/** KVM_SET_USER_MEMORY_REGION: the slot is at page `slot` from now on; 0 = deleted, and the guest loses the page. */
export function* setMemoryRegion(vm: KvmVm, slot: Vpn): Task {
  yield* lock(vm.slotsLock);
  yield* installNewMemslots(vm, slot);
  if (slot === 0) {
    yield* downWrite(vm.mmuLock);
    vm.spte = 0;
    yield* upWrite(vm.mmuLock);
  }
  yield* unlock(vm.slotsLock);
}

function* installNewMemslots(vm: KvmVm, slot: Vpn): Task {
  if (vm.rule !== "overlappingAndUpdatesWait") {
    yield* writeOnce(vm.slot, slot);
    return;
  }
  for (;;) {
    yield* lock(vm.mnInvalidateLock);
    if (vm.mnActiveInvalidateCount === 0) break;
    yield* unlock(vm.mnInvalidateLock);
    yield* until(() => vm.mnActiveInvalidateCount === 0, vm.mnInvalidateLock);
  }
  yield* writeOnce(vm.slot, slot);
  yield* unlock(vm.mnInvalidateLock);
}

/** A vCPU touches the page of the second slot: returns when it could be mapped, or when there is no memory for it. */
export function* vcpuFault(k: Kernel, vm: KvmVm, mm: Mm): Task {
  for (;;) {
    const seq = yield* readOnce(vm.mmuInvalidateSeq);
    const got = yield* getUserPagesFast(k, mm, vm.secondSlot, 1, FOLL_GET | FOLL_WRITE, vm.pages);
    if (got < 0) return;
    yield* downWrite(vm.mmuLock);
    const stale = vm.mmuInvalidateInProgress > 0 || (yield* readOnce(vm.mmuInvalidateSeq)) !== seq;
    yield* upWrite(vm.mmuLock);
    yield* unpinUserPages(k, vm.pages, 1, FOLL_GET, false);
    if (!stale) return;
  }
}
