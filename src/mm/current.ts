/** Who is running: `current` of the kernel, as far as memory management asks, and how a process is killed. */
import { actsFor, setTaskOwner, taskOwner } from "../machine/context.ts";
import type { Task } from "../machine/core.ts";
import { sendSigkill } from "../machine/killable.ts";
import { activeMachine } from "../machine/machine.ts";
import type { Process } from "./mmTypes.ts";

/** The process that the running task is; null = a thread of the kernel, or a task of a test. */
export function currentProcess(): Process | null {
  return taskOwner() as Process | null;
}

/** The running task is a thread of `p` from now on. */
export function becomeProcess(p: Process): void {
  setTaskOwner(p);
}

/** SIGKILL for all tasks that are `p`: they wait for no killable lock any more, and never go back to user code. */
export function* killProcess(p: Process): Task {
  p.killed = true;
  const { length } = activeMachine().tasks;
  for (let slot = 0; slot < length; slot++) if (actsFor(slot, p)) yield* sendSigkill(slot);
}
