/**
 * Which tasks use which words: the knowledge behind the local-step reduction.
 *
 * An operation on an object that only its own task ever uses (or on no object at all, as a choice of the environment)
 * commutes with everything that the others can do. It is then enough to explore that task alone from such a state: a
 * persistent set of one. "Ever" is learnt by searching: a pass uses what was known before it (`known`) and takes note
 * of everything that it meets (`seen`); when it met more, the next pass knows it. At the fixed point no explored run
 * contradicts the knowledge; a run that was left out has a permutation that was explored, in which the same operations
 * were pending, so none of those contradicts it either. Since a pass does not depend on the order in which states are
 * visited, neither do its totals.
 *
 * Nothing may be put off for ever along a cycle of local steps; so the operation of a task that may be in a loop is
 * never explored alone.
 */
import { type AccessSink, codes, F_CALLER, T_FP, W } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";

const MAX_TASKS = 31;

export class Ownership implements AccessSink {
  private known: Int32Array;
  private readonly seen: Int32Array;
  private readonly usable: boolean;
  private mask = 0;
  private isLocal = false;
  private asking = false;

  constructor(m: Machine, known: Int32Array = new Int32Array(m.size)) {
    this.known = known.slice();
    this.seen = new Int32Array(m.size);
    this.usable = m.tasks.length <= MAX_TASKS;
  }

  /** Takes note of what the pending operation of `t` is about. */
  note(m: Machine, t: number): void {
    if (!this.usable) return;
    this.mask = 1 << t;
    this.asking = false;
    m.access(t, this);
  }

  /** Ends a pass. True when it met users that it had not known of, so that the search must be made again. */
  learn(): boolean {
    let more = false;
    for (let i = 0; i < this.seen.length; i++) if ((this.seen[i] & ~this.known[i]) !== 0) more = true;
    this.known = this.seen.slice();
    return more;
  }

  /** Users met so far, by word: bit t = task t. */
  seenUsers(): Int32Array {
    return this.seen;
  }

  /** Adds what another thread has met. */
  merge(seen: Int32Array): void {
    for (let i = 0; i < seen.length; i++) this.seen[i] |= seen[i];
  }

  /** Does the pending operation of `t` touch only what no other task is known to use, outside of any loop? */
  local(m: Machine, t: number): boolean {
    if (!this.usable || mayLoop(m, t)) return false;
    this.mask = 1 << t;
    this.asking = true;
    this.isLocal = true;
    m.access(t, this);
    return this.isLocal;
  }

  read(at: number): void {
    this.write(at);
  }

  write(at: number): void {
    if (!this.asking) this.seen[at] |= this.mask;
    else if (this.known[at] !== this.mask) this.isLocal = false;
  }

  top(): void {
    this.isLocal = false;
  }
}

/** May task `t` come back to where it stands? Only through a loop of one of its functions. */
function mayLoop(m: Machine, t: number): boolean {
  for (let f = W[m.tasks[t].base + T_FP]; f !== 0; f = W[f + F_CALLER]) {
    if (codes[W[f] >>> 12].meta.hasLoop) return true;
  }
  return false;
}
