/** Sets of task slots in two words of the array: bit t % 32 of word t / 32. */
import { W } from "./core.ts";

export const TASK_SET_WORDS = 2;

export function addTask(at: number, t: number): void {
  W[at + (t >> 5)] |= 1 << (t & 31);
}

export function removeTask(at: number, t: number): void {
  W[at + (t >> 5)] &= ~(1 << (t & 31));
}

export function hasTask(at: number, t: number): boolean {
  return (W[at + (t >> 5)] & (1 << (t & 31))) !== 0;
}

export function noTasks(at: number): boolean {
  return W[at] === 0 && W[at + 1] === 0;
}

export function clearTasks(at: number): void {
  W[at] = 0;
  W[at + 1] = 0;
}

/** Its members in order of their slots. */
export function tasksIn(at: number): number[] {
  const slots: number[] = [];
  for (let t = 0; t < 64; t++) if (hasTask(at, t)) slots.push(t);
  return slots;
}
