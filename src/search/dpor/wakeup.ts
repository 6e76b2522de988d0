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
  insert(d: number, v: Sequence): void {
    let parent = 0;
    let c = this.heads[d];
    let last = 0;
    while (c !== 0) {
      const i = initial(this.a, v, this.task[c], this.choice[c], this.outcomes[c], this.access[c]);
      if (i === AGAINST) {
        last = c;
        c = this.next[c];
        continue;
      }
      if (this.first[c] === 0) return;
      if (i >= 0) v.removeAt(i);
      if (v.length === 0) return;
      parent = c;
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
    else if (parent !== 0) this.first[parent] = added;
    else this.heads[d] = added;
  }

  /** The same for one event only: some run from the state at depth `d` begins like one that contains `v`. */
  insertFirst(d: number, v: Sequence): void {
    for (let c = this.heads[d]; c !== 0; c = this.next[c]) {
      if (initial(this.a, v, this.task[c], this.choice[c], this.outcomes[c], this.access[c]) !== AGAINST) return;
    }
    this.append(d, this.node(v.task[0], v.choice[0], v.outcomes[0], v.access[0]));
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
