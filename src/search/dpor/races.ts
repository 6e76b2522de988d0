/**
 * Races: pairs of an earlier event and a later operation that could have been done before it. Each one asks for runs
 * that begin with everything that does not depend on the earlier event, and then the later operation.
 *
 *   path:   … e1 e2 [e3] e4 e5 | p      e4 depends on e3, e1 e2 e5 do not, p conflicts with e3:
 *   insert before e3:  e5 p             unless p could not be done there
 *
 * Operations that may have to wait (locks, conditions) make it a set of events that is taken back instead of one with
 * what depends on it: to take a mutex earlier, the unlock before it is no help, the lock before that is; a writer needs
 * every reader gone. Only smallest sets count, since larger ones are found from the runs that those lead to.
 */
import { Finding } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import type { Accesses } from "./accesses.ts";
import type { SleepSets } from "./sleep.ts";
import { READS, type Trail, UPDATES, WRITES } from "./trail.ts";
import { Sequence, type WakeupTrees } from "./wakeup.ts";

/** Marks of the events of the path: taken back; must stay. */
const GONE = 1;
const KEPT = 2;

/** What the racing operation is. */
interface Racer {
  task: number;
  choice: number;
  outcomes: number;
  access: number;
}

/** A set of events to take back, the first of them at `low`, after which the operation can be done, with `access`. */
interface Reversal {
  readonly marks: Uint8Array;
  readonly low: number;
  readonly access: number;
}

export class Races {
  protected readonly m: Machine;
  private readonly trail: Trail;
  private readonly a: Accesses;
  private readonly trees: WakeupTrees;
  private readonly sleep: SleepSets;
  /** Optimal: whole sequences are planned. Else only their first events, and runs may turn out to be known ones. */
  private readonly optimal: boolean;
  private readonly v = new Sequence();
  private candidates: Int32Array = new Int32Array(64);
  private marks: Uint8Array[] = [];
  private direct: number[] = [];
  private found: Reversal[] = [];
  private readonly racer: Racer = { task: 0, choice: 0, outcomes: 1, access: 0 };
  private patched: number[] = [];
  /** What the operation would touch where it was tried last. */
  private accessThere = 0;

  constructor(m: Machine, trail: Trail, a: Accesses, trees: WakeupTrees, sleep: SleepSets, optimal: boolean) {
    this.m = m;
    this.trail = trail;
    this.a = a;
    this.trees = trees;
    this.sleep = sleep;
    this.optimal = optimal;
  }

  /**
   * Task `t` is about to do its pending operation as the event at the current depth, where the machine stands: writes
   * the clock of that event, and plans the reversal of its races.
   */
  happen(t: number, choice: number, outcomes: number, access: number): void {
    const { trail } = this;
    trail.reserve();
    const d = trail.depth;
    const n = trail.tasks;
    const { clocks, past, task, order } = trail;
    const row = d * n;
    for (let i = 0; i < n; i++) clocks[row + i] = past[t * n + i];
    const { conflict, stride } = this.a;
    const line = access * stride;
    let count = 0;
    for (let k = d - 1; k >= 0; k--) {
      if (order[k] <= clocks[row + task[k]] || conflict[line + trail.access[k]] === 0) continue;
      if (count === this.candidates.length) this.moreCandidates();
      this.candidates[count++] = k;
      join(clocks, row, k * n, n);
    }
    clocks[row + t]++;
    if (count > 0) this.reverse(count, t, choice, outcomes, access);
  }

  private moreCandidates(): void {
    const more = new Int32Array(2 * this.candidates.length);
    more.set(this.candidates);
    this.candidates = more;
  }

  /** The operation that `t` waits for at the end of a run races too: it might have been done earlier. */
  blocked(t: number): void {
    const access = this.a.of(t);
    this.setRacer(t, 0, this.m.choices(t), access);
    this.direct.length = 0;
    const marks = this.marksAt(0);
    marks.fill(0, 0, this.trail.depth);
    this.deepen(0, this.trail.depth, access);
    this.insertFound();
  }

  private setRacer(task: number, choice: number, outcomes: number, access: number): void {
    this.racer.task = task;
    this.racer.choice = choice;
    this.racer.outcomes = outcomes;
    this.racer.access = access;
  }

  /** Reverses the races with the first `count` candidates, none of which depends on another. */
  private reverse(count: number, t: number, choice: number, outcomes: number, access: number): void {
    const d = this.trail.depth;
    this.setRacer(t, choice, outcomes, access);
    this.direct.length = 0;
    const marks = this.marksAt(0);
    let waiting = 0;
    for (let i = 0; i < count; i++) {
      const k = this.candidates[i];
      marks.fill(0, 0, d);
      this.take(marks, k);
      if (this.possible(marks, k)) {
        this.insert(marks, k, this.effect(access, this.accessThere));
        this.direct.push(k);
      } else this.candidates[waiting++] = k;
    }
    if (waiting === 0) return;
    for (let i = 0; i < waiting; i++) {
      marks.fill(0, 0, d);
      for (let j = 0; j < i; j++) marks[this.candidates[j]] = KEPT;
      this.take(marks, this.candidates[i]);
      this.possible(marks, this.candidates[i]);
      this.deepen(0, this.candidates[i], this.accessThere);
    }
    this.insertFound();
  }

  /** What the operation touches where it is done earlier: it may fail there and succeed here, or the other way round. */
  protected effect(_here: number, earlier: number): number {
    return earlier;
  }

  private marksAt(level: number): Uint8Array {
    const d = this.trail.depth;
    let marks = this.marks[level];
    if (marks === undefined || marks.length < d) this.marks[level] = marks = new Uint8Array(2 * d + 64);
    return marks;
  }

  /** Marks event `k` and all that depends on it as gone; false if one of them must stay. */
  private take(marks: Uint8Array, k: number): boolean {
    const { clocks, tasks, depth, order, task } = this.trail;
    const q = task[k];
    const o = order[k];
    for (let x = k; x < depth; x++) {
      if (clocks[x * tasks + q] < o) continue;
      if (marks[x] === KEPT) return false;
      marks[x] = GONE;
    }
    return true;
  }

  /**
   * Searches the smallest sets that contain those marked at `level` (first one: `low`), without which the operation can
   * be done; it cannot without the marked ones, where it would touch `access`. Only events that change something help.
   */
  protected deepen(level: number, low: number, access: number): void {
    const { trail } = this;
    const { clocks, tasks, depth, order, task } = trail;
    const marks = this.marks[level];
    const seen = trail.past.slice(this.racer.task * tasks, (this.racer.task + 1) * tasks);
    const { conflict, stride } = this.a;
    const candidates: number[] = [];
    for (let k = depth - 1; k >= 0; k--) {
      if (marks[k] === GONE || trail.effect[k] === READS) continue;
      if (order[k] <= seen[task[k]] || conflict[access * stride + trail.access[k]] === 0) continue;
      candidates.push(k);
      join2(seen, clocks, k * tasks, tasks);
    }
    const deeper = this.marksAt(level + 1);
    for (const k of candidates) {
      for (let i = 0; i < depth; i++) deeper[i] = marks[i];
      if (this.take(deeper, k) && !this.direct.some((c) => deeper[c] === GONE)) {
        const first = Math.min(low, k);
        if (this.possible(deeper, first)) {
          this.found.push({ marks: deeper.slice(0, depth), low: first, access: this.accessThere });
        } else this.deepen(level + 1, first, this.accessThere);
      }
      marks[k] = KEPT;
    }
  }

  private insertFound(): void {
    const { found } = this;
    if (found.length === 0) return;
    for (const r of found) {
      if (found.length > 1 && found.some((s) => s !== r && contains(r.marks, s.marks))) continue;
      this.insert(r.marks, r.low, this.effect(this.racer.access, r.access));
    }
    found.length = 0;
  }

  /**
   * Could the operation be done after all events of the path that are not gone? Finds out what it would touch, too.
   * `low` is the first event that is gone. The machine is at the current depth before and after.
   */
  private possible(marks: Uint8Array, low: number): boolean {
    const { trail, m } = this;
    const { depth, effect } = trail;
    for (let x = low; x < depth; x++) {
      if (marks[x] === GONE && effect[x] === UPDATES) return this.possibleAgain(marks, low);
    }
    // Every word that a gone event wrote is as it was before the first such event, since all later ones are gone too.
    const { words } = m;
    const { patched } = this;
    patched.length = 0;
    for (let x = depth - 1; x >= low; x--) {
      if (marks[x] !== GONE || effect[x] !== WRITES) continue;
      const set = this.a.sets[trail.access[x]];
      for (let i = 0; i < set.length; i++) {
        if ((set[i] & 1) === 0) continue;
        const w = set[i] >> 1;
        patched.push(w, words[w]);
        words[w] = trail.words[x * m.size + w];
      }
    }
    const enabled = this.tryHere();
    for (let i = patched.length - 2; i >= 0; i -= 2) words[patched[i]] = patched[i + 1];
    return enabled;
  }

  /** The same by running the events that stay. */
  private possibleAgain(marks: Uint8Array, low: number): boolean {
    const { trail, m } = this;
    trail.restore(low);
    for (let x = low; x < trail.depth; x++) {
      if (marks[x] !== GONE) runAgain(m, trail.task[x], trail.choice[x]);
    }
    const enabled = this.tryHere();
    trail.restore(trail.depth);
    return enabled;
  }

  private tryHere(): boolean {
    this.accessThere = this.a.of(this.racer.task);
    return this.m.enabled(this.racer.task);
  }

  /** Plans runs that take the marked events back and do the operation, with `access`, before them. */
  private insert(marks: Uint8Array, low: number, access: number): void {
    const { trail, v, racer } = this;
    v.length = 0;
    for (let x = low + 1; x < trail.depth; x++) {
      if (marks[x] !== GONE) v.push(trail.task[x], trail.choice[x], trail.outcomes[x], trail.access[x]);
    }
    v.push(racer.task, racer.choice, racer.outcomes, access);
    if (this.sleep.covers(low, v)) return;
    if (this.optimal) this.trees.insert(low, v);
    else this.trees.insertFirst(low, v);
  }
}

/** Does a step again whose findings are known. */
export function runAgain(m: Machine, task: number, choice: number): void {
  const { ties } = m;
  m.ties = null;
  try {
    m.step(task, choice);
  } catch (e) {
    if (!(e instanceof Finding)) throw e;
    for (let f: Finding | null = e; f !== null; ) f = m.fail(f.task < 0 ? task : f.task);
  } finally {
    m.ties = ties;
  }
}

/** Is every event that is gone in `b` also gone in `a`? */
function contains(a: Uint8Array, b: Uint8Array): boolean {
  return b.every((mark, i) => mark !== GONE || a[i] === GONE);
}

/** Row `from` of the clocks is joined into row `to`. */
function join(clocks: Int32Array, to: number, from: number, n: number): void {
  for (let i = 0; i < n; i++) if (clocks[from + i] > clocks[to + i]) clocks[to + i] = clocks[from + i];
}

function join2(seen: Int32Array, clocks: Int32Array, from: number, n: number): void {
  for (let i = 0; i < n; i++) if (clocks[from + i] > seen[i]) seen[i] = clocks[from + i];
}
