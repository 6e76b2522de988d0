/**
 * Best-first search over nodes (state, last task): the cheapest schedule to a finding, exactly. Two schedules that reach
 * one state with the same task last have the same continuations at the same price, so only the cheaper one is kept.
 * When the last task cannot go on, every continuation is a context switch and no preemption whoever it was, so all such
 * nodes of a state are one.
 *
 *   open nodes: lists by cost ──cheapest──▶ load ──step of each enabled task──▶ new node, or goal
 *
 * A node is its parent, its decision, and the words that its step changed: some hundred bytes.
 */
import type { Finding } from "../machine/finding.ts";
import { fingerprint, hashHigh, hashLow } from "../machine/hash.ts";
import type { Machine } from "../machine/machine.ts";
import { CostQueue, CostTable, GrowingInts, StateTree } from "./bestFirstStore.ts";
import type { Cost, CostScale } from "./cost.ts";
import { enabledTasks, stepAndJudge } from "./judge.ts";
import type { Decision } from "./program.ts";

/** Narrows the search to some continuations; its words belong to the node. */
export interface Guide {
  readonly words: Int32Array;
  allows(t: number, choice: number): boolean;
  /** The step was made: `words` become those of the new node. */
  advance(t: number): void;
}

export interface BestFirstOptions {
  readonly scale: CostScale;
  readonly wanted: (finding: Finding) => boolean;
  readonly maxNodes: number;
  readonly maxBytes: number;
  /** Asked every 1,024 nodes; a sentence ends the search. */
  readonly shouldStop: () => string | null;
  /** Only what is cheaper than this is of interest. */
  readonly below: Cost | null;
  readonly guide: Guide | null;
}

export interface Goal {
  readonly schedule: readonly Decision[];
  readonly finding: Finding;
  readonly cost: Cost;
}

export interface BestFirstResult {
  /** The cheapest one met; null when there is none below the bound. */
  readonly goal: Goal | null;
  /** Why the search ended early, in words; null = nothing cheaper exists. */
  readonly stopped: string | null;
  /** Every schedule cheaper than this was looked at; null = every one below the bound. */
  readonly exhaustedBelow: Cost | null;
  readonly nodes: number;
}

const CHOICE_BITS = 8;
const NO_PARENT = -1;

/** Searches from the present state of `m`, which must be active. */
export function bestFirst(m: Machine, options: BestFirstOptions): BestFirstResult {
  return new BestFirst(m, options).run();
}

class BestFirst {
  private readonly m: Machine;
  private readonly o: BestFirstOptions;
  private readonly guide: Int32Array;
  private readonly table = new CostTable();
  private readonly queue = new CostQueue();
  private readonly parents = new GrowingInts();
  private readonly decisions = new GrowingInts();
  /** Per node: last task + 1 if it can go on, else 0. */
  private readonly lasts = new GrowingInts();
  /** Per node: its fingerprint, by which the table knows a cheaper way to it. */
  private readonly lows = new GrowingInts();
  private readonly highs = new GrowingInts();
  private readonly states: StateTree;
  private goal: { parent: number; decision: number; finding: Finding } | null = null;
  private limit: number;
  private popped = 0;

  constructor(m: Machine, o: BestFirstOptions) {
    this.m = m;
    this.o = o;
    this.guide = o.guide?.words ?? new Int32Array(0);
    this.states = new StateTree(m.words, this.guide);
    this.limit = o.below ? o.scale.pack(o.below) : Number.POSITIVE_INFINITY;
  }

  run(): BestFirstResult {
    const { m } = this;
    if (m.initialFinding) {
      if (this.limit > 0 && this.o.wanted(m.initialFinding)) this.reach(0, NO_PARENT, 0, m.initialFinding);
      return this.result(null, null);
    }
    this.push(0, NO_PARENT, 0, 0);
    const enabled: number[] = [];
    for (;;) {
      const node = this.queue.pop();
      if (node < 0 || this.queue.cost >= this.limit) return this.result(null, null);
      const stopped = this.mustStop();
      if (stopped !== null) return this.result(stopped, this.o.scale.unpack(this.queue.cost));
      if (this.isStale(node)) continue;
      this.states.load(node, this.parents);
      this.expand(node, this.queue.cost, enabled);
    }
  }

  private expand(node: number, cost: number, enabled: number[]): void {
    const { m } = this;
    const { oneStep, oneSwitch, onePreemption } = this.o.scale;
    this.popped++;
    const n = enabledTasks(m, enabled);
    if (n === 0) {
      const finding = m.judgeEnd();
      if (finding && this.o.wanted(finding)) this.reach(cost, this.parents.at(node), this.decisions.at(node), finding);
      return;
    }
    const last = this.lasts.at(node) - 1;
    let dirty = false;
    for (let i = 0; i < n; i++) {
      const t = enabled[i];
      const step = t === last || node === 0 ? oneStep : last >= 0 ? onePreemption : oneSwitch;
      if (cost + step >= this.limit) continue;
      if (dirty) this.states.reload();
      dirty = false;
      const choices = m.choices(t);
      for (let c = 0; c < choices; c++) {
        if (dirty) this.states.reload();
        if (this.o.guide && !this.o.guide.allows(t, c)) continue;
        dirty = true;
        const finding = stepAndJudge(m, t, c);
        if (finding) {
          if (this.o.wanted(finding)) this.reach(cost + step, node, (t << CHOICE_BITS) | c, finding);
          continue;
        }
        this.o.guide?.advance(t);
        this.push(cost + step, node, (t << CHOICE_BITS) | c, m.enabled(t) ? t + 1 : 0);
      }
    }
  }

  /** The machine's state becomes an open node, unless it was reached as cheaply before. */
  private push(cost: number, parent: number, decision: number, last: number): void {
    this.hash(last);
    if (!this.table.improve(hashLow, hashHigh, cost)) return;
    this.parents.push(parent);
    this.decisions.push(decision);
    this.lasts.push(last);
    this.lows.push(hashLow);
    this.highs.push(hashHigh);
    this.states.add();
    this.queue.push(cost, this.parents.length - 1);
  }

  /** A cheaper way to the node's state was found after it had been opened. */
  private isStale(node: number): boolean {
    return this.table.costOf(this.lows.at(node), this.highs.at(node)) < this.queue.cost;
  }

  private hash(last: number): void {
    let extra = last;
    for (const word of this.guide) extra = Math.imul(extra ^ word, 0x01000193) + 0x9e37;
    fingerprint(this.m.words, this.m.size, extra);
  }

  private reach(cost: number, parent: number, decision: number, finding: Finding): void {
    if (cost >= this.limit) return;
    this.limit = cost;
    this.goal = { parent, decision, finding };
  }

  private mustStop(): string | null {
    const { o } = this;
    if (this.parents.length >= o.maxNodes) return `the bound of ${o.maxNodes} nodes was reached`;
    if ((this.popped & 1023) !== 0) return null;
    const bytes = this.states.bytes() + this.table.bytes() + 24 * this.parents.length;
    if (bytes >= o.maxBytes) return `the bound of ${Math.round(o.maxBytes / 1048576)} MB was reached`;
    return o.shouldStop();
  }

  private result(stopped: string | null, exhaustedBelow: Cost | null): BestFirstResult {
    return { goal: this.goal && this.scheduleTo(this.goal), stopped, exhaustedBelow, nodes: this.parents.length };
  }

  private scheduleTo({ parent, decision, finding }: NonNullable<typeof this.goal>): Goal {
    const schedule: Decision[] = [];
    const note = (d: number): void => {
      schedule.push({ task: d >> CHOICE_BITS, choice: d & ((1 << CHOICE_BITS) - 1) });
    };
    const cost = this.o.scale.unpack(this.limit);
    if (parent !== NO_PARENT) note(decision);
    for (let node = parent; node > 0; node = this.parents.at(node)) note(this.decisions.at(node));
    return { schedule: schedule.reverse(), finding, cost };
  }
}
