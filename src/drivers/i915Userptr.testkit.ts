/** For tests: what userspace and the kernel do to an object. */
import type { Task } from "../machine/core.ts";
import { EAGAIN } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { flushWork, type Work } from "../machine/workqueue.ts";
import type { Kernel } from "../mm/kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../mm/madvise.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { oomReapTaskMm } from "../mm/oomReaper.ts";
import { A } from "../mm/world/small.ts";
import { bind, getPages, type UserptrObject } from "./i915Userptr.ts";

export function* getsPages(k: Kernel, object: UserptrObject, worker: Work, attempts: number): Task {
  let error = -EAGAIN;
  for (let i = 0; i < attempts && error === -EAGAIN; i++) {
    error = yield* getPages(k, object, worker);
    if (error === -EAGAIN) yield* flushWork(worker);
  }
  must(error === 0, "assertion", `get_pages failed with ${error}`);
}

export function* bindsPages(k: Kernel, object: UserptrObject, worker: Work): Task {
  yield* getsPages(k, object, worker, 1);
  yield* bind(object);
}

export function* drops(k: Kernel, p: Process, n: number): Task {
  yield* sysMadvise(k, p, A, n, MADV_DONTNEED);
}

export function* reaps(k: Kernel, mm: Mm, expected: boolean): Task {
  yield* downRead(mm.mmapLock);
  const reaped = yield* oomReapTaskMm(k, mm);
  yield* upRead(mm.mmapLock);
  must(reaped === expected, "assertion", `reaped: ${reaped}`);
}
