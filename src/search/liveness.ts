/**
 * Livelock under weak fairness: an infinite run in which every task that could always go on does go on now and then,
 * and yet some task that ought to end never does. Locks are fairer than that, since their waiters queue: who could take
 * one again and again takes it.
 *
 * The graph of all states is built once more, this time with its edges, and looked at now and then: a livelock in a part of
 * it is a livelock. A strongly connected component is a livelock
 * when (a) each task takes a step inside it or is disabled in one of its states (weak fairness), (b) each choice of the
 * environment that is made inside it has all its outcomes inside it (an environment that could help and never does is
 * no bug of the protocol), (c) no edge of it is marked as progress, (d) a task that is no daemon has not ended.
 * Reported as a lasso: the shortest way in, and a cycle that visits a witness for every task.
 */

import { Finding } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { components } from "./components.ts";
import type { Decision } from "./program.ts";
import { CHOICE_BITS, MAX_TASKS, REMOVED, type StateGraph, StateGraphBuilder } from "./stateGraph.ts";

export interface Lasso {
  readonly stem: readonly Decision[];
  readonly cycle: readonly Decision[];
  /** Slots of the tasks that never end on it. */
  readonly starving: readonly number[];
}

/**
 * Looks for a livelock of `m`, which must be active and in its initial state. Null = there is none;
 * "unknown" = more than `maxStates` states or more than 31 tasks, or `shouldStop` said so.
 */
export function findLivelock(m: Machine, maxStates: number, shouldStop: () => boolean): Lasso | null | "unknown" {
  if (m.tasks.length > MAX_TASKS) return "unknown";
  const builder = new StateGraphBuilder(m);
  for (let wanted = FIRST_LOOK; ; ) {
    if (builder.states > maxStates || ((builder.expanded & 1023) === 0 && shouldStop())) return "unknown";
    const more = builder.expand();
    if (more && builder.expanded < wanted) continue;
    const lasso = lassoIn(m, builder.graph());
    if (lasso || !more) return lasso;
    wanted *= 4;
  }
}

/** So many states make the first part of the graph that is looked at. */
const FIRST_LOOK = 1024;

function lassoIn(m: Machine, graph: StateGraph): Lasso | null {
  let component = components(graph.states, graph.first, graph.target);
  while (removeHopefulChoices(graph, component) || removeUnfairLocking(graph, component)) {
    component = components(graph.states, graph.first, graph.target);
  }
  for (const states of cyclicComponents(graph, component)) {
    const lasso = fairCycle(m, graph, component, component[states[0]], states);
    if (lasso) return lasso;
  }
  return null;
}

/** The states of each component that has an edge inside, in the order in which the components were first reached. */
function cyclicComponents(g: StateGraph, component: Int32Array): Iterable<number[]> {
  const hasEdge = new Uint8Array(g.states);
  for (let s = 0; s < g.states; s++) {
    for (let e = g.first[s]; e < g.first[s + 1]; e++) {
      if (g.label[e] !== REMOVED && component[g.target[e]] === component[s]) hasEdge[component[s]] = 1;
    }
  }
  const members = new Map<number, number[]>();
  for (let s = 0; s < g.states; s++) {
    if (hasEdge[component[s]] === 0) continue;
    const list = members.get(component[s]);
    if (list) list.push(s);
    else members.set(component[s], [s]);
  }
  return members.values();
}

/**
 * A choice of the environment with an outcome that leads out of its component cannot be made there for ever: its edges
 * are taken out of the graph (they become loops that lead nowhere). True when there was one, so that the components
 * must be computed again.
 */
function removeHopefulChoices(g: StateGraph, component: Int32Array): boolean {
  let removed = false;
  for (let s = 0; s < g.states; s++) {
    for (let e = g.first[s]; e < g.first[s + 1]; e++) {
      if (g.label[e] < 0 || component[g.target[e]] === component[s]) continue;
      const task = g.label[e] >> CHOICE_BITS;
      for (let x = g.first[s]; x < g.first[s + 1]; x++) {
        if (x === e || g.label[x] < 0 || g.label[x] >> CHOICE_BITS !== task) continue;
        if (component[g.target[x]] !== component[s]) continue;
        g.label[x] = REMOVED;
        g.target[x] = s;
        removed = true;
      }
    }
  }
  return removed;
}

/**
 * Waiters of a lock queue: a task that could take its lock again and again does get it some day. And run queues: a task that
 * wants to go on all the time, and could have its CPU again and again (whenever the one that has it is not atomic), does
 * get it some day. So a component in which
 * such a task never steps cannot be gone through for ever; what may be left is a part of it in which the task never
 * could. True when states were cut off, so that the components must be computed again.
 */
function removeUnfairLocking(g: StateGraph, component: Int32Array): boolean {
  let removed = false;
  for (const states of cyclicComponents(g, component)) {
    const c = component[states[0]];
    let could = 0;
    let stepping = 0;
    let mayRun = 0;
    let runnable = -1;
    for (const s of states) {
      could |= g.enabledInQueue[s];
      mayRun |= g.enabled[s];
      runnable &= g.runnable[s];
      for (let e = g.first[s]; e < g.first[s + 1]; e++) {
        if (g.label[e] !== REMOVED && component[g.target[e]] === c) stepping |= 1 << (g.label[e] >> CHOICE_BITS);
      }
    }
    const unfair = could & ~stepping;
    const unfairCpu = mayRun & runnable & ~stepping;
    if ((unfair | unfairCpu) === 0) continue;
    const stays = (s: number): number => (g.enabledInQueue[s] & unfair) | (g.enabled[s] & unfairCpu);
    for (const s of states) {
      for (let e = g.first[s]; e < g.first[s + 1]; e++) {
        if (g.label[e] === REMOVED || component[g.target[e]] !== c) continue;
        if ((stays(s) | stays(g.target[e])) === 0) continue;
        g.label[e] = REMOVED;
        g.target[e] = s;
        removed = true;
      }
    }
  }
  return removed;
}

/** A lasso through component `c` if it is a livelock. */
function fairCycle(
  m: Machine,
  g: StateGraph,
  component: Int32Array,
  c: number,
  states: readonly number[],
): Lasso | null {
  const inside = (s: number): boolean => component[s] === c;
  let stepping = 0; // tasks that take a step inside
  let alwaysEnabled = -1; // tasks that are enabled in every state
  let starving = -1;
  for (const s of states) {
    alwaysEnabled &= g.enabled[s];
    starving &= g.unfinished[s];
    for (let e = g.first[s]; e < g.first[s + 1]; e++) {
      if (g.label[e] !== REMOVED && inside(g.target[e])) stepping |= 1 << (g.label[e] >> CHOICE_BITS);
    }
  }
  if (stepping === 0 || starving === 0) return null;
  if ((alwaysEnabled & ~stepping) !== 0) return null;
  const entry = states.reduce((a, b) => (b < a ? b : a));
  const cycle = tour(g, inside, states, entry, stepping);
  return { stem: stemTo(g, entry), cycle, starving: m.tasks.map((t) => t.slot).filter((t) => (starving >> t) & 1) };
}

function stemTo(g: StateGraph, s: number): Decision[] {
  const stem: Decision[] = [];
  for (let x = s; g.parent[x] >= 0; x = g.parent[x]) stem.push(decision(g.parentLabel[x]));
  return stem.reverse();
}

function decision(label: number): Decision {
  return { task: label >> CHOICE_BITS, choice: label & ((1 << CHOICE_BITS) - 1) };
}

/**
 * A cycle from `entry` that lets each task of `stepping` take a step and visits, for each other task, a state in which
 * it is disabled. Shortest ways between the witnesses, so it is short but not the shortest possible.
 */
function tour(
  g: StateGraph,
  inside: (s: number) => boolean,
  states: readonly number[],
  entry: number,
  stepping: number,
): Decision[] {
  const cycle: Decision[] = [];
  let here = entry;
  let steppedTasks = 0;
  let restedTasks = ~g.enabled[entry];
  const everyone = states.reduce((mask, s) => mask | g.enabled[s], 0);
  const go = (wanted: (label: number, target: number) => boolean): void => {
    for (const e of shortestWay(g, inside, here, wanted)) {
      cycle.push(decision(g.label[e]));
      steppedTasks |= 1 << (g.label[e] >> CHOICE_BITS);
      here = g.target[e];
      restedTasks |= ~g.enabled[here];
    }
  };
  for (let t = 0; t < MAX_TASKS; t++) {
    if (((everyone >> t) & 1) === 0) continue;
    if (((steppedTasks | restedTasks) >> t) & 1) continue;
    if ((stepping >> t) & 1) go((label) => label >> CHOICE_BITS === t);
    else go((_label, target) => ((g.enabled[target] >> t) & 1) === 0);
  }
  if (here !== entry || cycle.length === 0) go((_label, target) => target === entry);
  return cycle;
}

/** Edges of a shortest path inside the component whose last edge is `wanted`. There is always one. */
function shortestWay(
  g: StateGraph,
  inside: (s: number) => boolean,
  from: number,
  wanted: (label: number, target: number) => boolean,
): number[] {
  const via = new Map<number, { edge: number; from: number }>();
  const queue = [from];
  for (const s of queue) {
    for (let e = g.first[s]; e < g.first[s + 1]; e++) {
      const target = g.target[e];
      if (g.label[e] === REMOVED || !inside(target)) continue;
      if (wanted(g.label[e], target)) {
        const way = [e];
        for (let x = s; x !== from; ) {
          const step = via.get(x);
          if (!step) break;
          way.push(step.edge);
          x = step.from;
        }
        return way.reverse();
      }
      if (target === from || via.has(target)) continue;
      via.set(target, { edge: e, from: s });
      queue.push(target);
    }
  }
  return [];
}

/** The finding for a lasso of `m`. */
export function livelockFinding(m: Machine, lasso: Lasso): Finding {
  const names = lasso.starving.map((t) => m.tasks[t].name).join(" and ");
  const verb = lasso.starving.length === 1 ? "never ends" : "never end";
  const n = lasso.cycle.length;
  return new Finding("livelock", `${names} ${verb}: ${n} ${n === 1 ? "step repeats" : "steps repeat"} for ever`);
}
