/** mlock(2) and munlock(2) (mm/mlock.c). No notifier is involved. */
import type { Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { mmPopulate } from "./gup.ts";
import type { Kernel } from "./kernel.ts";
import { mlockFolio, munlockFolio } from "./mlockPage.ts";
import { type Mm, type Process, VM_IO, VM_LOCKED, VM_LOCKED_MASK, type Vma } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";
import { pteAt, ptePfn, ptePresent, pteSlot, pteSpecial } from "./pageTable.ts";
import { lruAddDrain } from "./swap.ts";
import { findVma } from "./vma.ts";
import { vmaForChange } from "./vmaFlags.ts";

export function* sysMlock(k: Kernel, p: Process, at: Vpn, n: number): Task<number> {
  const mm = p.mm as Mm;
  yield* downWrite(mm.mmapLock);
  const error = yield* applyVmaLockFlags(k, mm, at, at + n, VM_LOCKED);
  yield* upWrite(mm.mmapLock);
  if (error !== 0) return error;
  yield* mmPopulate(k, mm, at, at + n);
  return 0;
}

export function* sysMunlock(k: Kernel, p: Process, at: Vpn, n: number): Task<number> {
  const mm = p.mm as Mm;
  yield* downWrite(mm.mmapLock);
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
  vma.flags = locks ? flags | VM_IO : flags;
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
