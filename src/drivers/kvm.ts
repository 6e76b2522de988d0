/**
 * KVM as a notifier user: a classic subscriber with start and end. While a section over guest memory is open, no vCPU may map
 * anything in its range; a fault that overlaps one, or that one has overtaken, tries again.
 *
 *   start   mmu_lock: in progress + 1, range = hull of all open ones, zap        release: zap all
 *   end     mmu_lock: seq + 1, in progress - 1
 *   fault   q = seq ─▶ get the page ─▶ mmu_lock: in progress over it, or seq moved? again : map ─▶ drop the reference
 *
 * No pin and no reference is kept: the secondary page table is right because of the callbacks alone. Sections that touch no
 * slot take no lock and count nothing; there is one slot here, all of guest memory.
 */
import { type Cell, cellField, readOnce, writeOnce } from "../machine/cell.ts";
import { column, columns } from "../machine/columns.ts";
import type { Handle, Task } from "../machine/core.ts";
import { EAGAIN } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { downRead, downWrite, type RwSem, rwlockField, upRead, upWrite } from "../machine/rwsem.ts";
import { int, struct } from "../machine/struct.ts";
import { createPages, FOLL_GET, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import { HMM_VALID, HMM_WRITE } from "../mm/hmm.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm } from "../mm/mmTypes.ts";
import { createNotifier, type MmuNotifier, mmuNotifierRegister } from "../mm/mmuNotifier.ts";
import type { Vpn } from "../mm/page.ts";
import { hardwareStore } from "./underTest.ts";

export interface Kvm extends Handle {
  readonly mmuLock: RwSem;
  /** mmu_invalidate_in_progress: sections open over guest memory, and the hull of their ranges. */
  inProgress: number;
  rangeStart: Vpn;
  rangeEnd: Vpn;
  /** mmu_invalidate_seq; wraps early, only equality is asked. */
  readonly seq: Cell;
  /** Guest memory: pages [start, start + pages) of the mm. */
  readonly start: Vpn;
  readonly pages: number;
  /** The second-level table: pfn << 2 | HMM_WRITE | HMM_VALID, 0 = nothing; and how often the frame had been freed then. */
  readonly sptes: ReturnType<typeof createSptes>;
  /** What a vCPU's fault has got. */
  readonly got: Pages;
  readonly mm: Mm;
  readonly seqMask: number;
}

function createSptes(name: string, pages: number, guard: () => RwSem) {
  return columns(name, pages, { entry: column({ guardedBy: guard }), generation: column({ guardedBy: guard }) });
}

const kvmStruct = struct("kvm", {
  mmuLock: rwlockField(),
  inProgress: int({ guardedBy: "mmuLock" }),
  rangeStart: int({ guardedBy: "mmuLock" }),
  rangeEnd: int({ guardedBy: "mmuLock" }),
  seq: cellField(),
});

const GET = FOLL_GET | FOLL_WRITE;
const kvmOps = {
  invalidateRangeStart: kvmInvalidateRangeStart,
  invalidateRangeEnd: kvmInvalidateRangeEnd,
  release: kvmRelease,
};

/** Set-up: a virtual machine whose memory are `pages` pages of `mm`; it subscribes when boots run. One vCPU. */
export function createKvm(m: Machine, k: Kernel, mm: Mm, start: Vpn, pages: number): Kvm {
  const sub = createBareKvm(m, mm, start, pages);
  m.boot(mmuNotifierRegister, [k, sub, mm]);
  return sub.driver;
}

/** Set-up: one that has not subscribed yet (kvm_create_vm before kvm_init_mmu_notifier). `seqMask`: where its sequence wraps. */
export function createBareKvm(
  m: Machine,
  mm: Mm,
  start: Vpn,
  pages: number,
  { name = "kvm", seqMask = 7 }: { readonly name?: string; readonly seqMask?: number } = {},
): MmuNotifier<Kvm> {
  const kvm = kvmStruct.create(name);
  const vm: Kvm = Object.assign(kvm, {
    ...{ mm, start, pages, seqMask },
    sptes: createSptes(`${name}.spte`, pages, () => kvm.mmuLock),
    got: createPages(`${name}.got`, 1),
  });
  return createNotifier(m, `${name}.notifier`, kvmOps, vm);
}

/** kvm_mmu_notifier_invalidate_range_start. Never sleeps, so it takes every range. */
function* kvmInvalidateRangeStart(_k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn): Task<number> {
  const kvm = sub.driver as Kvm;
  if (!isGuests(kvm, start, end)) return 0;
  yield* downWrite(kvm.mmuLock);
  kvm.inProgress++;
  kvm.rangeStart = kvm.inProgress === 1 ? start : Math.min(kvm.rangeStart, start);
  kvm.rangeEnd = kvm.inProgress === 1 ? end : Math.max(kvm.rangeEnd, end);
  zap(kvm, start, end);
  yield* upWrite(kvm.mmuLock);
  return 0;
}

function* kvmInvalidateRangeEnd(_k: Kernel, sub: MmuNotifier, start: Vpn, end: Vpn): Task {
  const kvm = sub.driver as Kvm;
  if (!isGuests(kvm, start, end)) return;
  yield* downWrite(kvm.mmuLock);
  yield* writeOnce(kvm.seq, ((yield* readOnce(kvm.seq)) + 1) & kvm.seqMask);
  must(kvm.inProgress > 0, "missed-notification", "KVM hears the end of a section that it saw no start of");
  kvm.inProgress--;
  yield* upWrite(kvm.mmuLock);
}

/** kvm_mmu_notifier_release: kvm_flush_shadow_all. */
function* kvmRelease(_k: Kernel, sub: MmuNotifier): Task {
  const kvm = sub.driver as Kvm;
  yield* downWrite(kvm.mmuLock);
  zap(kvm, kvm.start, kvm.start + kvm.pages);
  yield* upWrite(kvm.mmuLock);
}

const isGuests = (kvm: Kvm, start: Vpn, end: Vpn): boolean => start < kvm.start + kvm.pages && end > kvm.start;

/** mmu_lock held for writing. */
function zap(kvm: Kvm, start: Vpn, end: Vpn): void {
  const from = Math.max(start, kvm.start);
  const to = Math.min(end, kvm.start + kvm.pages);
  kvm.sptes.entry.fill(0, from - kvm.start, to - kvm.start);
  kvm.sptes.generation.fill(0, from - kvm.start, to - kvm.start);
}

/** A vCPU touches guest memory at page `vpn` of the mm: returns when it is mapped, or with -errno of the host. */
export function* vcpuFault(k: Kernel, kvm: Kvm, vpn: Vpn): Task<number> {
  for (;;) {
    const seq = yield* readOnce(kvm.seq);
    const got = yield* getUserPagesFast(k, kvm.mm, vpn, 1, GET, kvm.got);
    if (got < 0) return got;
    const mapped = yield* mapUnlessStale(k, kvm, vpn, seq);
    yield* unpinUserPages(k, kvm.got, 1, GET, false);
    if (mapped) return 0;
  }
}

/** direct_page_fault, is_page_fault_stale, mmu_invalidate_retry_hva. */
function* mapUnlessStale(k: Kernel, kvm: Kvm, vpn: Vpn, seq: number): Task<boolean> {
  yield* downRead(kvm.mmuLock);
  const open = kvm.inProgress > 0 && vpn >= kvm.rangeStart && vpn < kvm.rangeEnd;
  const stale = open || (yield* readOnce(kvm.seq)) !== seq;
  if (!stale) {
    const pfn = kvm.got.pfn[0];
    kvm.sptes.entry[vpn - kvm.start] = (pfn << 2) | HMM_WRITE | HMM_VALID;
    kvm.sptes.generation[vpn - kvm.start] = k.frames.generation[pfn];
  }
  yield* upRead(kvm.mmuLock);
  return !stale;
}

/** The guest stores to page `vpn` of the mm. 0, or -EAGAIN where it must fault first. */
export function* guestStore(k: Kernel, kvm: Kvm, vpn: Vpn, content: number): Task<number> {
  const at = vpn - kvm.start;
  yield* downRead(kvm.mmuLock);
  const entry = kvm.sptes.entry[at];
  if (entry !== 0) hardwareStore(k, entry >> 2, kvm.sptes.generation[at], content);
  yield* upRead(kvm.mmuLock);
  return entry === 0 ? -EAGAIN : 0;
}
