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
import { type Accesses, EVERYTHING } from "./accesses.ts";
import type { Reversals } from "./reversals.ts";
import type { Trail } from "./trail.ts";

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

/** A set of events to take back, without which the operation can be done, with `access`. */
interface Reversal {
  readonly marks: Uint8Array;
  /** Events that, with what depends on them, are the set; ascending. */
  readonly roots: number[];
  readonly access: number;
}

/**
 * An event whose operation, done earlier, depends on words that it did not look at where it was done, as a condition of
 * two parts may. Later events may change those words, so it is looked at again at the end of each run.
 */
interface Late {
  readonly event: number;
  readonly access: number;
  /** Clock of what the task had seen before. */
  readonly past: Int32Array;
}

export class Races {
  protected readonly m: Machine;
  private readonly trail: Trail;
  private readonly a: Accesses;
  private readonly reversals: Reversals;
  private candidates: Int32Array = new Int32Array(64);
  private marks: Uint8Array[] = [];
  private direct: number[] = [];
  private found: Reversal[] = [];
  protected readonly racer: Racer = { task: 0, choice: 0, outcomes: 1, access: 0 };
  private readonly patched: number[] = [];
  /** Words changed by events that stay: those with the latest stamp. */
  private readonly stays: Int32Array;
  private stamp = 0;
  /** What the operation would touch where it was tried last. */
  private accessThere = 0;
  /** In one of the places where it was tried, it would touch a word that it does not touch where it is done. */
  private elsewhere = false;
  private readonly late: Late[] = [];

  constructor(m: Machine, trail: Trail, a: Accesses, reversals: Reversals) {
    this.m = m;
    this.trail = trail;
    this.a = a;
    this.reversals = reversals;
    this.stays = new Int32Array(m.size);
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
      join(clocks, row, clocks, k * n, n);
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
    const n = this.trail.tasks;
    this.deepen(0, [], this.trail.past.slice(t * n, (t + 1) * n), access);
    this.planFound(true);
  }

  /** The path is a whole run: looks again at events that depend on later ones where they are done earlier. */
  endOfRun(): void {
    const { trail, late } = this;
    const { tasks, depth } = trail;
    for (const { event, access, past } of late) {
      this.setRacer(trail.task[event], trail.choice[event], trail.outcomes[event], access);
      this.direct.length = 0;
      const without = new Uint8Array(depth);
      this.take(without, event);
      const seen = past.slice();
      const waiting: number[] = [];
      const marks = this.marksAt(0);
      for (let k = event - 1; k >= 0; k--) {
        const conflict = this.a.conflict[access * this.a.stride + trail.access[k]] === 1;
        if (trail.order[k] <= seen[trail.task[k]] || !conflict) continue;
        join(seen, 0, trail.clocks, k * tasks, tasks);
        marks.set(without);
        this.take(marks, k);
        if (!this.possible(marks, k)) waiting.push(k);
        else {
          this.reversals.addBlocked(
            [k, event],
            this.racer.task,
            this.racer.choice,
            this.racer.outcomes,
            this.accessThere,
          );
          this.direct.push(k);
        }
      }
      for (const k of waiting) {
        marks.set(without);
        this.take(marks, k);
        this.possible(marks, k);
        this.deepen(0, [k, event], past, this.accessThere);
      }
      this.planFound(true);
    }
  }

  /** Forgets those of events at the current depth and deeper. */
  goBack(): void {
    const { late, trail } = this;
    while (late.length > 0 && late[late.length - 1].event >= trail.depth) late.pop();
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
    this.elsewhere = false;
    const marks = this.marksAt(0);
    let waiting = 0;
    for (let i = 0; i < count; i++) {
      const k = this.candidates[i];
      marks.fill(0, 0, d);
      this.take(marks, k);
      if (this.possible(marks, k)) {
        this.reversals.add([k], t, choice, outcomes, this.effect(access, this.accessThere));
        this.direct.push(k);
      } else this.candidates[waiting++] = k;
    }
    if (waiting === 0 && !this.elsewhere) return;
    const past = this.trail.past.slice(t * this.trail.tasks, (t + 1) * this.trail.tasks);
    for (let i = 0; i < waiting; i++) {
      marks.fill(0, 0, d);
      for (let j = 0; j < i; j++) marks[this.candidates[j]] = KEPT;
      this.take(marks, this.candidates[i]);
      this.possible(marks, this.candidates[i]);
      this.deepen(0, [this.candidates[i]], past, this.accessThere);
    }
    this.planFound(false);
    if (this.elsewhere) this.late.push({ event: d, access, past });
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
   * Searches the smallest sets that contain those marked at `level` (`roots` and what depends on them), without which
   * the operation can be done; it cannot without the marked ones only, where it would touch `access`. Only events that
   * change something help.
   */
  protected deepen(level: number, roots: readonly number[], past: Int32Array, access: number): void {
    const { trail } = this;
    const { clocks, tasks, depth, order, task } = trail;
    const marks = this.marks[level];
    const seen = past.slice();
    const { conflict, stride } = this.a;
    const candidates: number[] = [];
    for (let k = depth - 1; k >= 0; k--) {
      if (marks[k] === GONE || !trail.matters(k)) continue;
      if (order[k] <= seen[task[k]] || conflict[access * stride + trail.access[k]] === 0) continue;
      candidates.push(k);
      join(seen, 0, clocks, k * tasks, tasks);
    }
    const deeper = this.marksAt(level + 1);
    for (const k of candidates) {
      for (let i = 0; i < depth; i++) deeper[i] = marks[i];
      if (this.take(deeper, k) && !this.direct.some((c) => deeper[c] === GONE)) {
        const all = [...roots, k].sort((x, y) => x - y);
        if (this.possible(deeper, all[0])) {
          this.found.push({ marks: deeper.slice(0, depth), roots: all, access: this.accessThere });
        } else this.deepen(level + 1, all, past, this.accessThere);
      }
      marks[k] = KEPT;
    }
  }

  private planFound(blocked: boolean): void {
    const { found, reversals } = this;
    const { task, choice, outcomes } = this.racer;
    for (const r of found) {
      if (found.length > 1 && found.some((s) => s !== r && contains(r.marks, s.marks))) continue;
      const access = this.effect(this.racer.access, r.access);
      if (blocked) reversals.addBlocked(r.roots, task, choice, outcomes, access);
      else reversals.add(r.roots, task, choice, outcomes, access);
    }
    found.length = 0;
  }

  /**
   * Could the operation be done after all events of the path that are not gone? Finds out what it would touch, too.
   * `low` is the first event that is gone. The machine is at the current depth before and after.
   */
  private possible(marks: Uint8Array, low: number): boolean {
    const { trail, m, racer, patched, stays } = this;
    const { depth, task, access, changes, changed } = trail;
    const { words } = m;
    // What an event that is gone has changed is as it was before, unless an event that stays has changed it later.
    const stamp = ++this.stamp;
    patched.length = 0;
    let again = false;
    for (let x = depth - 1; x >= low && !again; x--) {
      const gone = marks[x] === GONE;
      if (gone && (task[x] === racer.task || access[x] === EVERYTHING)) again = true;
      for (let i = changes[x]; i < changes[x + 1]; i++) {
        const w = changed[i];
        if (!gone) stays[w] = stamp;
        else if (stays[w] === stamp) again = true;
        else {
          patched.push(w, words[w]);
          words[w] = trail.words[x * m.size + w];
        }
      }
    }
    const enabled = !again && this.tryHere();
    for (let i = patched.length - 2; i >= 0; i -= 2) words[patched[i]] = patched[i + 1];
    return again ? this.possibleAgain(marks, low) : enabled;
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
    const { access } = this.racer;
    this.accessThere = this.a.of(this.racer.task);
    if (this.accessThere !== access && !this.a.within(this.accessThere, access)) this.elsewhere = true;
    return this.m.enabled(this.racer.task);
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

/** The row of `clocks` at `from` is joined into the row of `into` at `to`. */
function join(into: Int32Array, to: number, clocks: Int32Array, from: number, n: number): void {
  for (let i = 0; i < n; i++) if (clocks[from + i] > into[to + i]) into[to + i] = clocks[from + i];
}
