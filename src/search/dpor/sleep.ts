/**
 * Sleep sets: for each state on the path, the events whose runs from there have all been explored. A run that could
 * begin with one of them is known already. The set of the deepest state lies last, so it can grow.
 */
import type { Accesses } from "./accesses.ts";
import { AGAINST, enlarged, initial, type Sequence } from "./wakeup.ts";

export class SleepSets {
  /** The set at depth d: entries start[d] … end[d]. */
  private start: Int32Array = new Int32Array(64);
  private end: Int32Array = new Int32Array(64);
  private task: Int32Array = new Int32Array(1024);
  private choice: Int32Array = new Int32Array(1024);
  private outcomes: Int32Array = new Int32Array(1024);
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
      this.put(n++, this.task[i], this.choice[i], this.outcomes[i], this.access[i]);
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
      this.outcomes = enlarged(this.outcomes);
      this.access = enlarged(this.access);
    }
    this.task[i] = task;
    this.choice[i] = choice;
    this.outcomes[i] = outcomes;
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

  /** Are all runs from the state at depth `d` that contain `v` known, because a sleeping event could begin them? */
  covers(d: number, v: Sequence): boolean {
    for (let i = this.start[d]; i < this.end[d]; i++) {
      const task = this.task[i];
      const outcomes = this.outcomes[i];
      if (initial(this.a, v, task, this.choice[i], outcomes, this.access[i]) !== AGAINST) return true;
      if (outcomes > 1 && this.allAsleep(d, i) && initial(this.a, v, task, -1, 1, this.access[i]) === -1) return true;
    }
    return false;
  }

  /** Does every outcome of the choice of entry `i` sleep? */
  private allAsleep(d: number, i: number): boolean {
    let n = 0;
    for (let j = this.start[d]; j < this.end[d]; j++) if (this.task[j] === this.task[i]) n++;
    return n === this.outcomes[i];
  }
}
