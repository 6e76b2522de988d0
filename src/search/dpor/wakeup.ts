/**
 * Wakeup trees: for each state on the current path, the beginnings of runs that must still be explored from there.
 * Kept in flat arrays; a node is an event, a child is what comes after it, siblings are tried in order.
 *
 *   heads[d] ─▶ event ─next─▶ event ─next─▶ …      d = depth of the state
 *                 │first
 *                 ▼
 *               event …                            a node without children: go on from there as you like
 */
import type { Accesses } from "./accesses.ts";
import { AGAINST, COMMUTES, enlarged, initial, type Sequence } from "./sequence.ts";
import type { SleepSets } from "./sleep.ts";

export class WakeupTrees {
  /** First branch of the state at each depth; 0 = none. */
  heads: Int32Array = new Int32Array(64);
  task: Int32Array = new Int32Array(1024);
  choice: Int32Array = new Int32Array(1024);
  outcomes: Int32Array = new Int32Array(1024);
  access: Int32Array = new Int32Array(1024);
  /** First child and next sibling; 0 = none. */
  first: Int32Array = new Int32Array(1024);
  next: Int32Array = new Int32Array(1024);
  private used = 1;
  private free = 0;
  private readonly a: Accesses;

  constructor(a: Accesses) {
    this.a = a;
  }

  /** A node without relatives. */
  node(task: number, choice: number, outcomes: number, access: number): number {
    let c = this.free;
    if (c !== 0) this.free = this.next[c];
    else {
      c = this.used++;
      if (c === this.task.length) this.grow();
    }
    this.task[c] = task;
    this.choice[c] = choice;
    this.outcomes[c] = outcomes;
    this.access[c] = access;
    this.first[c] = 0;
    this.next[c] = 0;
    return c;
  }

  /** Takes the first branch out of the tree at depth `d`; its children stay linked to it. */
  take(d: number): number {
    const c = this.heads[d];
    this.heads[d] = this.next[c];
    return c;
  }

  /** Gives back a node that was taken. */
  release(c: number): void {
    this.next[c] = this.free;
    this.free = c;
  }

  /** Adds the branch `c` as the last one at depth `d`. */
  append(d: number, c: number): void {
    let last = this.heads[d];
    if (last === 0) {
      this.heads[d] = c;
      return;
    }
    while (this.next[last] !== 0) last = this.next[last];
    this.next[last] = c;
  }

  /**
   * Makes sure that some run that begins with `v` is explored from the state at depth `d`: nothing to do where a leaf
   * of its tree already leads to one, else a new branch at the first place where `v` leaves the tree. Uses up `v`.
   */
  insert(d: number, v: Sequence, sleep: SleepSets): void {
    this.insertAfter([], d, v, sleep);
  }

  /** The same for the state after the nodes `path`, which begin at depth `d`. */
  private insertAfter(path: number[], d: number, v: Sequence, sleep: SleepSets): void {
    let c = path.length === 0 ? this.heads[d] : this.first[path[path.length - 1]];
    let last = 0;
    while (c !== 0) {
      const i = initial(this.a, v, this.task[c], this.choice[c], this.outcomes[c], this.access[c]);
      if (i === AGAINST) {
        if (this.outcomes[c] > 1 && this.besideChoice(path, d, c, v, sleep)) return;
        last = c;
        c = this.next[c];
        continue;
      }
      if (this.first[c] === 0) return;
      if (i >= 0) v.removeAt(i);
      if (v.length === 0) return;
      path.push(c);
      last = 0;
      c = this.first[c];
    }
    let added = 0;
    for (let i = v.length - 1; i >= 0; i--) {
      const n = this.node(v.task[i], v.choice[i], v.outcomes[i], v.access[i]);
      this.first[n] = added;
      added = n;
    }
    if (last !== 0) this.next[last] = added;
    else if (path.length > 0) this.first[path[path.length - 1]] = added;
    else this.heads[d] = added;
  }

  /**
   * Where `v` has nothing to do with the choice that branch `c` begins with, it goes below that branch. True when that
   * has now been done, or need not be done, for every outcome of the choice, so that `v` needs no branch beside them.
   */
  private besideChoice(path: readonly number[], d: number, c: number, v: Sequence, sleep: SleepSets): boolean {
    const task = this.task[c];
    if (initial(this.a, v, task, -1, 1, this.access[c]) !== COMMUTES) return false;
    if (this.first[c] !== 0) this.insertAfter([...path, c], d, v.copy(), sleep);
    for (let s = this.next[c]; s !== 0; s = this.next[s]) if (this.task[s] === task) return false;
    return this.outcomesKnown(path, d, c, sleep) === this.outcomes[c];
  }

  /**
   * How many outcomes of the choice that `c` begins with are planned after `path`, or will sleep there: they sleep at
   * depth `d`, or begin a branch that is tried before one that `path` takes, and nothing on the way wakes them.
   */
  private outcomesKnown(path: readonly number[], d: number, c: number, sleep: SleepSets): number {
    const { task, access, a } = this;
    let known = 0;
    for (let level = path.length; level >= 0; level--) {
      const p = path[level];
      if (p !== undefined && (task[p] === task[c] || a.conflict[access[p] * a.stride + access[c]] === 1)) return known;
      const head = level === 0 ? this.heads[d] : this.first[path[level - 1]];
      for (let s = head; s !== 0 && s !== p; s = this.next[s]) if (task[s] === task[c]) known++;
    }
    return known + sleep.outcomes(d, task[c]);
  }

  /** Does a branch at depth `d` begin with an event of `v` that can be the first one of `v`? */
  begins(d: number, v: Sequence): boolean {
    for (let c = this.heads[d]; c !== 0; c = this.next[c]) {
      if (initial(this.a, v, this.task[c], this.choice[c], this.outcomes[c], this.access[c]) >= 0) return true;
    }
    return false;
  }

  private grow(): void {
    this.task = enlarged(this.task);
    this.choice = enlarged(this.choice);
    this.outcomes = enlarged(this.outcomes);
    this.access = enlarged(this.access);
    this.first = enlarged(this.first);
    this.next = enlarged(this.next);
  }
}
