/**
 * Sleep sets: for each state on the path, the events whose runs from there have all been explored. A run that could
 * begin with one of them is known already. The set of the deepest state lies last, so it can grow.
 */
import type { Accesses } from "./accesses.ts";
import { AGAINST, COMMUTES, enlarged, initial, type Sequence } from "./sequence.ts";

export class SleepSets {
  /** The set at depth d: entries start[d] … end[d]. */
  private start: Int32Array = new Int32Array(64);
  private end: Int32Array = new Int32Array(64);
  private task: Int32Array = new Int32Array(1024);
  private choice: Int32Array = new Int32Array(1024);
  private of: Int32Array = new Int32Array(1024);
  private access: Int32Array = new Int32Array(1024);
  private readonly a: Accesses;

  constructor(a: Accesses) {
    this.a = a;
  }

  /** The set at depth d + 1 after the event that `task` did with `access`: who is independent of it sleeps on. */
  descend(d: number, task: number, access: number): void {
    if (d + 2 > this.start.length) {
      this.start = enlarged(this.start);
      this.end = enlarged(this.end);
    }
    const { conflict, stride } = this.a;
    const row = access * stride;
    let n = this.end[d];
    this.start[d + 1] = n;
    for (let i = this.start[d]; i < this.end[d]; i++) {
      if (this.task[i] === task || conflict[row + this.access[i]] === 1) continue;
      this.put(n++, this.task[i], this.choice[i], this.of[i], this.access[i]);
    }
    this.end[d + 1] = n;
  }

  /** Puts an event to sleep in the state at depth `d`, the deepest one. */
  add(d: number, task: number, choice: number, outcomes: number, access: number): void {
    this.put(this.end[d]++, task, choice, outcomes, access);
  }

  private put(i: number, task: number, choice: number, outcomes: number, access: number): void {
    if (i === this.task.length) {
      this.task = enlarged(this.task);
      this.choice = enlarged(this.choice);
      this.of = enlarged(this.of);
      this.access = enlarged(this.access);
    }
    this.task[i] = task;
    this.choice[i] = choice;
    this.of[i] = outcomes;
    this.access[i] = access;
  }

  isEmpty(d: number): boolean {
    return this.start[d] === this.end[d];
  }

  /** Does `task` with this outcome sleep in the state at depth `d`? */
  has(d: number, task: number, choice: number): boolean {
    for (let i = this.start[d]; i < this.end[d]; i++) {
      if (this.task[i] === task && this.choice[i] === choice) return true;
    }
    return false;
  }

  /** Is an event of `v` that can be its first one asleep in the state at depth `d`? */
  begins(d: number, v: Sequence): boolean {
    for (let i = this.start[d]; i < this.end[d]; i++) {
      if (initial(this.a, v, this.task[i], this.choice[i], this.of[i], this.access[i]) >= 0) return true;
    }
    return false;
  }

  /** Are all runs from the state at depth `d` that contain `v` known, because a sleeping event could begin them? */
  covers(d: number, v: Sequence): boolean {
    for (let i = this.start[d]; i < this.end[d]; i++) {
      const task = this.task[i];
      const outcomes = this.of[i];
      if (initial(this.a, v, task, this.choice[i], outcomes, this.access[i]) !== AGAINST) return true;
      // One outcome does not stand for the others, but all of them together do.
      if (outcomes === 1 || this.outcomes(d, task) < outcomes) continue;
      if (initial(this.a, v, task, -1, 1, this.access[i]) === COMMUTES) return true;
    }
    return false;
  }

  /** How many outcomes of the choice of `task` sleep in the state at depth `d`. */
  outcomes(d: number, task: number): number {
    let n = 0;
    for (let i = this.start[d]; i < this.end[d]; i++) if (this.task[i] === task) n++;
    return n;
  }
}
