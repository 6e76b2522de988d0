/** The graph of all states of a machine, breadth first, with its edges: what livelock is looked for in. */
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

/** Null when there are more than `maxStates` states, or `shouldStop` said so. `m` must be in its initial state. */
export function stateGraph(m: Machine, maxStates: number, shouldStop: () => boolean): StateGraph | null {
  const g: StateGraph = {
    states: 0,
    first: [],
    target: [],
    label: [],
    enabled: [],
    enabledInQueue: [],
    unfinished: [],
    parent: [-1],
    parentLabel: [-1],
  };
  const path = new StatePath(m);
  const numbers = new StateNumbers();
  const queue = new StateQueue(m.size);
  numbers.of(path.low, path.high);
  queue.push(m.words, path.low, path.high);
  for (let s = 0; queue.count > 0; s++) {
    if (numbers.size > maxStates || ((s & 1023) === 0 && shouldStop())) return null;
    queue.shift(m.words);
    path.begin(queue.low, queue.high);
    const enabled = enabledMask(m);
    g.first.push(g.target.length);
    g.enabled.push(enabled);
    g.enabledInQueue.push(enabled & queueMask(m));
    g.unfinished.push(unfinishedMask(m));
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
          g.parent.push(s);
          g.parentLabel.push(label);
        }
        path.undo();
        // A run that makes progress again and again is no livelock, so such edges are no part of a cycle.
        if (m.madeProgress) continue;
        g.target.push(id);
        g.label.push(label);
      }
    }
  }
  g.first.push(g.target.length);
  return { ...g, states: numbers.size };
}

function enabledMask(m: Machine): number {
  let mask = 0;
  for (let t = 0; t < m.tasks.length; t++) if (m.enabled(t)) mask |= 1 << t;
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
