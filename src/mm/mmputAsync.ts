/** mmput_async (kernel/fork.c): for those who may drop the last user of an mm where its tear-down must not run. */
import { fetchAdd } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { queueWork, type Work, work, workqueue } from "../machine/workqueue.ts";
import { lastMmput } from "./exit.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";

/** For each mm of the kernel the work item that tears it down (mm->async_put_work). */
export interface AsyncPuts {
  readonly works: readonly Work[];
}

/** Set-up: the works, and the queue that runs them, with one worker. */
export function createAsyncPuts(m: Machine, k: Kernel): AsyncPuts {
  const wq = workqueue("mmput");
  return m.keep({ works: k.mms.map((mm) => work(`${mm.name}.asyncPut`, wq, lastMmput, k, mm)) });
}

/** mmput_async: the last user leaves the tear-down to a work item. Never waits. */
export function* mmputAsync(k: Kernel, puts: AsyncPuts, mm: Mm): Task {
  const before = yield* fetchAdd(mm.mmUsers, -1);
  must(before > 0, "use-after-free", `${mm.name} has no users and is to lose one`);
  if (before === 1) yield* queueWork(puts.works[k.mms.indexOf(mm)]);
}
