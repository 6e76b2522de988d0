/**
 * The smallest counterexample: fewest preemptions, then context switches, then steps.
 *
 *   a schedule that some search found ──shrinkSchedule──▶ cheapest order of the same events
 *                                     ──minimise────────▶ cheapest of all schedules, proven so unless a bound is hit
 */
import type { Broken, Finding } from "../machine/finding.ts";
import type { Machine, MachineOptions } from "../machine/machine.ts";
import { bestFirst, type Goal } from "./bestFirst.ts";
import { type Cost, type CostOrder, CostScale } from "./cost.ts";
import { stepAndJudge } from "./judge.ts";
import { type Decision, onMachine, type Program } from "./program.ts";
import { TraceGuide, traceOf } from "./traceGuide.ts";

export interface MinimiseOptions {
  /** Options of the machine on which `known` was found. */
  readonly machine: Partial<MachineOptions>;
  /** A schedule with such a finding: whatever costs as much need not be looked at. */
  readonly known: readonly Decision[] | null;
  /** Narrower than the verdict: which findings count. */
  readonly wanted: (finding: Finding) => boolean;
  /** What counts first. */
  readonly order: CostOrder;
  /** Bounds on nodes and on the bytes that they take. */
  readonly maxNodes: number;
  readonly maxBytes: number;
  /** Asked now and then; a sentence ends the search. */
  readonly shouldStop: () => string | null;
}

export interface Minimal {
  /** The cheapest schedule met, what it shows and what it costs; null when there is none. */
  readonly best: Goal | null;
  /** There is no cheaper one. */
  readonly proven: boolean;
  /** Why that is not proven, in words. */
  readonly stopped: string | null;
  /** Schedules cheaper than this there are none; the cost of `best` when proven, null when there are none at all. */
  readonly noneBelow: Cost | null;
  readonly nodes: number;
  /** Options of the machine that the schedule belongs to. */
  readonly machine: MachineOptions;
}

const DEFAULTS: Omit<MinimiseOptions, "wanted"> = {
  machine: {},
  known: null,
  order: "preemptions",
  maxNodes: 4_000_000,
  maxBytes: 768 << 20,
  shouldStop: () => null,
};

/** Share of `maxNodes` that may go into the order of the known schedule's own events. */
const SHRINK_SHARE = 8;

/**
 * The cheapest schedule of `program` that ends with a finding of `verdict`. A cycle of waits counts as soon as it has
 * closed, though others may still run. A livelock has no finding at its end, so it is never found here.
 */
export function minimise(program: Program, verdict: Broken, options: Partial<MinimiseOptions> = {}): Minimal {
  const o: MinimiseOptions = { wanted: (f) => f.verdict === verdict, ...DEFAULTS, ...options };
  return onMachine(program, o.machine, (m) => {
    const initial = m.snapshot();
    const scale = new CostScale(o.order);
    const known = o.known && replay(m, o.known, o.wanted, scale);
    m.restore(initial, 0);
    const shrunk = known && shrink(m, known, o, scale, Math.ceil(o.maxNodes / SHRINK_SHARE));
    m.restore(initial, 0);
    const found = bestFirst(m, { ...o, scale, below: shrunk?.cost ?? null, guide: null });
    m.restore(initial, 0);
    const best = found.goal ?? shrunk;
    const proven = found.stopped === null;
    return {
      best,
      proven,
      stopped: found.stopped,
      noneBelow: proven ? (best?.cost ?? null) : found.exhaustedBelow,
      nodes: found.nodes,
      machine: m.options,
    };
  });
}

/**
 * The cheapest order of the events of `decisions`, or of those of them that its finding needs. For programs that are too
 * big for `minimise`. Gives null when `decisions` show no finding that is wanted.
 */
export function shrinkSchedule(
  program: Program,
  decisions: readonly Decision[],
  options: Partial<Omit<MinimiseOptions, "known">> = {},
): Goal | null {
  const o: MinimiseOptions = { wanted: () => true, ...DEFAULTS, ...options };
  return onMachine(program, o.machine, (m) => {
    const initial = m.snapshot();
    const scale = new CostScale(o.order);
    const known = replay(m, decisions, o.wanted, scale);
    m.restore(initial, 0);
    return known && shrink(m, known, o, scale, o.maxNodes);
  });
}

function shrink(m: Machine, known: Goal, o: MinimiseOptions, scale: CostScale, maxNodes: number): Goal {
  const initial = m.snapshot();
  const trace = traceOf(m, known.schedule);
  m.restore(initial, 0);
  const guide = new TraceGuide(trace, m.tasks.length);
  return bestFirst(m, { ...o, scale, maxNodes, below: known.cost, guide }).goal ?? known;
}

/** What `decisions` show and cost on `m`; null when they do not fit or show nothing that is wanted. */
function replay(
  m: Machine,
  decisions: readonly Decision[],
  wanted: (finding: Finding) => boolean,
  scale: CostScale,
): Goal | null {
  const goal = (finding: Finding | null, steps: number): Goal | null =>
    finding && wanted(finding) ? { schedule: decisions.slice(0, steps), finding, cost: scale.unpack(cost) } : null;
  let cost = 0;
  let last = -1;
  if (m.initialFinding) return goal(m.initialFinding, 0);
  for (const [i, { task, choice }] of decisions.entries()) {
    if (task >= m.tasks.length || !m.enabled(task) || choice >= m.choices(task)) return null;
    cost += last < 0 || last === task ? scale.oneStep : m.enabled(last) ? scale.onePreemption : scale.oneSwitch;
    last = task;
    const finding = stepAndJudge(m, task, choice);
    if (finding) return goal(finding, i + 1);
  }
  if (m.tasks.some((t) => m.enabled(t.slot))) return null;
  return goal(m.judgeEnd(), decisions.length);
}
