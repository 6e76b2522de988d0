/**
 * How large is the search, before it is made? A few hundred random walks tell the number of traces (what a stateless
 * search has to run) and the number of states (what a stateful search has to visit); the cheaper engine is chosen.
 *
 * Traces: see traceCount.ts; the mean over many seeds is exact, one figure is right within a factor of a few.
 *
 * States. Each walk runs the tasks at speeds of its own, so that the walks spread over all ways to be at one depth. From
 * how many states of a depth were met once and twice, Chao's estimate tells how many there are (A. Chao, Scand. J.
 * Statist. 11, 1984); it is a lower bound in expectation.
 */
import { fingerprint, hashHigh, hashLow } from "../machine/hash.ts";
import type { Machine, MachineOptions } from "../machine/machine.ts";
import { enabledTasks, stepAndJudge } from "./judge.ts";
import { type Decision, onMachine, type Program, type Violation } from "./program.ts";
import { Rng } from "./random/rng.ts";
import { countTraces } from "./traceCount.ts";

export interface EstimateOptions {
  readonly walks: number;
  readonly seed: number;
  /** Longer walks are cut. */
  readonly maxSteps: number;
  readonly machine: Partial<MachineOptions>;
  /** Asked before each walk; true makes do with the walks made so far. */
  readonly shouldStop: () => boolean;
  /** Told before each step of the walks through states which task makes it. */
  readonly onStep: ((m: Machine, t: number) => void) | null;
}

export interface Estimate {
  /** Traces of fine steps; Infinity when walks were cut. */
  readonly traces: number;
  /** States of coarse steps, or of fine ones where the options say so. */
  readonly states: number;
  /** The walks met less than half of them, so there may be far more. */
  readonly statesAtLeast: boolean;
  /** Mean number of steps of a run, fine (Infinity when walks were cut); and of enabled transitions of a state. */
  readonly traceLength: number;
  readonly branching: number;
  /** Some walk came back to a state of its own, or was cut: runs may be infinite. */
  readonly cyclic: boolean;
  readonly walks: number;
  readonly seed: number;
  /** A broken rule that a walk happened to meet, with its schedule under `machine`. */
  readonly violation: Violation | null;
  readonly machine: MachineOptions;
}

const DEFAULTS: EstimateOptions = {
  walks: 200,
  seed: 1,
  maxSteps: 1000,
  machine: {},
  onStep: null,
  shouldStop: () => false,
};

/** Estimates the sizes of `program`. The same options give the same figures. */
export function estimate(program: Program, options: Partial<EstimateOptions> = {}): Estimate {
  const o = { ...DEFAULTS, ...options };
  const byState = onMachine(program, o.machine, (m) => new StateWalks(m, o).run());
  const { walks, seed } = o;
  // Infinite runs make infinitely many traces.
  const endless = { traces: Number.POSITIVE_INFINITY, length: Number.POSITIVE_INFINITY };
  const { traces, length } = byState.cyclic
    ? endless
    : onMachine(program, { ...o.machine, fine: true }, (m) =>
        countTraces(m, 2 * walks, Math.min(o.maxSteps, MAX_EVENTS), new Rng(seed), o.shouldStop),
      );
  return { ...byState, traces, traceLength: length, walks, seed };
}

/** Longer traces are for the stateful engine anyway. */
const MAX_EVENTS = 400;

/** Measured costs in microseconds: of a trace, of each of its events, of a transition between states. */
const TRACE_COST = 20;
const EVENT_COST = 1;
const TRANSITION_COST = 2;

/** Is the stateless engine the cheaper one? Never for runs that may be infinite: it would not come to an end. */
export function preferDpor(e: Estimate): boolean {
  if (e.cyclic || !Number.isFinite(e.traces)) return false;
  return e.traces * (TRACE_COST + EVENT_COST * e.traceLength) < e.states * e.branching * TRANSITION_COST;
}

// ---------------------------------------------------------------------------------------------------------------------
// States

class StateWalks {
  private readonly m: Machine;
  private readonly o: EstimateOptions;
  private readonly rng: Rng;
  /** Least depth at which a state was met. */
  private readonly depthOf = new Map<number, number>();
  /** Per depth: how often each state was met there. */
  private readonly met: Map<number, number>[] = [];
  private cyclic = false;
  private violation: Violation | null = null;
  private transitions = 0;
  private visits = 0;

  constructor(m: Machine, o: EstimateOptions) {
    this.m = m;
    this.o = o;
    this.rng = new Rng(o.seed + 1);
  }

  run(): Pick<Estimate, "states" | "statesAtLeast" | "branching" | "cyclic" | "violation" | "machine"> {
    const { m, o } = this;
    const initial = m.snapshot();
    if (m.initialFinding) this.violation = { finding: m.initialFinding, schedule: [] };
    else {
      for (let i = 0; i < o.walks && !o.shouldStop(); i++) {
        m.restore(initial, 0);
        this.walk();
      }
    }
    m.restore(initial, 0);
    const { states, atLeast } = this.count();
    return {
      states,
      statesAtLeast: atLeast,
      branching: this.visits === 0 ? 0 : this.transitions / this.visits,
      cyclic: this.cyclic,
      violation: this.violation,
      machine: m.options,
    };
  }

  private walk(): void {
    const { m, o, rng } = this;
    const speeds = Float64Array.from(m.tasks, () => rng.exponential());
    const own = new Set<number>();
    const enabled: number[] = [];
    const schedule: Decision[] = [];
    for (let depth = 0; ; depth++) {
      this.visit(depth, own);
      const n = enabledTasks(m, enabled);
      if (n === 0) return this.note(m.judgeEnd(), schedule);
      if (depth === o.maxSteps) {
        this.cyclic = true;
        return;
      }
      let sum = 0;
      for (const t of enabled) {
        sum += speeds[t];
        this.transitions += m.choices(t);
      }
      const task = draw(enabled, speeds, sum, rng);
      const outcomes = m.choices(task);
      const choice = outcomes > 1 ? rng.below(outcomes) : 0;
      o.onStep?.(m, task);
      schedule.push({ task, choice });
      const finding = stepAndJudge(m, task, choice);
      if (finding) return this.note(finding, schedule);
    }
  }

  private note(finding: Violation["finding"] | null, schedule: readonly Decision[]): void {
    if (finding) this.violation ??= { finding, schedule };
  }

  private visit(depth: number, own: Set<number>): void {
    fingerprint(this.m.words, this.m.size);
    // 53 bits are plenty for some thousand states.
    const key = (hashLow >>> 0) * 2 ** 21 + (hashHigh & 0x1fffff);
    this.visits++;
    if (own.has(key)) this.cyclic = true;
    own.add(key);
    this.depthOf.set(key, Math.min(depth, this.depthOf.get(key) ?? depth));
    if (depth === this.met.length) this.met.push(new Map());
    this.met[depth].set(key, (this.met[depth].get(key) ?? 0) + 1);
  }

  /** Chao's estimate for each depth, over the states that were never met nearer to the beginning. */
  private count(): { states: number; atLeast: boolean } {
    let states = 0;
    this.met.forEach((counts, depth) => {
      let seen = 0;
      let once = 0;
      let twice = 0;
      for (const [key, count] of counts) {
        if (this.depthOf.get(key) !== depth) continue;
        seen++;
        if (count === 1) once++;
        if (count === 2) twice++;
      }
      states += seen + (once * (once - 1)) / (2 * (twice + 1));
    });
    return { states: Math.round(states), atLeast: states > 2 * this.depthOf.size };
  }
}

/** One of `enabled`, in proportion to its weight; `sum` is that of all. */
function draw(enabled: readonly number[], weights: Float64Array, sum: number, rng: Rng): number {
  let x = rng.real() * sum;
  for (const t of enabled) {
    x -= weights[t];
    if (x < 0) return t;
  }
  return enabled[enabled.length - 1];
}
