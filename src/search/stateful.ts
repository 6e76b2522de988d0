/**
 * Exhaustive search that remembers states: depth first, differences for the states on the path, fingerprints for all.
 *
 *   path:  s0 ──t1──▶ s1 ──t0──▶ s2 …      cursor[d] = next transition to try in s_d
 */
import { Finding } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { stepAndJudge } from "./judge.ts";
import { Ownership, scout } from "./ownership.ts";
import type { Decision, Violation } from "./program.ts";
import { ANYBODY, StatePath } from "./statePath.ts";
import { VisitedSet } from "./visited.ts";

export interface StatefulOptions {
  /** Bounds; `Infinity` = none. States visited, and bytes of table plus path. */
  readonly maxStates: number;
  readonly maxBytes: number;
  /** Asked every 1,024 transitions; a sentence ends the search there. */
  readonly shouldStop: (progress: StatefulProgress) => string | null;
  /**
   * Explore a local operation alone where that is enough, and go on at once after taking a lock where nobody can notice;
   * off = every enabled task from every state.
   */
  readonly localSteps: boolean;
  /** Go on after a violation (its task stops there), to see all of them; deadlocks are then seen where all is still. */
  readonly all: boolean;
  /** Told about every state in which nothing is enabled. The machine is in that state. */
  readonly onEnd: ((finding: Finding | null) => void) | null;
}

export interface StatefulProgress {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
}

export interface StatefulResult {
  readonly states: number;
  readonly transitions: number;
  readonly maxDepth: number;
  readonly complete: boolean;
  /** Why it is not complete. */
  readonly stopped: string | null;
  readonly violations: readonly Violation[];
  /** Some path comes back to a state of its own: runs may be infinite, so livelock must be looked for. */
  readonly cyclic: boolean;
  readonly bytes: number;
}

export const STATEFUL_DEFAULTS: StatefulOptions = {
  maxStates: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  shouldStop: () => null,
  localSteps: true,
  all: false,
  onEnd: null,
};

/**
 * Searches all runs of `m`, which must be active and in its initial state. `ownership` may bring knowledge from earlier
 * runs of the same machine, which saves passes.
 */
export function searchStateful(
  m: Machine,
  options: Partial<StatefulOptions> = {},
  ownership = (options.localSteps ?? true) ? scout(m) : new Ownership(m),
): StatefulResult {
  const o = { ...STATEFUL_DEFAULTS, ...options };
  const initial = m.snapshot();
  for (;;) {
    const result = new StatefulSearch(m, o, ownership).run();
    if (!ownership.learn() || result.stopped !== null || result.violations.length > 0) return result;
    m.restore(initial, 0);
  }
}

/** Choices are numbered below the task, so that one integer is a transition. */
const CHOICE_BITS = 8;

class StatefulSearch {
  private readonly visited = new VisitedSet();
  private readonly violations: Violation[] = [];
  private readonly path: StatePath;
  private cursor: Int32Array;
  /** How often the task went on at once after the transition of the cursor. */
  private more: Int32Array;
  /** Slot of the only task explored from the state at a depth, -1 = all of them. */
  private alone: Int32Array;
  private transitions = 0;
  private maxDepth = 0;
  private cyclic = false;
  private stopped: string | null = null;
  private readonly m: Machine;
  private readonly o: StatefulOptions;
  private readonly ownership: Ownership;
  private readonly reduce: boolean;

  constructor(m: Machine, o: StatefulOptions, ownership: Ownership) {
    this.m = m;
    this.o = o;
    this.ownership = ownership;
    // An invariant looks at every state, so every state must be visited.
    this.reduce = o.localSteps && m.invariants.length === 0;
    const levels = 64;
    this.path = new StatePath(m);
    this.cursor = new Int32Array(levels);
    this.more = new Int32Array(levels);
    this.alone = new Int32Array(levels);
  }

  run(): StatefulResult {
    const { m } = this;
    if (m.initialFinding) this.report(m.initialFinding, 0);
    else {
      for (let t = 0; t < m.tasks.length; t++) this.noteAccess(t);
      this.visited.insert(this.path.low, this.path.high);
      this.visited.markLast();
      this.enterState();
      this.loop();
    }
    return {
      states: this.visited.size,
      transitions: this.transitions,
      maxDepth: this.maxDepth,
      complete: this.stopped === null && (this.violations.length === 0 || this.o.all),
      stopped: this.stopped,
      violations: this.violations,
      cyclic: this.cyclic,
      bytes: this.visited.bytes() + this.path.bytes(),
    };
  }

  /** The path has got a new state at its end. */
  private enterState(): void {
    const d = this.path.depth;
    if (d === this.cursor.length) this.growPath();
    this.cursor[d] = -1;
    this.alone[d] = this.reduce ? this.localTask() : -1;
    if (d > this.maxDepth) this.maxDepth = d;
  }

  private localTask(): number {
    const { m, ownership } = this;
    for (let t = 0; t < m.tasks.length; t++) {
      if (m.pendingOp(t).id !== 0 && ownership.local(m, t) && m.enabled(t)) return t;
    }
    return -1;
  }

  private loop(): void {
    const { m, path, visited } = this;
    for (;;) {
      const next = this.nextTransition();
      if (next < 0) {
        if (this.cursor[path.depth] === -1 && this.judge()) return;
        visited.unmark(path.low, path.high);
        if (path.depth === 0) return;
        path.pop();
        continue;
      }
      this.cursor[path.depth] = next;
      this.transitions++;
      if ((this.transitions & 1023) === 0 && this.mustStop()) return;
      const t = next >> CHOICE_BITS;
      const resumed = m.resumed;
      const finding = this.step(t, next & ((1 << CHOICE_BITS) - 1));
      for (let f = finding; f !== null; f = m.fail(f.task < 0 ? t : f.task)) {
        this.report(f, path.depth + 1);
        if (!this.o.all) return;
      }
      path.compare(finding === null && m.resumed === resumed ? t : ANYBODY);
      if (visited.insert(path.low, path.high)) {
        visited.markLast();
        path.push();
        this.enterState();
      } else {
        if (visited.lastIsMarked()) this.cyclic = true;
        path.undo();
      }
    }
  }

  /** The transition after the cursor that is enabled in the current state, -1 if there is none. */
  private nextTransition(): number {
    const { m } = this;
    const last = this.cursor[this.path.depth];
    const alone = this.alone[this.path.depth];
    let t = 0;
    if (last >= 0) {
      t = last >> CHOICE_BITS;
      const choice = (last & ((1 << CHOICE_BITS) - 1)) + 1;
      if (choice < m.choices(t)) return (t << CHOICE_BITS) | choice;
      if (alone >= 0) return -1;
      t++;
    } else if (alone >= 0) {
      return alone << CHOICE_BITS;
    }
    for (; t < m.tasks.length; t++) if (m.enabled(t)) return t << CHOICE_BITS;
    return -1;
  }

  private step(t: number, choice: number): Finding | null {
    const { m } = this;
    const d = this.path.depth;
    let finding = this.singleStep(t, choice);
    this.more[d] = 0;
    // A local step is enough by itself; what comes behind it may not be local.
    if (!this.reduce || this.alone[d] >= 0) return finding;
    while (finding === null && m.continues(t)) {
      this.more[d]++;
      finding = this.singleStep(t, 0);
    }
    return finding;
  }

  private singleStep(t: number, choice: number): Finding | null {
    const { m } = this;
    const resumed = m.resumed;
    const finding = this.o.all ? onlyStep(m, t, choice) : stepAndJudge(m, t, choice);
    if (m.resumed === resumed) this.noteAccess(t);
    else for (let u = 0; u < m.tasks.length; u++) this.noteAccess(u);
    return finding;
  }

  private noteAccess(t: number): void {
    if (this.reduce && this.m.pendingOp(t).id !== 0) this.ownership.note(this.m, t);
  }

  /** Nothing is enabled. True when the search is to end. */
  private judge(): boolean {
    const finding = this.m.judgeEnd();
    this.o.onEnd?.(finding);
    if (!finding) return false;
    this.report(finding, this.path.depth);
    return !this.o.all;
  }

  /** The schedule is made of the transitions taken last at the first `length` levels. */
  private report(finding: Finding, length: number): void {
    const schedule: Decision[] = [];
    for (let d = 0; d < length; d++) {
      const x = this.cursor[d];
      schedule.push({ task: x >> CHOICE_BITS, choice: x & ((1 << CHOICE_BITS) - 1) });
      for (let i = 0; i < this.more[d]; i++) schedule.push({ task: x >> CHOICE_BITS, choice: 0 });
    }
    this.violations.push({ finding, schedule });
  }

  private mustStop(): boolean {
    const { o } = this;
    const bytes = this.visited.bytes() + this.path.bytes();
    if (this.visited.size >= o.maxStates) this.stopped = `the bound of ${o.maxStates} states was reached`;
    else if (bytes >= o.maxBytes) this.stopped = `the bound of ${Math.round(o.maxBytes / 1048576)} MB was reached`;
    else {
      const { transitions } = this;
      this.stopped = o.shouldStop({ states: this.visited.size, transitions, depth: this.path.depth });
    }
    return this.stopped !== null;
  }

  private growPath(): void {
    this.cursor = larger(this.cursor);
    this.more = larger(this.more);
    this.alone = larger(this.alone);
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

function larger(a: Int32Array): Int32Array {
  const b = new Int32Array(a.length * 2);
  b.set(a);
  return b;
}
