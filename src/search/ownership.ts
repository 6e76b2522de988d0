/**
 * Which tasks use which words: the knowledge behind the local-step reduction.
 *
 * An operation on an object that only its own task ever uses (or on no object at all, as a choice of the environment)
 * commutes with everything that the others can do. It is then enough to explore that task alone from such a state: a
 * persistent set of one. "Ever" is learnt while searching: when an object that was taken for private turns out to be
 * used by a second task, the assumption is withdrawn and the search starts afresh (`NeedsSharing`). At the fixed point
 * no explored run contradicts it; a run that the reduction left out has a permutation that was explored, in which the
 * same operations were pending, so none of them contradicts it either.
 */
import type { AccessSink } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";

export class NeedsSharing extends Error {
  constructor() {
    super("an object taken for private is shared");
  }
}

const MAX_TASKS = 31;

export class Ownership implements AccessSink {
  private readonly users: Int32Array;
  private readonly shared: Uint8Array;
  private readonly assumed: Uint8Array;
  private readonly usable: boolean;
  private task = 0;
  private isLocal = false;
  private asking = false;

  constructor(size: number, tasks: number) {
    this.users = new Int32Array(size);
    this.shared = new Uint8Array(size);
    this.assumed = new Uint8Array(size);
    this.usable = tasks <= MAX_TASKS;
  }

  /** Takes note of what the pending operation of `t` is about. Raises `NeedsSharing`. */
  note(m: Machine, t: number): void {
    if (!this.usable) return;
    this.task = t;
    this.asking = false;
    m.access(t, this);
  }

  /** Does the pending operation of `t` touch nothing that any other task is known to use? */
  local(m: Machine, t: number): boolean {
    if (!this.usable) return false;
    this.task = t;
    this.asking = true;
    this.isLocal = true;
    m.access(t, this);
    return this.isLocal;
  }

  read(at: number): void {
    this.write(at);
  }

  write(at: number): void {
    const mine = 1 << this.task;
    if (this.asking) {
      if (this.shared[at] === 1 || this.users[at] !== mine) this.isLocal = false;
      else this.assumed[at] = 1;
      return;
    }
    const users = this.users[at] | mine;
    if (users === this.users[at]) return;
    this.users[at] = users;
    if (this.assumed[at] === 1) {
      this.assumed[at] = 0;
      this.shared[at] = 1;
      throw new NeedsSharing();
    }
  }

  top(): void {
    this.isLocal = false;
  }
}
