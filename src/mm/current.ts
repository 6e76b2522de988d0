/** Who is running: `current` of the kernel, as far as memory management asks. */
import { setTaskOwner, taskOwner } from "../machine/context.ts";
import type { Process } from "./mmTypes.ts";

/** The process that the running task is; null = a thread of the kernel, or a task of a test. */
export function currentProcess(): Process | null {
  return taskOwner() as Process | null;
}

/** The running task is a thread of `p` from now on. */
export function becomeProcess(p: Process): void {
  setTaskOwner(p);
}

/** fatal_signal_pending, task_is_dying: it will not return to user space. */
export function fatalSignalPending(): boolean {
  return currentProcess()?.killed ?? false;
}
