/**
 * Exhaustive search that remembers states: depth first, one copy of the words for each state on the path, fingerprints
 * for all others.
 *
 *   path:  s0 ──t1──▶ s1 ──t0──▶ s2 …      cursor[d] = next transition to try in s_d
 */
import { ops, T_OP } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { fingerprint, hashHigh, hashLow } from "../machine/hash.ts";
import type { Machine } from "../machine/machine.ts";
import { waitCycle } from "../machine/waitFor.ts";
import { NeedsSharing, Ownership } from "./ownership.ts";
import type { Decision, Violation } from "./program.ts";
import { VisitedSet } from "./visited.ts";

export interface StatefulOptions {
  /** Bounds; `Infinity` = none. States visited, and bytes of table plus path. */
  readonly maxStates: number;
  readonly maxBytes: number;
  /** Asked every 1,024 transitions; a sentence ends the search there. */
  readonly shouldStop: (progress: StatefulProgress) => string | null;
  /** Explore a local operation alone where that is enough; off = every enabled task from every state. */
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

/** Searches all runs of `m`, which must be active and in its initial state. */
export function searchStateful(m: Machine, options: Partial<StatefulOptions> = {}): StatefulResult {
  const o = { ...STATEFUL_DEFAULTS, ...options };
  const initial = m.snapshot();
  const ownership = new Ownership(m.size, m.tasks.length);
  for (;;) {
    try {
      return new StatefulSearch(m, o, ownership).run();
    } catch (e) {
      if (!(e instanceof NeedsSharing)) throw e;
      m.restore(initial, 0);
    }
  }
}

/** Choices are numbered below the task, so that one integer is a transition. */
const CHOICE_BITS = 8;

class StatefulSearch {
  private readonly visited = new VisitedSet();
  private readonly violations: Violation[] = [];
  private path: Int32Array;
  private pathHash: Int32Array;
  private cursor: Int32Array;
  private taken: Int32Array;
  /** Slot of the only task explored from the state at a depth, -1 = all of them. */
  private alone: Int32Array;
  private depth = 0;
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
    this.path = new Int32Array(levels * m.size);
    this.pathHash = new Int32Array(2 * levels);
    this.cursor = new Int32Array(levels);
    this.taken = new Int32Array(levels);
    this.alone = new Int32Array(levels);
  }

  run(): StatefulResult {
    const { m } = this;
    if (m.initialFinding) this.report(m.initialFinding);
    else {
      for (let t = 0; t < m.tasks.length; t++) this.noteAccess(t);
      fingerprint(m.words, m.size);
      this.visited.insert(hashLow, hashHigh);
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
      bytes: this.visited.bytes() + this.path.byteLength,
    };
  }

  /** The machine's words are a new state: the path gets one level longer. */
  private enterState(): void {
    const d = this.depth;
    if (d === this.cursor.length) this.growPath();
    this.m.save(this.path, d * this.m.size);
    this.pathHash[2 * d] = hashLow;
    this.pathHash[2 * d + 1] = hashHigh;
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
    const { m } = this;
    const size = m.size;
    let dirty = false; // the words differ from the state at `depth`
    for (;;) {
      if (dirty) m.restore(this.path, this.depth * size);
      const next = this.nextTransition();
      if (next < 0) {
        if (this.cursor[this.depth] === -1 && this.judge()) return;
        this.visited.unmark(this.pathHash[2 * this.depth], this.pathHash[2 * this.depth + 1]);
        if (this.depth === 0) return;
        this.depth--;
        dirty = true;
        continue;
      }
      this.cursor[this.depth] = next;
      this.taken[this.depth] = next;
      this.transitions++;
      dirty = true;
      if ((this.transitions & 1023) === 0 && this.mustStop()) return;
      const t = next >> CHOICE_BITS;
      const finding = this.step(t, next & ((1 << CHOICE_BITS) - 1));
      if (finding !== null) {
        this.depth++;
        this.report(finding);
        this.depth--;
        if (!this.o.all) return;
        m.fail(finding.task < 0 ? t : finding.task);
      }
      fingerprint(m.words, size);
      if (this.visited.insert(hashLow, hashHigh)) {
        this.visited.markLast();
        this.depth++;
        this.enterState();
        dirty = false;
      } else if (this.visited.lastIsMarked()) {
        this.cyclic = true;
        // Nothing may be put off for ever along a cycle: explore the state that closes it in full.
        if (this.alone[this.depth] >= 0) {
          this.alone[this.depth] = -1;
          this.cursor[this.depth] = -1;
        }
      }
    }
  }

  /** The transition after the cursor that is enabled in the current state, -1 if there is none. */
  private nextTransition(): number {
    const { m } = this;
    const last = this.cursor[this.depth];
    const alone = this.alone[this.depth];
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
    try {
      const resumed = m.resumed;
      m.step(t, choice);
      if (m.resumed === resumed) this.noteAccess(t);
      else for (let u = 0; u < m.tasks.length; u++) this.noteAccess(u);
      if (this.o.all) return null;
      if (ops[m.words[m.tasks[t].base + T_OP]].waits === "all" && !m.enabled(t)) {
        const cycle = waitCycle(m, t);
        if (cycle) return m.deadlock(cycle);
      }
      return null;
    } catch (e) {
      if (e instanceof Finding) return e;
      throw e;
    }
  }

  private noteAccess(t: number): void {
    if (this.reduce && this.m.pendingOp(t).id !== 0) this.ownership.note(this.m, t);
  }

  /** Nothing is enabled. True when the search is to end. */
  private judge(): boolean {
    const finding = this.m.judgeEnd();
    this.o.onEnd?.(finding);
    if (!finding) return false;
    this.report(finding);
    return !this.o.all;
  }

  private report(finding: Finding): void {
    const schedule: Decision[] = [];
    for (let d = 0; d < this.depth; d++) {
      const x = this.taken[d];
      schedule.push({ task: x >> CHOICE_BITS, choice: x & ((1 << CHOICE_BITS) - 1) });
    }
    this.violations.push({ finding, schedule });
  }

  private mustStop(): boolean {
    const { o } = this;
    const bytes = this.visited.bytes() + this.path.byteLength;
    if (this.visited.size >= o.maxStates) this.stopped = `the bound of ${o.maxStates} states was reached`;
    else if (bytes >= o.maxBytes) this.stopped = `the bound of ${Math.round(o.maxBytes / 1048576)} MB was reached`;
    else {
      const { transitions, depth } = this;
      this.stopped = o.shouldStop({ states: this.visited.size, transitions, depth });
    }
    return this.stopped !== null;
  }

  private growPath(): void {
    this.path = larger(this.path);
    this.pathHash = larger(this.pathHash);
    this.cursor = larger(this.cursor);
    this.taken = larger(this.taken);
    this.alone = larger(this.alone);
  }
}

function larger(a: Int32Array): Int32Array {
  const b = new Int32Array(a.length * 2);
  b.set(a);
  return b;
}
