/**
 * Which tasks use which words: the knowledge behind the local-step reduction.
 *
 * An operation on an object that only its own task ever uses (or on no object at all, as a choice of the environment)
 * commutes with everything that the others can do. It is then enough to explore that task alone from such a state: a
 * persistent set of one. "Ever" is learnt, first from some walks, then by searching: a pass uses what was known before
 * it (`known`) and takes note of everything that it meets (`seen`). When it met a second user of a word that it had used
 * as private, the search must be made again, with the better knowledge. In the end no explored run contradicts what was
 * used; a run that was left out has a permutation that was explored, in which the same operations were pending, so none
 * of those contradicts it either. Since a pass does not depend on the order in which states are visited, neither do its
 * totals.
 *
 * Nothing may be put off for ever along a cycle of local steps; so the operation of a task that may be in a loop is
 * never explored alone.
 */
import { type AccessSink, codes, F_CALLER, T_FP, W } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { enabledTasks, stepAndJudge } from "./judge.ts";
import { Rng } from "./random/rng.ts";

const MAX_TASKS = 31;

export class Ownership implements AccessSink {
  private readonly known: Int32Array;
  private readonly seen: Int32Array;
  /** 1 = a word was used as private in this pass. */
  private readonly trusted: Uint8Array;
  /** Words of the operation that is asked about. */
  private readonly words: number[] = [];
  private asked = 0;
  private readonly usable: boolean;
  private mask = 0;
  private isLocal = false;
  private asking = false;

  constructor(m: Machine, known: Int32Array = new Int32Array(m.size)) {
    this.known = known.slice();
    this.seen = new Int32Array(m.size);
    this.trusted = new Uint8Array(m.size);
    this.usable = m.tasks.length <= MAX_TASKS;
  }

  /** Takes note of what the pending operation of `t` is about. */
  note(m: Machine, t: number): void {
    if (!this.usable) return;
    this.mask = 1 << t;
    this.asking = false;
    m.access(t, this);
  }

  /** Ends a pass. True when it had used a word as private that is not, so that the search must be made again. */
  learn(): boolean {
    const { seen, known, trusted } = this;
    let wrong = false;
    for (let i = 0; i < seen.length; i++) {
      if (trusted[i] === 1 && (seen[i] & ~known[i]) !== 0) wrong = true;
      known[i] |= seen[i];
    }
    trusted.fill(0);
    return wrong;
  }

  /** Users known before this pass and those met since, by word: bit t = task t. */
  seenUsers(): Int32Array {
    return this.seen.map((users, i) => users | this.known[i]);
  }

  /** 1 for each word that was used as private. */
  trustedWords(): Uint8Array {
    return this.trusted;
  }

  /** Adds what another thread has met and used. */
  merge(seen: Int32Array, trusted: Uint8Array): void {
    for (let i = 0; i < seen.length; i++) {
      this.seen[i] |= seen[i];
      this.trusted[i] |= trusted[i];
    }
  }

  /** Does the pending operation of `t` touch only what no other task is known to use, outside of any loop? */
  local(m: Machine, t: number): boolean {
    if (!this.usable || mayLoop(m, t)) return false;
    this.mask = 1 << t;
    if ((this.known[0] & ~this.mask) !== 0) return false;
    this.asking = true;
    this.isLocal = true;
    this.asked = 0;
    m.access(t, this);
    if (!this.isLocal) return false;
    this.trusted[0] = 1;
    for (let i = 0; i < this.asked; i++) this.trusted[this.words[i]] = 1;
    return true;
  }

  read(at: number): void {
    this.write(at);
  }

  write(at: number): void {
    if (!this.asking) this.seen[at] |= this.mask;
    else if (this.known[at] !== this.mask) this.isLocal = false;
    else this.words[this.asked++] = at;
  }

  /** Conflicts with everything: noted as a use of word 0, which belongs to no object. */
  top(): void {
    if (this.asking) this.isLocal = false;
    else this.seen[0] |= this.mask;
  }
}

/** What some random walks of `m`, which must be in its initial state, tell. The machine is left in that state. */
export function scout(m: Machine): Ownership {
  const ownership = new Ownership(m);
  if (m.initialFinding) return ownership;
  const initial = m.snapshot();
  const rng = new Rng(1);
  const enabled: number[] = [];
  for (let walk = 0; walk < WALKS; walk++) {
    for (let t = 0; t < m.tasks.length; t++) if (m.pendingOp(t).id !== 0) ownership.note(m, t);
    for (let step = 0; step < WALK_STEPS && enabledTasks(m, enabled) > 0; step++) {
      const t = enabled[rng.below(enabled.length)];
      const { resumed } = m;
      if (stepAndJudge(m, t, rng.below(m.choices(t)))) break;
      if (m.pendingOp(t).id !== 0) ownership.note(m, t);
      if (m.resumed === resumed) continue;
      for (let u = 0; u < m.tasks.length; u++) if (m.pendingOp(u).id !== 0) ownership.note(m, u);
    }
    m.restore(initial, 0);
  }
  ownership.learn();
  return ownership;
}

const WALKS = 20;
const WALK_STEPS = 200;

/** May task `t` come back to where it stands? Only through a loop of one of its functions. */
function mayLoop(m: Machine, t: number): boolean {
  for (let f = W[m.tasks[t].base + T_FP]; f !== 0; f = W[f + F_CALLER]) {
    if (codes[W[f] >>> 12].meta.hasLoop) return true;
  }
  return false;
}
