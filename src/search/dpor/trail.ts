/**
 * The run that is being explored: its events, which of them happened before which, and a copy of the words before each.
 *
 *   event k of the path:   words k  ──task[k], choice[k]──▶  words k+1
 *
 * Clocks: `clocks` row k has, for each task, how many of its events happen before event k or are k. `past` row t is the
 * same for what task t would do next: its own last event, what its parent did before starting it, whom it has joined.
 */
import type { Machine, Ties } from "../../machine/machine.ts";
import { EVERYTHING } from "./accesses.ts";
import { enlarged } from "./sequence.ts";

export class Trail implements Ties {
  readonly tasks: number;
  depth = 0;
  task: Int32Array;
  choice: Int32Array;
  outcomes: Int32Array;
  access: Int32Array;
  /** Number of the event among those of its task, from 1. */
  order: Int32Array;
  /** The words changed by event k that are no task's own: changed[changes[k] … changes[k + 1]). */
  changes: Int32Array;
  changed: Int32Array;
  clocks: Int32Array;
  readonly past: Int32Array;
  /** The words that are not in a task's header or stack. */
  private readonly shared: Int32Array;
  /** Copies of the words, `size` apart. */
  words: Int32Array;
  private undo: Int32Array;
  private undone = 0;
  private undoStart: Int32Array;
  private levels = 64;
  private readonly slotAt = new Map<number, number>();
  private readonly m: Machine;

  constructor(m: Machine) {
    this.m = m;
    const { levels } = this;
    this.tasks = m.tasks.length;
    this.task = new Int32Array(levels);
    this.choice = new Int32Array(levels);
    this.outcomes = new Int32Array(levels);
    this.access = new Int32Array(levels);
    this.order = new Int32Array(levels);
    this.changes = new Int32Array(levels + 1);
    this.changed = new Int32Array(4 * levels);
    this.clocks = new Int32Array(levels * this.tasks);
    this.past = new Int32Array(this.tasks * this.tasks);
    this.words = new Int32Array((levels + 1) * m.size);
    this.undo = new Int32Array(4 * levels * (this.tasks + 1));
    this.undoStart = new Int32Array(levels + 1);
    for (const t of m.tasks) this.slotAt.set(t.base, t.slot);
    this.shared = sharedWords(m);
    m.save(this.words, 0);
  }

  /** Makes room for an event at the current depth; its clock may then be written to row `depth`. */
  reserve(): void {
    if (this.depth + 1 < this.levels) return;
    this.levels *= 2;
    const { levels } = this;
    this.task = enlarged(this.task);
    this.choice = enlarged(this.choice);
    this.outcomes = enlarged(this.outcomes);
    this.access = enlarged(this.access);
    this.order = enlarged(this.order);
    this.changes = enlarged(this.changes, levels + 1);
    this.clocks = enlarged(this.clocks);
    this.words = enlarged(this.words, (levels + 1) * this.m.size);
    this.undoStart = enlarged(this.undoStart, levels + 1);
  }

  /** The event at the current depth, whose clock is in its row, is about to be done. */
  push(task: number, choice: number, outcomes: number, access: number): void {
    const d = this.depth;
    this.task[d] = task;
    this.choice[d] = choice;
    this.outcomes[d] = outcomes;
    this.access[d] = access;
    this.order[d] = this.clocks[d * this.tasks + task];
    this.undoStart[d] = this.undone;
    this.setPast(task, this.clocks, d * this.tasks);
    this.depth = d + 1;
  }

  /** The event before the current depth has been done. */
  pushed(): void {
    const { m, shared, words } = this;
    const now = m.words;
    const before = (this.depth - 1) * m.size;
    let n = this.changes[this.depth - 1];
    for (let i = 0; i < shared.length; i++) {
      const w = shared[i];
      if (now[w] === words[before + w]) continue;
      if (n === this.changed.length) this.changed = enlarged(this.changed);
      this.changed[n++] = w;
    }
    this.changes[this.depth] = n;
    m.save(this.words, this.depth * m.size);
  }

  /** May what others can do depend on event `k`? */
  matters(k: number): boolean {
    return this.changes[k] !== this.changes[k + 1] || this.access[k] === EVERYTHING;
  }

  /** Takes the last event back; the words are left as they are. */
  pop(): void {
    const n = this.tasks;
    this.depth--;
    const start = this.undoStart[this.depth];
    while (this.undone > start) {
      this.undone -= n + 1;
      const row = this.undo[this.undone] * n;
      for (let i = 0; i < n; i++) this.past[row + i] = this.undo[this.undone + 1 + i];
    }
  }

  /** Brings the words back to what they were before event `d`. */
  restore(d: number): void {
    this.m.restore(this.words, d * this.m.size);
  }

  /** Row `at` of `from` becomes the past of `task`; what it was before is kept for `pop`. */
  private setPast(task: number, from: Int32Array, at: number): void {
    const n = this.tasks;
    this.keep(task);
    const row = task * n;
    for (let i = 0; i < n; i++) this.past[row + i] = from[at + i];
  }

  private keep(task: number): void {
    const n = this.tasks;
    if (this.undone + n + 1 > this.undo.length) this.undo = enlarged(this.undo);
    this.undo[this.undone] = task;
    const row = task * n;
    for (let i = 0; i < n; i++) this.undo[this.undone + 1 + i] = this.past[row + i];
    this.undone += n + 1;
  }

  /** A child begins with what its parent has seen. */
  started(parent: number, child: number): void {
    this.setPast(child, this.past, parent * this.tasks);
  }

  /** Who waited for the end of a task has seen what that one had seen. */
  joined(task: number, at: number): void {
    const ended = this.slotAt.get(at);
    if (ended === undefined) return;
    const n = this.tasks;
    this.keep(task);
    for (let i = 0; i < n; i++) {
      const seen = this.past[ended * n + i];
      if (seen > this.past[task * n + i]) this.past[task * n + i] = seen;
    }
  }
}

function sharedWords(m: Machine): Int32Array {
  const own = new Uint8Array(m.size);
  for (const e of m.layout.entries) if (e.kind === "task") own.fill(1, e.at, e.at + e.size);
  const shared: number[] = [];
  for (let w = 1; w < m.size; w++) if (own[w] === 0) shared.push(w);
  return Int32Array.from(shared);
}
