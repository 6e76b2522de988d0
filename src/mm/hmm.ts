/** hmm_range_fault (mm/hmm.c): what the page table says, without references; valid until the next invalidation. */
import type { Handle, Task } from "../machine/core.ts";
import { EBUSY, EFAULT, EPERM } from "../machine/errno.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Pages } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { FAULT_READ, FAULT_WRITE, handleMmFault } from "./memory.ts";
import { pagemapOf } from "./memremap.ts";
import { type Mm, VM_IO, VM_PFNMAP, VM_READ, VM_WRITE } from "./mmTypes.ts";
import { mmuIntervalReadRetry } from "./mmuIntervalNotifier.ts";
import type { IntervalNotifier } from "./mmuNotifierTypes.ts";
import type { Vpn } from "./page.ts";
import { isDevicePrivateType, pteAt, ptePfn, pteReadable, swpOffset, swpType } from "./pageTable.ts";
import { isWritable } from "./rmapMigrate.ts";
import { vmaLookup } from "./vma.ts";

/** An entry: pfn << 2 | HMM_WRITE | HMM_VALID. */
export const HMM_VALID = 1;
export const HMM_WRITE = 2;
/** What is asked for (default_flags); 0 = only what is there. */
export const HMM_REQ_FAULT = 1;
export const HMM_REQ_WRITE = 2;

/**
 * Fills pfns[offset …] for [start, end). 0; -EBUSY when `seq` is over; -EFAULT, -EPERM. mmap_lock held for reading. `owner`
 * (dev_private_owner): its own device memory is reported, that of others is faulted back into RAM, as all is with null.
 */
export function* hmmRangeFault(
  k: Kernel,
  mm: Mm,
  sub: IntervalNotifier,
  seq: number,
  start: Vpn,
  end: Vpn,
  request: number,
  pfns: Pages,
  offset = 0,
  owner: Handle | null = null,
): Task<number> {
  for (let at = start; at < end; ) {
    if (yield* mmuIntervalReadRetry(sub, seq)) return -EBUSY;
    at = yield* walk(k, mm, start - offset, at, end, request, pfns, owner);
    if (at < 0) return at;
    if (at >= end) return 0;
    const error = yield* hmmVmaFault(k, mm, at, request);
    if (error !== 0) return error;
  }
  return 0;
}

/** Up to the first page that must be faulted in; -errno where that is impossible. `start`: page of the first entry of `pfns`. */
function* walk(
  k: Kernel,
  mm: Mm,
  start: Vpn,
  from: Vpn,
  end: Vpn,
  request: number,
  pfns: Pages,
  owner: Handle | null,
): Task<number> {
  for (let at = from; at < end; at++) {
    const vma = vmaLookup(mm, at);
    const usable = vma && (vma.flags & (VM_IO | VM_PFNMAP)) === 0 && (vma.flags & VM_READ) !== 0;
    if (!usable) {
      if (request !== 0) return -EFAULT;
      pfns.pfn[at - start] = 0;
      continue;
    }
    yield* lock(mm.ptl);
    const pte = pteAt(k, mm, at);
    yield* unlock(mm.ptl);
    const own = isDevicePrivateType(swpType(pte)) && owner !== null && pagemapOf(k, swpOffset(pte)).owner === owner;
    const has = own || pteReadable(pte) ? HMM_VALID | (isWritable(pte) ? HMM_WRITE : 0) : 0;
    const lacks = (request & ~has & (HMM_REQ_FAULT | HMM_REQ_WRITE)) !== 0;
    if (lacks) return at;
    pfns.pfn[at - start] = has === 0 ? 0 : (ptePfn(pte) << 2) | has;
  }
  return end;
}

/** hmm_vma_fault, for one page. */
function* hmmVmaFault(k: Kernel, mm: Mm, at: Vpn, request: number): Task<number> {
  const vma = vmaLookup(mm, at);
  if (!vma) return -EFAULT;
  const write = (request & HMM_REQ_WRITE) !== 0;
  if (write && (vma.flags & VM_WRITE) === 0) return -EPERM;
  const error = yield* handleMmFault(k, vma, at, write ? FAULT_WRITE : FAULT_READ);
  return error === 0 ? 0 : -EFAULT;
}
