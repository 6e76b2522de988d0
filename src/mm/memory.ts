/**
 * Page faults (mm/memory.c): from an access that the page table does not allow to a page-table entry that does.
 *
 *   none ─anonymous─▶ zero page (read) or new page (write)        none ─file─▶ memoryFile.ts
 *   read-only ─write─▶ memoryCow.ts                               swap ─▶ memorySwap.ts; migration entry ─▶ wait
 */
import { point } from "../machine/cell.ts";
import { immediately, keepOrder, sequential, type Task } from "../machine/core.ts";
import { EFAULT, EINTR, ENOENT, ENOMEM } from "../machine/errno.ts";
import { waitFolioLocked } from "../machine/folioLock.ts";
import { __GFP_COMP, __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../machine/gfp.ts";
import { fatalSignalPending } from "../machine/killable.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { until } from "../machine/wait.ts";
import { anonVmaPrepare } from "./anonVma.ts";
import { NOT_RESIDENT, userReadResident, userWriteResident } from "./cpuAccess.ts";
import type { Kernel } from "./kernel.ts";
import { memCgroupCharge } from "./memcontrol.ts";
import { handleOverHigh } from "./memcontrolHigh.ts";
import { doWpPage } from "./memoryCow.ts";
import { devicePrivateFault } from "./memoryDevice.ts";
import { doFault } from "./memoryFile.ts";
import { doSwapPage } from "./memorySwap.ts";
import { lruCacheAdd } from "./mlockPage.ts";
import { type Mm, type Process, VM_EXEC, VM_READ, VM_WRITE, type Vma, vmaIsAnonymous } from "./mmTypes.ts";
import { doNumaPage, vmaIsAccessible } from "./numa.ts";
import { folioLockWord, PG_uptodate, setFlag, type Vpn, ZERO_PFN } from "./page.ts";
import { allocPage } from "./pageAlloc.ts";
import {
  isDevicePrivateType,
  isMigrationType,
  mkPte,
  PTE_DIRTY,
  PTE_PRESENT,
  PTE_SOFT_DIRTY,
  PTE_SPECIAL,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type Pte,
  pteAt,
  ptePresent,
  pteProtnone,
  ptepSetBits,
  pteWrite,
  SWP_MARKER,
  SWP_SWAP,
  setPteAt,
  swpOffset,
  swpType,
} from "./pageTable.ts";
import { vmPageProt } from "./pgprot.ts";
import { pteAlloc } from "./pteAlloc.ts";
import { pageAddNewAnonRmap } from "./rmap.ts";
import { folioPut } from "./swap.ts";
import { staleRead, staleWrite, tlbLookup } from "./tlbAccess.ts";
import { vmaLookup } from "./vma.ts";
import { countBoth, EV } from "./vmstat.ts";

export const FAULT_READ = 0;
export const FAULT_WRITE = 1;
/** FAULT_FLAG_UNSHARE: make a shared anonymous page exclusive, without write permission. */
export const FAULT_UNSHARE = 2;

/**
 * VM_FAULT_OOM that is not for want of memory: the slot of a swap entry was free for a moment, and the same entry is there
 * again. User code faults once more (pagefault_out_of_memory); GUP takes it for -ENOMEM (vm_fault_to_errno).
 */
export const FAULT_OOM_AGAIN = -ENOENT;
/** A write fault on what a userfaultfd has protected: its monitor must look at it, and mmap_lock must not be held meanwhile. */
export const FAULT_USERFAULT = -1025;

/**
 * handle_mm_fault: makes page `vpn` of `vma` accessible. 0 also when the caller must look again; -ENOMEM, FAULT_OOM_AGAIN, FAULT_USERFAULT, or -EFAULT for
 * what a signal would be (beyond the end of a file). The rights of the VMA have been checked. mmap_lock held.
 */
export function* handleMmFault(k: Kernel, vma: Vma, vpn: Vpn, flags: number): Task<number> {
  const mm = vma.mm as Mm;
  countBoth(k, mm.memcg, EV.pgfault);
  if (!(yield* pteAlloc(k, mm, vpn))) return -ENOMEM;
  yield* lock(mm.ptl);
  const pte = pteAt(k, mm, vpn);
  if (ptePresent(pte)) return yield* presentFault(k, vma, vpn, pte, flags);
  yield* unlock(mm.ptl);
  if (pte === 0) {
    return vmaIsAnonymous(vma) ? yield* doAnonymousPage(k, vma, vpn, flags) : yield* doFault(k, vma, vpn, flags);
  }
  if (swpType(pte) === SWP_SWAP) return yield* doSwapPage(k, vma, vpn, pte, flags);
  return yield* nonSwapEntry(k, vma, vpn, pte);
}

/** The second half of handle_pte_fault. Page-table lock held, dropped here. */
function* presentFault(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte, flags: number): Task<number> {
  const mm = vma.mm as Mm;
  if (pteProtnone(pte) && vmaIsAccessible(vma)) return yield* doNumaPage(k, vma, vpn, pte);
  if (flags !== FAULT_READ && !pteWrite(pte)) return yield* doWpPage(k, vma, vpn, pte, flags);
  // x86: for a read there is nothing to set that the CPU would not set itself.
  const bits = PTE_YOUNG | PTE_DIRTY | PTE_SOFT_DIRTY;
  if ((flags & FAULT_WRITE) !== 0 && (pte & bits) !== bits) yield* ptepSetBits(k, mm, vpn, bits);
  yield* unlock(mm.ptl);
  return 0;
}

/**
 * do_anonymous_page: the zero page for a read, a new page for a write. Memory that the OOM reaper may have taken must not
 * come back as zeroes (check_stable_address_space): SIGBUS.
 */
function* doAnonymousPage(k: Kernel, vma: Vma, vpn: Vpn, flags: number): Task<number> {
  const mm = vma.mm as Mm;
  if ((flags & FAULT_WRITE) === 0) {
    yield* lock(mm.ptl);
    const stable = !mm.unstable;
    if (stable && pteAt(k, mm, vpn) === 0) yield* setPteAt(k, mm, vpn, mkPte(ZERO_PFN, PTE_SPECIAL | vmPageProt(vma)));
    yield* unlock(mm.ptl);
    return stable ? 0 : -EFAULT;
  }
  if (!vma.anonVma && !(yield* anonVmaPrepare(k, vma))) return -ENOMEM;
  const pfn = yield* allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_ZERO, vma.policy > 0 ? vma.policy - 1 : 0);
  if (pfn < 0) return -ENOMEM;
  if ((yield* memCgroupCharge(k, pfn, mm, GFP_KERNEL)) !== 0) {
    yield* folioPut(k, pfn);
    return -ENOMEM;
  }
  setFlag(k, pfn, PG_uptodate);
  // With the rights that the VMA has now: mmap_lock keeps them as they are.
  const writable = (vma.flags & VM_WRITE) !== 0 ? PTE_WRITE | PTE_DIRTY | PTE_SOFT_DIRTY : 0;
  const entry = mkPte(pfn, vmPageProt(vma) | PTE_YOUNG | writable);
  yield* lock(mm.ptl);
  const stable = !mm.unstable;
  const free = stable && pteAt(k, mm, vpn) === 0;
  if (free) {
    mm.rssAnon++;
    yield* pageAddNewAnonRmap(k, pfn, vma, vpn);
    yield* lruCacheAdd(k, pfn, vma);
    yield* setPteAt(k, mm, vpn, entry);
  }
  yield* unlock(mm.ptl);
  if (!free) yield* folioPut(k, pfn);
  return stable ? 0 : -EFAULT;
}

/** The first lines of do_swap_page: entries of pages that are being moved or in device memory, and markers. */
function* nonSwapEntry(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte): Task<number> {
  const mm = vma.mm as Mm;
  const type = swpType(pte);
  if (isMigrationType(type)) {
    // migration_entry_wait: who migrates the page keeps it locked until the entries are replaced.
    yield* waitFolioLocked(folioLockWord(k, swpOffset(pte)));
    return 0;
  }
  if (isDevicePrivateType(type)) return yield* devicePrivateFault(k, vma, vpn, pte);
  if (type !== SWP_MARKER) return -EFAULT;
  yield* lock(mm.ptl);
  if (pteAt(k, mm, vpn) === pte) yield* setPteAt(k, mm, vpn, 0);
  yield* unlock(mm.ptl);
  return 0;
}

/** Do the rights of the VMA allow it (access_error)? */
export function accessAllowed(vma: Vma, write: boolean): boolean {
  return write ? (vma.flags & VM_WRITE) !== 0 : (vma.flags & (VM_READ | VM_EXEC | VM_WRITE)) !== 0;
}

/** do_user_addr_fault. 0 or -errno. */
export function* userFault(k: Kernel, mm: Mm, vpn: Vpn, write: boolean): Task<number> {
  yield* downRead(mm.mmapLock);
  const vma = vmaLookup(mm, vpn);
  const fault =
    vma && accessAllowed(vma, write) ? yield* handleMmFault(k, vma, vpn, write ? FAULT_WRITE : FAULT_READ) : -EFAULT;
  const error = fault === FAULT_OOM_AGAIN ? 0 : fault;
  yield* upRead(mm.mmapLock);
  if (error === FAULT_USERFAULT) {
    // handle_userfault: asleep, without the lock, until the monitor has given the right to write back, or taken the page away.
    yield* until(() => (pteAt(k, mm, vpn) & (PTE_PRESENT | PTE_UFFD_WP)) !== (PTE_PRESENT | PTE_UFFD_WP));
    return 0;
  }
  yield* handleOverHigh(k);
  // fault_signal_pending: the access is not tried again, the task dies on its way back to user code.
  return error === 0 && fatalSignalPending() ? -EINTR : error;
}

/**
 * A store or load of user code is a step of its own: what it finds in the entry depends on everybody who changes entries.
 * Without a scheduling point here it would be done along with whatever the task did before.
 */
function aboutToAccess(): Task {
  return sequential ? (immediately(undefined) as never) : point();
}

/** A load from page `vpn`: its content; -EFAULT, or -EINTR once the task has been killed. */
export function* userRead(k: Kernel, p: Process, vpn: Vpn): Task<number> {
  const mm = p.mm as Mm;
  for (;;) {
    if (k.tlb === null) yield* aboutToAccess();
    keepOrder(); // accesses of user memory race as they do
    const stale = k.tlb === null ? 0 : yield* tlbLookup(k, mm, vpn, false);
    if (stale > 0) return staleRead(k, vpn, stale);
    const content = userReadResident(k, mm, vpn);
    if (content !== NOT_RESIDENT) return content;
    const error = yield* userFault(k, mm, vpn, false);
    if (error !== 0) return error;
  }
}

/** A store to page `vpn`. 0, -EFAULT or -EINTR. */
export function* userWrite(k: Kernel, p: Process, vpn: Vpn, content: number): Task<number> {
  const mm = p.mm as Mm;
  for (;;) {
    if (k.tlb === null) yield* aboutToAccess();
    keepOrder();
    const stale = k.tlb === null ? 0 : yield* tlbLookup(k, mm, vpn, true);
    if (stale > 0) {
      staleWrite(k, vpn, stale, content);
      return 0;
    }
    if (userWriteResident(k, mm, vpn, content)) return 0;
    const error = yield* userFault(k, mm, vpn, true);
    if (error !== 0) return error;
  }
}
