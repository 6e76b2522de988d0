/**
 * Of all orders that are equivalent to a run: the one with the fewest preemptions, then context switches. A shortest
 * path over (set of events done, task that did the last one); the words after a set of events do not depend on the
 * order, so each set is run once.
 */
import type { Machine } from "../../machine/machine.ts";
import type { Decision } from "../program.ts";
import { runAgain } from "./races.ts";
import type { Trail } from "./trail.ts";

export interface EasiestOrder {
  readonly preemptions: number;
  readonly switches: number;
  readonly schedule: readonly Decision[];
}

/** A set of events that is closed under "happens before". */
interface Cut {
  /** How many events of each task are in it. */
  readonly done: Int32Array;
  readonly words: Int32Array;
  readonly enabled: boolean[];
  readonly size: number;
}

/** A cut, reached by a step of task `last`; `before` = the node that the step was made from. */
interface Node {
  readonly cut: Cut;
  readonly last: number;
  readonly cost: number;
  readonly before: Node | null;
}

/** The run is that of `trail`; the machine is somewhere else afterwards. */
export function fewestPreemptions(m: Machine, trail: Trail): EasiestOrder {
  const n = trail.tasks;
  const length = trail.depth;
  const preemption = length + 1;
  const eventOf = eventsByTask(trail);
  const cuts = new Map<string, Cut>();
  const settled = new Set<string>();
  const empty = cutHere(m, n, new Int32Array(n), trail.words.slice(0, m.size));
  const buckets: Node[][] = [[{ cut: empty, last: -1, cost: 0, before: null }]];
  for (let cost = 0; cost < buckets.length; cost++) {
    for (const node of buckets[cost] ?? []) {
      if (node.cut.size === length) return found(node, preemption, trail, eventOf);
      const key = node.cut.done.join();
      if (settled.has(`${key}/${node.last}`)) continue;
      settled.add(`${key}/${node.last}`);
      for (let t = 0; t < n; t++) {
        const event = eventOf[t][node.cut.done[t]];
        if (event === undefined || !follows(trail, event, node.cut.done, t)) continue;
        const cut = after(m, trail, node.cut, event, cuts);
        const switched = node.last >= 0 && node.last !== t;
        const step = !switched ? 0 : node.cut.enabled[node.last] ? preemption + 1 : 1;
        (buckets[cost + step] ??= []).push({ cut, last: t, cost: cost + step, before: node });
      }
    }
  }
  throw new Error("a run has no order");
}

/** Indices on the path of the events of each task, in order. */
function eventsByTask(trail: Trail): number[][] {
  const events: number[][] = Array.from({ length: trail.tasks }, () => []);
  for (let d = 0; d < trail.depth; d++) events[trail.task[d]].push(d);
  return events;
}

/** Has everything that happens before `event` of task `t` been done? */
function follows(trail: Trail, event: number, done: Int32Array, t: number): boolean {
  const row = event * trail.tasks;
  for (let q = 0; q < trail.tasks; q++) if (q !== t && trail.clocks[row + q] > done[q]) return false;
  return true;
}

function after(m: Machine, trail: Trail, cut: Cut, event: number, cuts: Map<string, Cut>): Cut {
  const done = cut.done.slice();
  done[trail.task[event]]++;
  const key = done.join();
  let next = cuts.get(key);
  if (next === undefined) {
    m.restore(cut.words, 0);
    runAgain(m, trail.task[event], trail.choice[event]);
    next = cutHere(m, trail.tasks, done, m.snapshot(), cut.size + 1);
    cuts.set(key, next);
  }
  return next;
}

function cutHere(m: Machine, n: number, done: Int32Array, words: Int32Array, size = 0): Cut {
  m.restore(words, 0);
  return { done, words, enabled: Array.from({ length: n }, (_, t) => m.enabled(t)), size };
}

function found(end: Node, preemption: number, trail: Trail, eventOf: number[][]): EasiestOrder {
  const schedule: Decision[] = [];
  for (let node = end; node.before !== null; node = node.before) {
    const event = eventOf[node.last][node.before.cut.done[node.last]];
    schedule.push({ task: node.last, choice: trail.choice[event] });
  }
  return {
    preemptions: Math.floor(end.cost / preemption),
    switches: end.cost % preemption,
    schedule: schedule.reverse(),
  };
}
