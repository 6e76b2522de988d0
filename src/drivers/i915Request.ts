/** Requests of i915, as far as memory management meets them: a fence that is signaled when the GPU has run the job. */
import { type Cell, writeOnce } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { ENOMEM } from "../machine/errno.ts";
import { type Fence, fenceInit, fenceSignal, signaledBy } from "../machine/fence.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import type { TaskInfo } from "../machine/machine.ts";
import { until } from "../machine/wait.ts";
import type { Kernel } from "../mm/kernel.ts";
import { kfree, kmalloc } from "../mm/slab.ts";

/**
 * The request path (execbuf): the job's fence is on the object from here on, the job needs memory, then it is handed to
 * the GPU. Until then nobody but this task can bring the fence nearer to being signaled. 0 or -ENOMEM, and then the
 * fence is signaled here: the job is dropped.
 */
export function* submitRequest(k: Kernel, requests: Fence, submitted: Cell, gpu: TaskInfo): Task<number> {
  yield* fenceInit(requests);
  const memory = yield* kmalloc(k, GFP_KERNEL);
  if (memory === 0) {
    yield* fenceSignal(requests);
    return -ENOMEM;
  }
  signaledBy(requests, gpu);
  yield* writeOnce(submitted, 1);
  yield* kfree(k, memory);
  return 0;
}

/** The GPU: runs the job once it is submitted. A daemon, since a job may be dropped. */
export function* runRequest(requests: Fence, submitted: Cell): Task {
  yield* until(() => submitted.value === 1, submitted);
  yield* fenceSignal(requests);
}
