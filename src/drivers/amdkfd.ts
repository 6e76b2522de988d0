/**
 * amdkfd's device queue manager, and user memory of its processes (kfd_device_queue_manager.c, amdgpu_mn.c): before pages are
 * taken away, all queues of the process are stopped, instead of waiting for jobs.
 *
 *   callback        notifier_lock: set_seq ─▶ evicted_bos 0 ─▶ 1: quiesce_mm ─▶ dqm lock: queues stop
 *   create queue    dqm lock ─▶ its descriptor is allocated
 *
 * So nobody may reclaim under the dqm lock. How the lock sees to that is `scope`, the PF_* flags that it sets while it is held.
 * The restore worker, which starts the queues again some time later, is not here.
 */
import { memallocRestore, memallocSave } from "../machine/context.ts";
import type { Handle, Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../machine/mutex.ts";
import { bool, int, struct } from "../machine/struct.ts";
import type { Kernel } from "../mm/kernel.ts";
import { createIntervalNotifier, mmuIntervalSetSeq } from "../mm/mmuIntervalNotifier.ts";
import { type IntervalNotifier, type IntervalNotifierOps, rangeBlockable } from "../mm/mmuNotifierTypes.ts";
import type { Pfn } from "../mm/page.ts";
import { allocPage } from "../mm/pageAlloc.ts";

export interface Kfd extends Handle {
  /** dqm->lock_hidden: only through dqmLock and dqmUnlock. */
  readonly lockHidden: Mutex;
  /** dqm->saved_flags. */
  savedFlags: number;
  queues: number;
  running: boolean;
  /** adev->notifier_lock, taken by all callbacks of the device. */
  readonly notifierLock: Mutex;
  evictedBos: number;
  readonly scope: number;
}
const kfdStruct = struct("kfd", {
  lockHidden: mutexField(),
  savedFlags: int({ guardedBy: "lockHidden" }),
  queues: int({ guardedBy: "lockHidden" }),
  running: bool({ guardedBy: "lockHidden" }),
  notifierLock: mutexField(),
  evictedBos: int({ guardedBy: "notifierLock" }),
});

/** Set-up: a device whose queue manager allocates in the scope of the PF_* flags `scope`. */
export function createKfd(scope: number): Kfd {
  return Object.assign(kfdStruct.create("kfd"), { scope });
}

/** Set-up: the subscription of a user-memory BO; to be inserted. */
export function createKfdUserptr(m: Machine, k: Kernel, kfd: Kfd): IntervalNotifier<Kfd> {
  return createIntervalNotifier(m, k, "kfd.userptr", hsaOps, kfd);
}

function* dqmLock(kfd: Kfd): Task {
  yield* lock(kfd.lockHidden);
  kfd.savedFlags = memallocSave(kfd.scope);
}

function* dqmUnlock(kfd: Kfd): Task {
  memallocRestore(kfd.scope, kfd.savedFlags);
  yield* unlock(kfd.lockHidden);
}

/** create_queue_nocpsch: the frame of the queue's descriptor, or -ENOMEM. */
export function* createQueue(k: Kernel, kfd: Kfd, gfp: number): Task<Pfn> {
  yield* dqmLock(kfd);
  const mqd = yield* allocPage(k, gfp);
  if (mqd >= 0) {
    kfd.queues++;
    kfd.running = true;
  }
  yield* dqmUnlock(kfd);
  return mqd >= 0 ? mqd : -ENOMEM;
}

/** evict_process_queues_nocpsch. */
function* evictProcessQueues(kfd: Kfd): Task {
  yield* dqmLock(kfd);
  kfd.running = false;
  yield* dqmUnlock(kfd);
}

const hsaOps: IntervalNotifierOps = {
  /** amdgpu_mn_invalidate_hsa, amdgpu_amdkfd_evict_userptr. */
  *invalidate(_k, sub, _start, _end, flags, seq): Task<boolean> {
    const kfd = sub.driver as Kfd;
    if (!rangeBlockable(flags)) return false;
    yield* lock(kfd.notifierLock);
    yield* mmuIntervalSetSeq(sub, seq);
    kfd.evictedBos++;
    if (kfd.evictedBos === 1) yield* evictProcessQueues(kfd);
    yield* unlock(kfd.notifierLock);
    return true;
  },
};
