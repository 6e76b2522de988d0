/** Sequences of events that are to be done, and the question which events could begin them. */
import type { Accesses } from "./accesses.ts";

/** A sequence of events, as parallel arrays. `outcomes` = how many choices the event has (1 = none). */
export class Sequence {
  length = 0;
  task: Int32Array;
  choice: Int32Array;
  outcomes: Int32Array;
  access: Int32Array;

  constructor(capacity = 256) {
    this.task = new Int32Array(capacity);
    this.choice = new Int32Array(capacity);
    this.outcomes = new Int32Array(capacity);
    this.access = new Int32Array(capacity);
  }

  push(task: number, choice: number, outcomes: number, access: number): void {
    const n = this.length;
    if (n === this.task.length) this.grow();
    this.task[n] = task;
    this.choice[n] = choice;
    this.outcomes[n] = outcomes;
    this.access[n] = access;
    this.length = n + 1;
  }

  removeAt(i: number): void {
    const n = this.length;
    this.task.copyWithin(i, i + 1, n);
    this.choice.copyWithin(i, i + 1, n);
    this.outcomes.copyWithin(i, i + 1, n);
    this.access.copyWithin(i, i + 1, n);
    this.length = n - 1;
  }

  copy(): Sequence {
    const copy = new Sequence(this.task.length);
    for (let i = 0; i < this.length; i++) copy.push(this.task[i], this.choice[i], this.outcomes[i], this.access[i]);
    return copy;
  }

  private grow(): void {
    this.task = enlarged(this.task);
    this.choice = enlarged(this.choice);
    this.outcomes = enlarged(this.outcomes);
    this.access = enlarged(this.access);
  }
}

/** Twice as long, with the same beginning. */
export function enlarged(a: Int32Array, length = 2 * a.length): Int32Array {
  const b = new Int32Array(length);
  b.set(a);
  return b;
}

/** `initial`: no event at all of the sequence conflicts with it, and it is not part of it. */
export const COMMUTES = -1;
/** Not a weak initial. */
export const AGAINST = -2;

/**
 * Can the event be the first one of some run that contains the sequence `v`? Its index in `v`, where it may be moved
 * to the front; COMMUTES where it is not part of `v` and independent of all of it; AGAINST otherwise. One outcome of a
 * choice never stands for the others, so it must be part of `v`.
 */
export function initial(
  a: Accesses,
  v: Sequence,
  task: number,
  choice: number,
  outcomes: number,
  access: number,
): number {
  const { conflict, stride } = a;
  const row = access * stride;
  const n = v.length;
  for (let i = 0; i < n; i++) {
    if (v.task[i] === task) return outcomes === 1 || v.choice[i] === choice ? i : AGAINST;
    if (conflict[row + v.access[i]] === 1) return AGAINST;
  }
  return outcomes === 1 ? COMMUTES : AGAINST;
}
