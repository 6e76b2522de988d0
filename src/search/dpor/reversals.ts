/**
 * What races ask for: that some events of the path are taken back and an operation is done before them.
 *
 *   path:      … [e3] e4 e5 |p| e6 e7 …      p could be done before e3; e4 and e7 depend on e3, or on p
 *   sequence:  e5 p e6, from before e3       head: e5 p, tail: e6
 *
 * The head is what must be: once a sleeping event, or one that begins a planned branch, can begin the head, the reversal
 * is settled. As long as none does, the end of every run gives another tail to try: without a tail that wakes those who
 * sleep, runs with this head would be known ones.
 */
import type { Accesses } from "./accesses.ts";
import { enlarged, Sequence } from "./sequence.ts";
import type { SleepSets } from "./sleep.ts";
import type { Trail } from "./trail.ts";
import type { WakeupTrees } from "./wakeup.ts";

export class Reversals {
  private readonly trail: Trail;
  private readonly a: Accesses;
  private readonly trees: WakeupTrees;
  private readonly sleep: SleepSets;
  /** Optimal: whole sequences are planned, at the ends of runs. Else first events only, at once. */
  private readonly optimal: boolean;
  private readonly v = new Sequence();
  /** Open reversals, those of the latest events last: the event that is to be earlier, and what it would touch there. */
  private count = 0;
  private event: Int32Array = new Int32Array(64);
  private access: Int32Array = new Int32Array(64);
  /** The events that are taken back, each with all that depends on it: roots[start …], the earliest one first. */
  private start: Int32Array = new Int32Array(65);
  private roots: Int32Array = new Int32Array(256);
  private readonly more: number[] = [];

  constructor(trail: Trail, a: Accesses, trees: WakeupTrees, sleep: SleepSets, optimal: boolean) {
    this.trail = trail;
    this.a = a;
    this.trees = trees;
    this.sleep = sleep;
    this.optimal = optimal;
  }

  /**
   * The operation that `task` is about to do as the event at the current depth could be done before the events `roots`
   * (ascending) and what depends on them, and would touch `access` there.
   */
  add(roots: readonly number[], task: number, choice: number, outcomes: number, access: number): void {
    const { v, trees } = this;
    const low = roots[0];
    this.head(roots, 0, roots.length, this.trail.depth);
    v.push(task, choice, outcomes, access);
    if (this.isSettled(low)) return;
    if (!this.optimal) trees.append(low, trees.node(v.task[0], v.choice[0], v.outcomes[0], v.access[0]));
    else this.open(roots, access);
  }

  /** The same for an operation that waits at the end of a run, where there is no tail. */
  addBlocked(roots: readonly number[], task: number, choice: number, outcomes: number, access: number): void {
    const { v } = this;
    const low = roots[0];
    this.head(roots, 0, roots.length, this.trail.depth);
    v.push(task, choice, outcomes, access);
    if (this.isSettled(low)) return;
    if (this.optimal) this.plan(low);
    else this.trees.append(low, this.trees.node(v.task[0], v.choice[0], v.outcomes[0], v.access[0]));
  }

  private open(roots: readonly number[], access: number): void {
    const i = this.count++;
    if (i === this.event.length) {
      this.event = enlarged(this.event);
      this.access = enlarged(this.access);
      this.start = enlarged(this.start, 2 * i + 1);
    }
    this.event[i] = this.trail.depth;
    this.access[i] = access;
    let n = this.start[i];
    if (n + roots.length > this.roots.length) this.roots = enlarged(this.roots);
    for (const k of roots) this.roots[n++] = k;
    this.start[i + 1] = n;
  }

  /** Forgets those of events at the current depth and deeper: the path no longer has them. */
  goBack(): void {
    const { depth } = this.trail;
    while (this.count > 0 && this.event[this.count - 1] >= depth) this.count--;
  }

  /** The path is a whole run: plans what is still open. */
  endOfRun(): void {
    const { trail, v } = this;
    let kept = 0;
    for (let i = 0; i < this.count; i++) {
      const from = this.start[i];
      const to = this.start[i + 1];
      const low = this.roots[from];
      const event = this.event[i];
      this.head(this.roots, from, to, event);
      v.push(trail.task[event], trail.choice[event], trail.outcomes[event], this.access[i]);
      if (this.isSettled(low)) continue;
      this.keep(i, kept++);
      this.tail(from, to, event, this.access[i]);
      this.plan(low);
    }
    this.count = kept;
  }

  private keep(i: number, as: number): void {
    if (i === as) return;
    const n = this.start[i + 1] - this.start[i];
    this.event[as] = this.event[i];
    this.access[as] = this.access[i];
    this.roots.copyWithin(this.start[as], this.start[i], this.start[i + 1]);
    this.start[as + 1] = this.start[as] + n;
  }

  /** `v` becomes the events before `event`, from the first root on, that depend on none of the roots. */
  private head(roots: ArrayLike<number>, from: number, to: number, event: number): void {
    const { v, trail } = this;
    v.length = 0;
    for (let x = roots[from] + 1; x < event; x++) {
      if (!this.dependsOnOne(x, roots, from, to)) this.take(x);
    }
    if (v.length > trail.depth) throw new Error("a sequence is longer than the run that it was made from");
  }

  /** Adds to `v` what comes after `event` and depends neither on it, nor on a root, nor would on it where it goes. */
  private tail(from: number, to: number, event: number, access: number): void {
    const { trail, a, more } = this;
    const { conflict, stride } = a;
    more.length = 1;
    more[0] = event;
    for (let x = event + 1; x < trail.depth; x++) {
      if (this.dependsOnOne(x, this.roots, from, to) || this.dependsOnOne(x, more, 0, more.length)) continue;
      if (conflict[access * stride + trail.access[x]] === 1) more.push(x);
      else this.take(x);
    }
  }

  private take(x: number): void {
    const { trail } = this;
    this.v.push(trail.task[x], trail.choice[x], trail.outcomes[x], trail.access[x]);
  }

  private dependsOnOne(x: number, roots: ArrayLike<number>, from: number, to: number): boolean {
    const { clocks, tasks, order, task } = this.trail;
    for (let i = from; i < to; i++) {
      const k = roots[i];
      if (k <= x && clocks[x * tasks + task[k]] >= order[k]) return true;
    }
    return false;
  }

  /** Can the head in `v` begin with an event that sleeps before event `low`, or that begins a planned branch there? */
  private isSettled(low: number): boolean {
    return this.sleep.begins(low, this.v) || (!this.optimal && this.trees.begins(low, this.v));
  }

  /** Plans runs that begin with `v` before event `low`, unless they are known. */
  private plan(low: number): void {
    if (!this.sleep.covers(low, this.v)) this.trees.insert(low, this.v, this.sleep);
  }
}
