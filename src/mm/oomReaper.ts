/**
 * The OOM reaper (mm/oom_kill.c): takes a dying process's memory away while the process itself may be stuck anywhere. It is
 * the only place whose notifier ranges must not block, so a subscriber may refuse.
 *
 *   kill ─▶ timer, 2 s ─▶ mmap_lock free? ─▶ VMA by VMA, non-blockable ─▶ all of it, or 10 tries ─▶ MMF_OOM_SKIP
 *                              └── no: in 0.1 s again ◀── somebody refused ──┘
 *
 * MMF_UNSTABLE: from the first try on the memory may be gone, so faults must not bring zeroes back in its place.
 * MMF_OOM_SKIP: there is nothing more to get here; the OOM killer may choose somebody else.
 */
import { fetchAdd } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { EAGAIN, EINTR, EINVAL } from "../machine/errno.ts";
import { downReadKillable } from "../machine/killable.ts";
import type { Machine, TaskInfo } from "../machine/machine.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downReadTrylock, upRead } from "../machine/rwsem.ts";
import { until } from "../machine/wait.ts";
import type { Kernel } from "./kernel.ts";
import { unmapPageRange, ZAP_ALL } from "./memoryZap.ts";
import { type Mm, type Process, VM_PFNMAP, VM_SHARED, vmaIsAnonymous } from "./mmTypes.ts";
import { mmdrop, mmgrab } from "./mmUsers.ts";
import { tlbFinish, tlbGather } from "./mmuGather.ts";
import {
  hasNotifiers,
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_UNMAP,
  RANGE_BLOCKABLE,
} from "./mmuNotifier.ts";
import { guards } from "./rules.ts";
import { now, scheduleTimeoutIdle, sleepUntil } from "./timer.ts";

/** OOM_REAPER_DELAY, and how long it waits between tries: milliseconds. */
const REAPER_DELAY_MS = 2000;
const RETRY_DELAY_MS = 100;
const SKIP_DELAY_MS = 1000;

/**
 * __oom_reap_task_mm: private memory goes, VMA by VMA. False when a subscriber refused somewhere; that VMA was left, and
 * gets no end. mmap_lock held for reading.
 */
export function* oomReapTaskMm(k: Kernel, mm: Mm): Task<boolean> {
  let complete = true;
  const event = MMU_NOTIFY_UNMAP | (k.rules.reaperNonBlock ? 0 : RANGE_BLOCKABLE);
  mm.unstable = guards(k.rules, "oomUnstable");
  for (let vma = mm.mmap; vma; vma = vma.next) {
    if ((vma.flags & VM_PFNMAP) !== 0) continue;
    if (!vmaIsAnonymous(vma) && (vma.flags & VM_SHARED) !== 0) continue;
    const { start, end } = vma;
    const tlb = tlbGather(k, mm);
    const tells = guards(k.rules, "reaperNotifies");
    const refused = tells && (yield* invalidateRangeStart(k, mm, start, end, event)) !== 0;
    if (refused) {
      complete = false;
    } else {
      yield* unmapPageRange(k, tlb, vma, start, end, ZAP_ALL);
      if (tells) yield* invalidateRangeEnd(k, mm, start, end, event);
    }
    yield* tlbFinish(k, tlb);
  }
  return complete;
}

/** Set-up: the kernel's thread that reaps. Without it victims are only killed. */
export function startOomReaper(m: Machine, k: Kernel): TaskInfo {
  return m.spawn("oom_reaper", oomReaper, [k], { daemon: true, rests: "wait" });
}

/** queue_oom_reaper: at most once for each mm. */
export function* queueOomReaper(k: Kernel, mm: Mm): Task {
  if (mm.oomReapQueued) return;
  mm.oomReapQueued = true;
  if (guards(k.rules, "oomReaperRef")) yield* mmgrab(mm);
  mm.oomReapNext = null;
  mm.oomReapDue = (yield* now(k)) + REAPER_DELAY_MS;
  if (k.oom.reapLast) k.oom.reapLast.oomReapNext = mm;
  else k.oom.reapFirst = mm;
  k.oom.reapLast = mm;
  yield* fetchAdd(k.oom.reapQueued, 1);
}

/** oom_reaper: victims in the order of their death. */
export function* oomReaper(k: Kernel): Task {
  for (;;) {
    yield* until(() => k.oom.reapQueued.value > 0, k.oom.reapQueued);
    const mm = k.oom.reapFirst as Mm;
    yield* sleepUntil(k, mm.oomReapDue);
    k.oom.reapFirst = mm.oomReapNext;
    if (!mm.oomReapNext) k.oom.reapLast = null;
    mm.oomReapNext = null;
    yield* oomReapTask(k, mm);
    yield* fetchAdd(k.oom.reapQueued, -1);
    if (guards(k.rules, "oomReaperRef")) yield* mmdrop(k, mm);
  }
}

/** oom_reap_task: gives up after so many tries. Afterwards nobody waits for this mm any more. */
function* oomReapTask(k: Kernel, mm: Mm): Task {
  for (let left = k.oomReapRetries; left > 0; left--) {
    if (yield* tryReap(k, mm)) break;
    if (left > 1) yield* scheduleTimeoutIdle(k, RETRY_DELAY_MS);
  }
  if (guards(k.rules, "oomReaperSkips")) mm.oomSkip = true;
}

/** oom_reap_task_mm: true when there is nothing left to do. The victim may hold mmap_lock, so it is only tried. */
function* tryReap(k: Kernel, mm: Mm): Task<boolean> {
  if (!(yield* downReadTrylock(mm.mmapLock))) return false;
  const skips = k.rules.reaperSkips;
  if (skips !== "nothing" && (yield* hasNotifiers(k, mm, skips === "anyNotifier"))) {
    // Who knows how long its callbacks take: the victim gets a second to die by itself.
    yield* upRead(mm.mmapLock);
    yield* scheduleTimeoutIdle(k, SKIP_DELAY_MS);
    return true;
  }
  // exit_mmap sets it when it has unmapped everything.
  const complete = mm.oomSkip || (yield* oomReapTaskMm(k, mm));
  yield* upRead(mm.mmapLock);
  return complete;
}

/** process_mrelease(2): the target must have been killed. 0, -EINVAL, -EAGAIN, or -EINTR for a caller that is killed. */
export function* processMrelease(k: Kernel, target: Process): Task<number> {
  const keeps = guards(k.rules, "mreleaseRef");
  yield* lock(target.taskLock);
  const mm = target.killed ? target.mm : null;
  if (mm && keeps) yield* mmgrab(mm);
  yield* unlock(target.taskLock);
  if (!mm) return -EINVAL;
  const locked = (yield* downReadKillable(mm.mmapLock)) === 0;
  let complete = true;
  if (locked) {
    complete = mm.oomSkip || (yield* oomReapTaskMm(k, mm));
    yield* upRead(mm.mmapLock);
  }
  if (keeps) yield* mmdrop(k, mm);
  if (!locked) return -EINTR;
  return complete ? 0 : -EAGAIN;
}
