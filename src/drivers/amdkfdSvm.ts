/**
 * Shared virtual memory of amdkfd, as far as its work items and the end of the process go (kfd_svm.c, kfd_process.c).
 *
 *   deferred list work   has a user of the mm since it was queued; updates ranges under mmap_lock; mmput
 *   restore work         flushes the deferred list work, takes mmap_lock, maps the ranges again
 *   release callback     the mm dies ─▶ mmu_notifier_put ─▶ grace period ─▶ the process structure goes in a work item
 */
import type { Handle, Task } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { downWrite, upWrite } from "../machine/rwsem.ts";
import { bool, int, ref, struct } from "../machine/struct.ts";
import {
  cancelWorkSync,
  flushWork,
  queueWork,
  type Work,
  type WorkQueue,
  workField,
  workqueue,
} from "../machine/workqueue.ts";
import { mmput } from "../mm/exit.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { getTaskMm, mmget } from "../mm/mmUsers.ts";
import { mmuNotifierRegister } from "../mm/mmuNotifier.ts";
import {
  createSharedNotifier,
  mmuNotifierPut,
  type SharedNotifier,
  type SharedNotifierOps,
} from "../mm/mmuNotifierGet.ts";
import { driverHistory } from "./history.ts";

export interface SvmOptions {
  /** Who waits for the restore work: the release callback, or the work item that frees the process structure (v5.18). */
  readonly flushedBy: "release" | "processWork";
  /** The restore work takes a user of the mm for its time (the second half of the fix). */
  readonly restoreHasUser: boolean;
}

const history = driverHistory<SvmOptions, string>("amdkfd-svm", {
  "v5.17": { flushedBy: "release", restoreHasUser: false },
  "v5.18": { flushedBy: "processWork", restoreHasUser: true },
});

/** kfd_process with its svm_range_list. */
export interface KfdProcess extends Handle {
  /** The address space that it is about; keeps no user of it. */
  mm: Mm | null;
  readonly leader: Process;
  /** Ranges that are to be updated, and how often ranges were mapped again. */
  deferred: number;
  restored: number;
  gone: boolean;
  readonly deferredListWork: Work;
  readonly restoreWork: Work;
  readonly releaseWork: Work;
  readonly notifier: SharedNotifier;
  readonly options: SvmOptions;
}
const kfdProcessStruct = struct("kfdProcess", {
  mm: ref<Mm>({ ordered: "set when the process opens the device" }),
  deferred: int({ ordered: "deferred_list_lock" }),
  restored: int({ ordered: "the restore work's own" }),
  gone: bool({ ordered: "set by the last work item" }),
  deferredListWork: workField(),
  restoreWork: workField(),
  releaseWork: workField(),
});

const kfdOps: SharedNotifierOps = {
  /** The structure is made with the process, here in the set-up. */
  *allocNotifier(): Task<SharedNotifier | null> {
    return null;
  },
  /** kfd_process_free_notifier: drops the reference that the notifier had; the rest needs a context that may sleep. */
  *freeNotifier(_k, sub): Task {
    yield* queueWork((sub.driver as KfdProcess).releaseWork);
  },
  /** kfd_process_notifier_release. */
  *release(_k, sub): Task {
    const p = sub.driver as KfdProcess;
    if (p.options.flushedBy === "release") yield* cancelWorkSync(p.restoreWork);
    yield* mmuNotifierPut(sub as SharedNotifier);
  },
};

/** Set-up: the driver's part of process `leader`. Its works run on the system's queue, the last one on kfd_process_wq. */
export function createKfdProcess(m: Machine, k: Kernel, leader: Process, options: SvmOptions): KfdProcess {
  const system: WorkQueue = workqueue("events", { workers: 2 });
  const kfdProcessWq = workqueue("kfdProcessWq");
  const p = Object.assign(kfdProcessStruct.create("kfdProcess"), { leader, options: m.keep(history.inForce(options)) });
  const notifier = createSharedNotifier(m, k, kfdProcessWq, "kfdNotifier", kfdOps, p);
  const kfd: KfdProcess = Object.assign(p, { notifier });
  kfd.deferredListWork.init(system, svmRangeDeferredListWork, k, kfd);
  kfd.restoreWork.init(system, svmRangeRestoreWork, k, kfd);
  kfd.releaseWork.init(kfdProcessWq, kfdProcessWqRelease, kfd);
  return kfd;
}

/** kfd_create_process. */
export function* kfdOpen(k: Kernel, p: KfdProcess): Task {
  p.mm = p.leader.mm;
  yield* mmuNotifierRegister(k, p.notifier, p.mm as Mm);
}

/** svm_range_add_list_work, schedule_deferred_list_work: a callback puts a range off; the mm keeps a user until it is done. */
export function* svmRangeAddListWork(p: KfdProcess): Task {
  yield* mmget(p.mm as Mm);
  p.deferred++;
  yield* queueWork(p.deferredListWork);
}

/** svm_range_deferred_list_work. */
function* svmRangeDeferredListWork(k: Kernel, p: KfdProcess): Task {
  const mm = p.mm as Mm;
  yield* downWrite(mm.mmapLock);
  p.deferred--;
  yield* upWrite(mm.mmapLock);
  yield* mmput(k, mm);
}

/** svm_range_restore_work. */
function* svmRangeRestoreWork(k: Kernel, p: KfdProcess): Task {
  const hasUser = p.options.restoreHasUser;
  const mm = hasUser ? yield* getTaskMm(p.leader) : p.mm;
  if (!mm) return;
  yield* svmRangeListLockAndFlushWork(p, mm);
  p.restored = 1;
  yield* upWrite(mm.mmapLock);
  if (hasUser) yield* mmput(k, mm);
}

/** svm_range_list_lock_and_flush_work: returns with mmap_lock held and nothing deferred. */
function* svmRangeListLockAndFlushWork(p: KfdProcess, mm: Mm): Task {
  for (;;) {
    yield* flushWork(p.deferredListWork);
    yield* downWrite(mm.mmapLock);
    if (p.deferred === 0) return;
    yield* upWrite(mm.mmapLock);
  }
}

/** kfd_process_wq_release. */
function* kfdProcessWqRelease(p: KfdProcess): Task {
  if (p.options.flushedBy === "processWork") {
    yield* cancelWorkSync(p.restoreWork);
    yield* flushWork(p.deferredListWork);
  }
  p.gone = true;
}
