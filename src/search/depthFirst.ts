/**
 * Depth-first steps through the states of a machine: which transition comes next, with what is left out because it
 * would show nothing new. Which states have been visited is for the searcher to know.
 *
 *      make(next()) ──▶ state seen before:  back()      the words are those of the level again
 *                  └──▶ new state:          enter()     they are a new level; next() begins anew
 *      next() < 0   ──▶                     leave()     back to the level below
 */
import { Finding } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { stepAndJudge } from "./judge.ts";
import type { Ownership } from "./ownership.ts";
import type { Decision } from "./program.ts";
import { ANYBODY, StatePath } from "./statePath.ts";

/** Choices are numbered below the task, so that one integer is a transition. */
const CHOICE_BITS = 8;
const CHOICE_MASK = (1 << CHOICE_BITS) - 1;

export interface DepthFirstOptions {
  /** Explore a local operation alone where that is enough, and go on at once where nobody can notice. */
  readonly localSteps: boolean;
  /** Go on after violations; cycles of waits are then not looked for. */
  readonly all: boolean;
}

export class DepthFirst {
  readonly path: StatePath;
  transitions = 0;
  private readonly m: Machine;
  private readonly ownership: Ownership;
  private readonly all: boolean;
  private readonly reduce: boolean;
  /** Per level: the transition made last, -1 = none; how often the task went on at once behind it. */
  private cursor = new Int32Array(64);
  private more = new Int32Array(64);
  /** Per level: slot of the only task explored from there, -1 = all of them. */
  private alone = new Int32Array(64);

  /** `m` is in its initial state, from which nothing has been noted yet. */
  constructor(m: Machine, ownership: Ownership, o: DepthFirstOptions) {
    this.m = m;
    this.ownership = ownership;
    this.all = o.all;
    // An invariant looks at every state, so every state must be visited.
    this.reduce = o.localSteps && m.invariants.length === 0;
    this.path = new StatePath(m);
    for (let t = 0; t < m.tasks.length; t++) this.note(t);
  }

  /** The words of the machine, whose fingerprint is known, are the first level of a new path. */
  begin(low: number, high: number): void {
    this.path.begin(low, high);
    this.beginLevel();
  }

  /** What the last transition has led to becomes a level. */
  enter(): void {
    this.path.push();
    this.beginLevel();
  }

  leave(): void {
    this.path.pop();
  }

  back(): void {
    this.path.undo();
  }

  private beginLevel(): void {
    const d = this.path.depth;
    if (d === this.cursor.length) {
      this.cursor = doubled(this.cursor);
      this.more = doubled(this.more);
      this.alone = doubled(this.alone);
    }
    this.cursor[d] = -1;
    this.alone[d] = this.reduce ? this.localTask() : -1;
  }

  private localTask(): number {
    const { m, ownership } = this;
    for (let t = 0; t < m.tasks.length; t++) {
      if (m.pendingOp(t).id !== 0 && ownership.local(m, t) && m.enabled(t)) return t;
    }
    return -1;
  }

  /** The next transition of this level, -1 if there is none. */
  next(): number {
    const { m } = this;
    const last = this.cursor[this.path.depth];
    const alone = this.alone[this.path.depth];
    let t = 0;
    if (last >= 0) {
      t = last >> CHOICE_BITS;
      const choice = (last & CHOICE_MASK) + 1;
      if (choice < m.choices(t)) return (t << CHOICE_BITS) | choice;
      if (alone >= 0) return -1;
      t++;
    } else if (alone >= 0) {
      return alone << CHOICE_BITS;
    }
    for (; t < m.tasks.length; t++) if (m.enabled(t)) return t << CHOICE_BITS;
    return -1;
  }

  /** After `next() < 0`: is nothing at all enabled here? */
  isEnd(): boolean {
    return this.cursor[this.path.depth] === -1;
  }

  /**
   * Makes a transition; `path.low` and `path.high` are then the fingerprint of what it leads to. Returns the rule that
   * it breaks; with `all`, the task that broke it is out of the run then, and `onFinding` has been told the rules that
   * were broken by that, too.
   */
  make(transition: number, onFinding: ((finding: Finding) => void) | null = null): Finding | null {
    const { m, path, more } = this;
    const d = path.depth;
    this.cursor[d] = transition;
    more[d] = 0;
    this.transitions++;
    const t = transition >> CHOICE_BITS;
    const { resumed } = m;
    let finding = this.step(t, transition & CHOICE_MASK);
    // A local step is enough by itself; what comes behind it may not be local.
    if (this.reduce && this.alone[d] < 0) {
      while (finding === null && m.continues(t)) {
        more[d]++;
        finding = this.step(t, 0);
      }
    }
    if (finding !== null) {
      onFinding?.(finding);
      if (!this.all) return finding;
      for (let f: Finding | null = finding; (f = m.fail(f.task < 0 ? t : f.task)) !== null; ) onFinding?.(f);
    }
    path.compare(finding === null && m.resumed === resumed ? t : ANYBODY);
    return finding;
  }

  private step(t: number, choice: number): Finding | null {
    const { m } = this;
    const { resumed } = m;
    const finding = this.all ? onlyStep(m, t, choice) : stepAndJudge(m, t, choice);
    if (m.resumed === resumed) this.note(t);
    else for (let u = 0; u < m.tasks.length; u++) this.note(u);
    return finding;
  }

  private note(t: number): void {
    if (this.reduce && this.m.pendingOp(t).id !== 0) this.ownership.note(this.m, t);
  }

  /** The decisions that lead from the first level to what the last transition of level `length - 1` has led to. */
  schedule(length: number): Decision[] {
    const decisions: Decision[] = [];
    for (let d = 0; d < length; d++) {
      const task = this.cursor[d] >> CHOICE_BITS;
      decisions.push({ task, choice: this.cursor[d] & CHOICE_MASK });
      for (let i = 0; i < this.more[d]; i++) decisions.push({ task, choice: 0 });
    }
    return decisions;
  }
}

function onlyStep(m: Machine, t: number, choice: number): Finding | null {
  try {
    m.step(t, choice);
    return null;
  } catch (e) {
    if (e instanceof Finding) return e;
    throw e;
  }
}

function doubled(a: Int32Array): Int32Array<ArrayBuffer> {
  const b = new Int32Array(a.length * 2);
  b.set(a);
  return b;
}
