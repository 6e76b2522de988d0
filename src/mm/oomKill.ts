/** Reaping the memory of a dying process (mm/oom_kill.c): the only place that must not block. */
import type { Task } from "../machine/core.ts";
import { EAGAIN, EINVAL } from "../machine/errno.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import type { Kernel } from "./kernel.ts";
import { unmapPageRange, ZAP_ALL } from "./memoryZap.ts";
import { type Mm, type Process, VM_PFNMAP, VM_SHARED, vmaIsAnonymous } from "./mmTypes.ts";
import { mmdrop, mmgrab } from "./mmUsers.ts";
import { tlbFinish, tlbGather } from "./mmuGather.ts";
import { invalidateRangeEnd, invalidateRangeStart, MMU_NOTIFY_UNMAP } from "./mmuNotifier.ts";
import { guards } from "./rules.ts";

/**
 * __oom_reap_task_mm: private memory goes, VMA by VMA. False when a subscriber refused somewhere; that VMA was left, and
 * gets no end. mmap_lock held for reading.
 */
export function* oomReapTaskMm(k: Kernel, mm: Mm): Task<boolean> {
  let complete = true;
  for (let vma = mm.mmap; vma; vma = vma.next) {
    if ((vma.flags & VM_PFNMAP) !== 0) continue;
    if (!vmaIsAnonymous(vma) && (vma.flags & VM_SHARED) !== 0) continue;
    const { start, end } = vma;
    const tlb = tlbGather(k, mm);
    const refused = (yield* invalidateRangeStart(k, mm, start, end, MMU_NOTIFY_UNMAP)) !== 0;
    if (refused) {
      complete = false;
    } else {
      yield* unmapPageRange(k, tlb, vma, start, end, ZAP_ALL);
      yield* invalidateRangeEnd(k, mm, start, end, MMU_NOTIFY_UNMAP);
    }
    yield* tlbFinish(k, tlb);
  }
  return complete;
}

/** process_mrelease(2): the target must have been killed. 0, -EINVAL, or -EAGAIN. */
export function* processMrelease(k: Kernel, target: Process): Task<number> {
  const keeps = guards(k.rules, "mreleaseRef");
  yield* lock(target.taskLock);
  const mm = target.killed ? target.mm : null;
  if (mm && keeps) yield* mmgrab(mm);
  yield* unlock(target.taskLock);
  if (!mm) return -EINVAL;
  yield* downRead(mm.mmapLock);
  const complete = mm.oomSkip || (yield* oomReapTaskMm(k, mm));
  yield* upRead(mm.mmapLock);
  if (keeps) yield* mmdrop(k, mm);
  return complete ? 0 : -EAGAIN;
}
