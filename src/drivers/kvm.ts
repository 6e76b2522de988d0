/**
 * KVM as a notifier user: a classic subscriber with start and end. While a section over the guest's memory is open, no
 * vCPU may map anything; a fault that overlaps one tries again.
 *
 *   start   mmu_lock: in progress + 1, zap          fault   q = seq ─▶ get the page ─▶ mmu_lock: in progress, or seq
 *   end     mmu_lock: seq + 1, in progress - 1                                          moved? again : map, no reference
 */
import { type Cell, cellField, readOnce, writeOnce } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { downRead, downWrite, type RwSem, rwlockField, upRead, upWrite } from "../machine/rwsem.ts";
import { int, ref, struct } from "../machine/struct.ts";
import { FOLL_GET, FOLL_WRITE, isError, pinUserPage } from "../mm/slice/gup.ts";
import type { Kernel } from "../mm/slice/kernel.ts";
import { folioPut } from "../mm/slice/lru.ts";
import type { Mm } from "../mm/slice/mm.ts";
import { createNotifier, type MmuNotifier } from "../mm/slice/mmuNotifier.ts";
import type { Folio, Vpn } from "../mm/slice/page.ts";

export interface Kvm extends Handle {
  readonly mmuLock: RwSem;
  /** mmu_invalidate_in_progress: sections open over guest memory. */
  inProgress: number;
  /** mmu_invalidate_seq; wraps early, only equality is asked. */
  readonly seq: Cell;
  /** The guest's one page, through the second-level table. */
  spte: Folio | null;
  readonly mm: Mm;
}

const SEQ_MASK = 7;
const kvmStruct = struct("kvm", {
  mmuLock: rwlockField(),
  inProgress: int({ guardedBy: "mmuLock" }),
  seq: cellField(),
  spte: ref<Folio>({ guardedBy: "mmuLock" }),
});

const kvmOps = { invalidateRangeStart: kvmInvalidateRangeStart, invalidateRangeEnd: kvmInvalidateRangeEnd };

/** Set-up: a virtual machine whose memory is page 0 of `mm`. */
export function createKvm(m: Machine, mm: Mm): Kvm {
  const kvm: Kvm = Object.assign(kvmStruct.create("kvm"), { mm });
  createNotifier(m, mm, "kvm.notifier", kvmOps, kvm);
  return kvm;
}

/** Never sleeps, so it takes every range. */
function* kvmInvalidateRangeStart(_k: Kernel, sub: MmuNotifier): Task<number> {
  const kvm = sub.driver as Kvm;
  yield* downWrite(kvm.mmuLock);
  kvm.inProgress++;
  kvm.spte = null;
  yield* upWrite(kvm.mmuLock);
  return 0;
}

function* kvmInvalidateRangeEnd(_k: Kernel, sub: MmuNotifier): Task {
  const kvm = sub.driver as Kvm;
  yield* downWrite(kvm.mmuLock);
  yield* writeOnce(kvm.seq, ((yield* readOnce(kvm.seq)) + 1) & SEQ_MASK);
  kvm.inProgress--;
  yield* upWrite(kvm.mmuLock);
}

/** A vCPU touches guest page `vpn`: returns when it is mapped, or when the host has no memory for it. */
export function* vcpuFault(k: Kernel, kvm: Kvm, vpn: Vpn): Task {
  for (;;) {
    const seq = yield* readOnce(kvm.seq);
    yield* downRead(kvm.mm.mmapLock);
    const folio = yield* pinUserPage(k, kvm.mm, vpn, FOLL_GET | FOLL_WRITE);
    yield* upRead(kvm.mm.mmapLock);
    if (isError(folio)) return;
    const mapped = yield* mapUnlessStale(kvm, folio, seq);
    yield* folioPut(k, folio);
    if (mapped) return;
  }
}

function* mapUnlessStale(kvm: Kvm, folio: Folio, seq: number): Task<boolean> {
  yield* downWrite(kvm.mmuLock);
  const stale = kvm.inProgress > 0 || (yield* readOnce(kvm.seq)) !== seq;
  if (!stale) kvm.spte = folio;
  yield* upWrite(kvm.mmuLock);
  return !stale;
}
