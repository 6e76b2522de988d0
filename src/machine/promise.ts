/** Promises to act: a word with the task (slot + 1) that alone will complete or signal something; 0 = nobody promised. */
import { current, type Handle, W } from "./core.ts";
import { Finding } from "./finding.ts";
import { activeMachine } from "./machine.ts";

/** The owners of a wait for what the task in word `at` has promised. */
export function promisedBy(at: number): number[] {
  return W[at] === 0 ? [] : [W[at] - 1];
}

/** Raises an `assertion` finding when another task than the running one has promised to act on `object`. */
export function checkPromise(object: Handle, ownerOffset: number, done: string): void {
  const owner = W[object.at + ownerOffset] - 1;
  if (owner < 0 || owner === current || current < 0) return;
  const { tasks } = activeMachine();
  throw new Finding(
    "assertion",
    `${object.name} is ${done} by ${tasks[current].name}, but ${tasks[owner].name} had promised to`,
  );
}
