/**
 * How many traces has a program? Estimated by walks in parallel, without exploring them.
 *
 * The beginnings of traces, ordered by "one more event", form layers: layer d holds those with d events. A beginning has
 * as many successors as transitions are enabled after it, and as many predecessors as it has last events (events that no
 * other one depends on). So a random step weighs (transitions) / (last events), and the mean weight of d steps is the
 * size of layer d: Knuth's estimate (Math. Comp. 29, 1975) for a graph instead of a tree. Weights of long walks spread
 * widely, so after each step the walks are drawn again by weight, as in sequential Monte Carlo (Del Moral, Doucet, Jasra,
 * J. R. Stat. Soc. B 68, 2006), which leaves the mean as it is.
 */
import { Finding } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { AccessSet } from "./accessSet.ts";
import { enabledTasks } from "./judge.ts";
import type { Rng } from "./random/rng.ts";

export interface TraceCount {
  /** Infinity when some walk did not end within the bound. */
  readonly traces: number;
  /** Mean number of events of a trace. */
  readonly length: number;
}

/** The latest event of a walk and, through `before`, all others. Never changed, so walks share their beginnings. */
interface Event {
  readonly task: number;
  readonly access: AccessSet;
  /** Per task: how many of its events come before this one in every order. */
  readonly clock: Int32Array;
  readonly before: Event | null;
}

interface Walk {
  readonly words: Int32Array;
  readonly latest: Event | null;
  /** Per task: the clock that its next event begins with; its own entry counts its events. */
  readonly past: readonly Int32Array[];
}

/**
 * Estimates the number of traces of `m`, which must be active, in its initial state and made with `fine: true`.
 * `shouldStop` is asked after each step of all walks; true ends the estimate like a walk beyond the bound.
 */
export function countTraces(
  m: Machine,
  walks: number,
  maxSteps: number,
  rng: Rng,
  shouldStop: () => boolean = () => false,
): TraceCount {
  const initial = m.snapshot();
  const n = m.tasks.length;
  const first: Walk = {
    words: initial,
    latest: null,
    past: m.tasks.map(() => new Int32Array(n)),
  };
  let layer: Walk[] = Array.from({ length: walks }, () => first);
  let each = 1 / walks; // beginnings that a walk stands for
  let traces = 0;
  let events = 0;
  for (let depth = 0; layer.length > 0; depth++) {
    if (depth > maxSteps || shouldStop()) {
      m.restore(initial, 0);
      return { traces: Number.POSITIVE_INFINITY, length: maxSteps };
    }
    const next: Walk[] = [];
    const weights: number[] = [];
    for (const walk of layer) {
      const step = extend(m, walk, rng);
      if (step === null) {
        traces += each;
        events += each * depth;
      } else {
        next.push(step.walk);
        weights.push(step.weight);
      }
    }
    const sum = weights.reduce((a, b) => a + b, 0);
    each = (each * sum) / walks;
    layer = drawAgain(next, weights, sum, walks, rng);
  }
  m.restore(initial, 0);
  return { traces, length: traces > 0 ? events / traces : 0 };
}

/** One random step; null at the end of the run. */
function extend(m: Machine, walk: Walk, rng: Rng): { walk: Walk; weight: number } | null {
  m.restore(walk.words, 0);
  const enabled: number[] = [];
  if (enabledTasks(m, enabled) === 0) return null;
  let transitions = 0;
  for (const t of enabled) transitions += m.choices(t);
  let pick = rng.below(transitions);
  let task = 0;
  for (const t of enabled) {
    task = t;
    const choices = m.choices(t);
    if (pick < choices) break;
    pick -= choices;
  }
  const event = nextEvent(m, walk, task);
  const { resumed } = m;
  const stands = m.tasks.map((t) => m.pendingOp(t.slot).id);
  stepOn(m, task, pick);
  const past = walk.past.slice();
  past[task] = event.clock.slice();
  past[task][task]++;
  if (m.resumed !== resumed) {
    // Children were started, joins have ended: what comes next in those tasks depends on this event.
    m.tasks.forEach(({ slot }) => {
      if (slot !== task && m.pendingOp(slot).id !== stands[slot]) past[slot] = joined(past[slot], past[task]);
    });
  }
  return { walk: { words: m.snapshot(), latest: event, past }, weight: transitions / lastEvents(past) };
}

/** A step after which the others go on, whatever rule it broke. */
function stepOn(m: Machine, task: number, choice: number): void {
  try {
    m.step(task, choice);
  } catch (e) {
    if (!(e instanceof Finding)) throw e;
    for (let f: Finding | null = e; f !== null; ) f = m.fail(f.task < 0 ? task : f.task);
  }
}

function nextEvent(m: Machine, walk: Walk, task: number): Event {
  const access = new AccessSet().fill(m, task);
  let clock = walk.past[task];
  for (let e = walk.latest; e !== null; e = e.before) {
    // Already known to come before, through a later event?
    if (e.clock[e.task] < clock[e.task] || !access.conflicts(e.access)) continue;
    clock = joined(clock, e.clock);
    clock[e.task] = Math.max(clock[e.task], e.clock[e.task] + 1);
  }
  return { task, access, clock, before: walk.latest };
}

function joined(a: Int32Array, b: Int32Array): Int32Array {
  return a.map((x, i) => Math.max(x, b[i]));
}

/** Tasks whose latest event no other task has seen. */
function lastEvents(past: readonly Int32Array[]): number {
  let n = 0;
  past.forEach((own, t) => {
    if (own[t] > 0 && past.every((other, u) => u === t || other[t] < own[t])) n++;
  });
  return n;
}

/** `count` walks, each of `list` as often as its weight says, up to one more or less. */
function drawAgain(list: readonly Walk[], weights: readonly number[], sum: number, count: number, rng: Rng): Walk[] {
  if (list.length === 0) return [];
  const drawn: Walk[] = [];
  let at = (rng.real() * sum) / count;
  let upTo = 0;
  list.forEach((walk, i) => {
    upTo += weights[i];
    for (; at < upTo && drawn.length < count; at += sum / count) drawn.push(walk);
  });
  return drawn;
}
