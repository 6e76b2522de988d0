/** The graph of the states of a machine, breadth first, with its edges: what livelock is looked for in. */
import { LIVE, type Machine } from "../machine/machine.ts";
import { StatePath } from "./statePath.ts";
import { StateQueue } from "./stateQueue.ts";

/** States and edges; edge lists of state i are `first[i] … first[i+1]`. */
export interface StateGraph {
  readonly states: number;
  readonly first: number[];
  readonly target: number[];
  /** task << 8 | choice, or `REMOVED`. */
  readonly label: number[];
  /** Per state: bit t set = task t is enabled. */
  readonly enabled: number[];
  /** Per state: bit t set = task t is enabled and its operation takes a lock or the like, whose waiters queue. */
  readonly enabledInQueue: number[];
  /** Per state: bit t set = task t is bound to a CPU and could go on if it had that. */
  readonly runnable: number[];
  /** Per state: bit t set = task t is a non-daemon that has not ended. */
  readonly unfinished: number[];
  /** Per state: the edge by which it was first reached, and from where (breadth first, so stems are shortest). */
  readonly parent: number[];
  readonly parentLabel: number[];
}

export const CHOICE_BITS = 8;
export const MAX_TASKS = 31;
/** Label of an edge that no longer counts; it leads from its state to itself. */
export const REMOVED = -1;

/** Makes the graph, as far as it is wanted. */
export class StateGraphBuilder {
  private readonly m: Machine;
  private readonly path: StatePath;
  private readonly numbers = new StateNumbers();
  private readonly queue: StateQueue;
  private readonly first: number[] = [];
  private readonly target: number[] = [];
  private readonly label: number[] = [];
  private readonly enabled: number[] = [];
  private readonly enabledInQueue: number[] = [];
  private readonly runnable: number[] = [];
  private readonly unfinished: number[] = [];
  private readonly parent: number[] = [-1];
  private readonly parentLabel: number[] = [-1];

  /** `m` must be active and in its initial state. */
  constructor(m: Machine) {
    this.m = m;
    this.path = new StatePath(m);
    this.queue = new StateQueue(m.size);
    const { low, high } = this.path;
    this.numbers.of(low, high);
    this.queue.push(m.words, low, high);
  }

  /** States met so far, and those of them whose edges are known. */
  get states(): number {
    return this.numbers.size;
  }

  get expanded(): number {
    return this.first.length;
  }

  /** Finds the edges of one more state; false when all are known. */
  expand(): boolean {
    const { m, path, queue, numbers } = this;
    if (queue.count === 0) return false;
    const s = this.first.length;
    queue.shift(m.words);
    path.begin(queue.low, queue.high);
    const enabled = enabledMask(m);
    this.first.push(this.target.length);
    this.enabled.push(enabled);
    this.enabledInQueue.push(enabled & queueMask(m));
    this.runnable.push(runnableMask(m));
    this.unfinished.push(unfinishedMask(m));
    for (let t = 0; t < m.tasks.length; t++) {
      if (((enabled >> t) & 1) === 0) continue;
      const choices = m.choices(t);
      for (let choice = 0; choice < choices; choice++) {
        const label = (t << CHOICE_BITS) | choice;
        path.step(m, t, choice);
        const known = numbers.size;
        const id = numbers.of(path.low, path.high);
        if (id === known) {
          queue.push(m.words, path.low, path.high);
          this.parent.push(s);
          this.parentLabel.push(label);
        }
        path.undo();
        // A run that makes progress again and again is no livelock, so such edges are no part of a cycle.
        if (m.madeProgress) continue;
        this.target.push(id);
        this.label.push(label);
      }
    }
    return true;
  }

  /** The graph so far; states whose edges are not known have none. Edges may be removed from it. */
  graph(): StateGraph {
    const { states, first, target, label, enabled, enabledInQueue, runnable, unfinished, parent, parentLabel } = this;
    const unknown = states - first.length;
    const filled = (list: readonly number[], n: number, value: number): number[] => [
      ...list,
      ...new Array<number>(n).fill(value),
    ];
    return {
      states,
      first: filled(first, unknown + 1, target.length),
      target: target.slice(),
      label: label.slice(),
      enabled: filled(enabled, unknown, 0),
      enabledInQueue: filled(enabledInQueue, unknown, 0),
      runnable: filled(runnable, unknown, 0),
      unfinished: filled(unfinished, unknown, 0),
      parent,
      parentLabel,
    };
  }
}

function enabledMask(m: Machine): number {
  let mask = 0;
  for (let t = 0; t < m.tasks.length; t++) if (m.enabled(t)) mask |= 1 << t;
  return mask;
}

function runnableMask(m: Machine): number {
  let mask = 0;
  for (let t = 0; t < m.tasks.length; t++) if (m.wantsCpu(t)) mask |= 1 << t;
  return mask;
}

function queueMask(m: Machine): number {
  let mask = 0;
  for (let t = 0; t < m.tasks.length; t++) if (m.pendingOp(t).waits === "all") mask |= 1 << t;
  return mask;
}

function unfinishedMask(m: Machine): number {
  let mask = 0;
  for (let t = 0; t < m.tasks.length; t++) if (m.stateOf(t) === LIVE && !m.tasks[t].daemon) mask |= 1 << t;
  return mask;
}

/** Numbers for fingerprints, in order of first asking: a flat table of (low half, high half, number + 1). */
class StateNumbers {
  size = 0;
  private capacity = 1 << 12;
  private table = new Int32Array(3 * this.capacity);

  of(low: number, high: number): number {
    if (2 * this.size >= this.capacity) this.grow();
    const { table } = this;
    let i = 3 * (high & (this.capacity - 1));
    while (table[i + 2] !== 0) {
      if (table[i] === low && table[i + 1] === high) return table[i + 2] - 1;
      i = i + 3 === table.length ? 0 : i + 3;
    }
    table[i] = low;
    table[i + 1] = high;
    table[i + 2] = ++this.size;
    return this.size - 1;
  }

  private grow(): void {
    const old = this.table;
    this.capacity *= 2;
    const table = new Int32Array(3 * this.capacity);
    for (let j = 0; j < old.length; j += 3) {
      if (old[j + 2] === 0) continue;
      let i = 3 * (old[j + 1] & (this.capacity - 1));
      while (table[i + 2] !== 0) i = i + 3 === table.length ? 0 : i + 3;
      table[i] = old[j];
      table[i + 1] = old[j + 1];
      table[i + 2] = old[j + 2];
    }
    this.table = table;
  }
}
