/** mlock(2), mlock2(2), mlockall(2) and their opposites (mm/mlock.c). No notifier is involved. */
import type { Task } from "../machine/core.ts";
import { EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM } from "../machine/errno.ts";
import { downWriteKillable } from "../machine/killable.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { upWrite } from "../machine/rwsem.ts";
import { mmPopulate, mmPopulateStrictly } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { mlockFolio, munlockFolio } from "./mlockPage.ts";
import { type Mm, type Process, VM_IO, VM_LOCKED, VM_LOCKED_MASK, VM_LOCKONFAULT, type Vma } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";
import { pteAt, ptePfn, ptePresent, pteSlot, pteSpecial } from "./pageTable.ts";
import { guards } from "./rules.ts";
import { lruAddDrain } from "./swap.ts";
import { taskSize } from "./unmappedArea.ts";
import { findVma } from "./vma.ts";
import { vmaForChange } from "./vmaFlags.ts";

export const MLOCK_ONFAULT = 1;
export const MCL_CURRENT = 1;
export const MCL_FUTURE = 2;
export const MCL_ONFAULT = 4;

/** mlock(2). 0; -ENOMEM over holes and where the memory may not be accessed, -EAGAIN without memory. */
export function* sysMlock(k: Kernel, p: Process, at: Vpn, n: number): Task<number> {
  return yield* doMlock(k, p.mm as Mm, at, at + n, VM_LOCKED);
}

/** mlock2(2): with MLOCK_ONFAULT pages are locked as they are touched. */
export function* sysMlock2(k: Kernel, p: Process, at: Vpn, n: number, flags: number): Task<number> {
  if ((flags & ~MLOCK_ONFAULT) !== 0) return -EINVAL;
  const onFault = (flags & MLOCK_ONFAULT) !== 0 ? VM_LOCKONFAULT : 0;
  return yield* doMlock(k, p.mm as Mm, at, at + n, VM_LOCKED | onFault);
}

function* doMlock(k: Kernel, mm: Mm, start: Vpn, end: Vpn, add: number): Task<number> {
  if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  const error = yield* applyVmaLockFlags(k, mm, start, end, add);
  yield* upWrite(mm.mmapLock);
  if (error !== 0) return error;
  const failed = yield* mmPopulateStrictly(k, mm, start, end);
  // __mlock_posix_error_return.
  return failed === -EFAULT ? -ENOMEM : failed === -ENOMEM ? -EAGAIN : failed;
}

/** mlockall(2). 0 or -EINVAL. */
export function* sysMlockall(k: Kernel, p: Process, flags: number): Task<number> {
  if (flags === 0 || flags === MCL_ONFAULT || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) !== 0) return -EINVAL;
  const mm = p.mm as Mm;
  if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  yield* applyMlockallFlags(k, mm, flags);
  yield* upWrite(mm.mmapLock);
  if ((flags & MCL_CURRENT) !== 0) yield* mmPopulate(k, mm, 0, taskSize(k));
  return 0;
}

export function* sysMunlockall(k: Kernel, p: Process): Task<number> {
  const mm = p.mm as Mm;
  if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  yield* applyMlockallFlags(k, mm, 0);
  yield* upWrite(mm.mmapLock);
  return 0;
}

/** apply_mlockall_flags: what is mapped later, and with MCL_CURRENT (or 0) what is mapped now. */
function* applyMlockallFlags(k: Kernel, mm: Mm, flags: number): Task {
  const add = VM_LOCKED | ((flags & MCL_ONFAULT) !== 0 ? VM_LOCKONFAULT : 0);
  mm.defFlags = (flags & MCL_FUTURE) !== 0 ? add : 0;
  if (flags !== 0 && (flags & MCL_CURRENT) === 0) return;
  let at = 0;
  for (let vma = findVma(mm, at); vma; vma = findVma(mm, at)) {
    at = vma.end;
    yield* mlockFixup(k, vma, vma.start, vma.end, (vma.flags & ~VM_LOCKED_MASK) | (flags === 0 ? 0 : add));
  }
}

export function* sysMunlock(k: Kernel, p: Process, at: Vpn, n: number): Task<number> {
  const mm = p.mm as Mm;
  if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  const error = yield* applyVmaLockFlags(k, mm, at, at + n, 0);
  yield* upWrite(mm.mmapLock);
  return error;
}

function* applyVmaLockFlags(k: Kernel, mm: Mm, start: Vpn, end: Vpn, add: number): Task<number> {
  for (let at = start; at < end; ) {
    const vma = findVma(mm, at);
    if (!vma || vma.start > at) return -ENOMEM;
    const stop = Math.min(vma.end, end);
    const error = yield* mlockFixup(k, vma, at, stop, (vma.flags & ~VM_LOCKED_MASK) | add);
    if (error !== 0) return error;
    at = stop;
  }
  return 0;
}

function* mlockFixup(k: Kernel, vma: Vma, start: Vpn, end: Vpn, flags: number): Task<number> {
  const mm = vma.mm as Mm;
  const old = vma.flags;
  if (flags === old) return 0;
  const target = yield* vmaForChange(k, vma, start, end, flags, vma.policy);
  if (!target) return -ENOMEM;
  const locks = (flags & VM_LOCKED) !== 0;
  mm.lockedVm += locks === ((old & VM_LOCKED) !== 0) ? 0 : locks ? end - start : start - end;
  if (locks && (old & VM_LOCKED) !== 0) target.flags = flags;
  else yield* mlockVmaPagesRange(k, target, start, end, flags);
  return 0;
}

/** mlock_vma_pages_range: VM_IO keeps others from counting the same pages meanwhile. */
function* mlockVmaPagesRange(k: Kernel, vma: Vma, start: Vpn, end: Vpn, flags: number): Task {
  const mm = vma.mm as Mm;
  const locks = (flags & VM_LOCKED) !== 0;
  vma.flags = locks && guards(k.rules, "mlockVmIo") ? flags | VM_IO : flags;
  yield* lruAddDrain(k);
  yield* lock(mm.ptl);
  for (let at = start; at < end; at++) {
    if (pteSlot(k, mm, at) === 0) continue;
    const pte = pteAt(k, mm, at);
    if (!ptePresent(pte) || pteSpecial(pte)) continue;
    if (locks) yield* mlockFolio(k, ptePfn(pte));
    else yield* munlockFolio(k, ptePfn(pte));
  }
  yield* unlock(mm.ptl);
  yield* lruAddDrain(k);
  vma.flags = flags;
}
