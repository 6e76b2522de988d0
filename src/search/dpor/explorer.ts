/**
 * The main loop: one path through the tree of runs at a time, deepest branch first. Every state on the path has a copy
 * of its words, so going back is a copy and no event is ever done twice on the way.
 *
 *   state d ──take a branch──▶ races of the event ──▶ step ──▶ state d+1 ──no branch planned──▶ plan: any enabled task
 *      ▲                                                          │
 *      └───────────── all branches done: the event sleeps ◀───────┴─ nothing enabled: a run has ended
 */
import { Finding } from "../../machine/finding.ts";
import { LIVE, type Machine } from "../../machine/machine.ts";
import { stepAndJudge } from "../judge.ts";
import type { Decision, Violation } from "../program.ts";
import { Accesses } from "./accesses.ts";
import type { DporOptions, DporResult, RacesClass } from "./dpor.ts";
import { fewestPreemptions } from "./preemptions.ts";
import type { Races } from "./races.ts";
import { Reversals } from "./reversals.ts";
import { enlarged } from "./sequence.ts";
import { SleepSets } from "./sleep.ts";
import { Trail } from "./trail.ts";
import { WakeupTrees } from "./wakeup.ts";

export class Explorer {
  private readonly m: Machine;
  private readonly o: DporOptions;
  private readonly a: Accesses;
  private readonly trees: WakeupTrees;
  private readonly sleep: SleepSets;
  private readonly trail: Trail;
  private readonly reversals: Reversals;
  private readonly races: Races;
  /** The words are not those of the current depth. */
  private stale = false;
  private completed = 0;
  private blocked = 0;
  private beyond = 0;
  private redundant = 0;
  private events = 0;
  private maxDepth = 0;
  private broken = 0;
  private cut = false;
  private stopped: string | null = null;
  private readonly violations: Violation[] = [];
  /** Numbers of completed and of blocked runs, by fewest preemptions. */
  private readonly byPreemptions: [number[], number[]] = [[], []];

  constructor(m: Machine, o: DporOptions, RacesOf: RacesClass) {
    this.m = m;
    this.o = o;
    this.a = new Accesses(m);
    this.trees = new WakeupTrees(this.a);
    this.sleep = new SleepSets(this.a);
    this.trail = new Trail(m);
    this.reversals = new Reversals(this.trail, this.a, this.trees, this.sleep, o.mode === "optimal");
    this.races = new RacesOf(m, this.trail, this.a, this.reversals);
  }

  run(): DporResult {
    const { m, trail, trees } = this;
    if (m.initialFinding !== null) this.report(m.initialFinding);
    else {
      const { ties } = m;
      m.ties = trail;
      try {
        this.plan();
        while (this.stopped === null) {
          if (trees.heads[trail.depth] !== 0) this.perform();
          else if (trail.depth > 0) this.goBack();
          else break;
        }
      } finally {
        m.ties = ties;
      }
      trail.restore(0);
    }
    return this.result();
  }

  /** Takes the next branch of the current state. */
  private perform(): void {
    const { m, trail, trees, o } = this;
    const d = trail.depth;
    if (this.stale) {
      trail.restore(d);
      this.stale = false;
    }
    const c = trees.take(d);
    const task = trees.task[c];
    const choice = trees.choice[c];
    const outcomes = trees.outcomes[c];
    if (d + 2 > trees.heads.length) trees.heads = enlarged(trees.heads);
    trees.heads[d + 1] = trees.first[c];
    trees.release(c);
    if (!m.enabled(task))
      throw new Error(`${m.tasks[task].name} was to go on, but waits: an operation hides an access`);
    const access = this.a.of(task);
    this.races.happen(task, choice, outcomes, access);
    this.sleep.descend(d, task, access);
    trail.push(task, choice, outcomes, access);
    if ((++this.events & 4095) === 0) this.ask();
    if (o.all) this.stepOn(task, choice);
    else {
      const finding = stepAndJudge(m, task, choice);
      if (finding !== null) return this.report(finding);
    }
    trail.pushed();
    if (trees.heads[d + 1] === 0) this.plan();
  }

  /** A step after which the search goes on in any case: tasks that broke a rule stop. */
  private stepOn(task: number, choice: number): void {
    try {
      this.m.step(task, choice);
    } catch (e) {
      if (!(e instanceof Finding)) throw e;
      for (let f: Finding | null = e; f !== null; ) {
        this.report(f);
        f = this.m.fail(f.task < 0 ? task : f.task);
      }
    }
  }

  /** Everything from the current state has been explored: so has everything that begins with the event before it. */
  private goBack(): void {
    const { trail } = this;
    trail.pop();
    this.reversals.goBack();
    this.races.goBack();
    this.stale = true;
    const d = trail.depth;
    this.sleep.add(d, trail.task[d], trail.choice[d], trail.outcomes[d], trail.access[d]);
  }

  /** A state for which nothing is planned: any one task that is enabled, with all outcomes, or the end of a run. */
  private plan(): void {
    const { trail, m, trees } = this;
    const d = trail.depth;
    if (d > this.maxDepth) this.maxDepth = d;
    if (d >= this.o.maxSteps) {
      this.cut = true;
      return;
    }
    const last = d > 0 ? trail.task[d - 1] : -1;
    let anyEnabled = false;
    for (let i = -1; i < trail.tasks; i++) {
      const t = i < 0 ? last : i;
      if (t < 0 || (i === last && i >= 0) || !m.enabled(t)) continue;
      anyEnabled = true;
      const outcomes = m.choices(t);
      for (let choice = 0; choice < outcomes; choice++) {
        if (!this.sleep.has(d, t, choice)) trees.append(d, trees.node(t, choice, outcomes, this.a.of(t)));
      }
      if (trees.heads[d] !== 0) return;
    }
    if (!anyEnabled) return this.end();
    this.redundant++;
    this.lookBack();
  }

  /** Nothing is enabled: the end of a run. */
  private end(): void {
    const { m, o } = this;
    let waiting = false;
    for (const t of m.tasks) if (!t.daemon && m.stateOf(t.slot) === LIVE) waiting = true;
    if (!this.countPreemptions(waiting)) this.beyond++;
    else if (waiting) this.blocked++;
    else this.completed++;
    if (waiting || m.finals.length > 0) {
      const finding = this.violations.length < o.maxViolations ? m.judgeEnd() : null;
      if (finding !== null) this.report(finding);
      else if (waiting) this.broken++;
    }
    o.onEnd?.();
    this.lookBack();
    if (this.executions >= o.maxExecutions) this.stop(`${o.maxExecutions} executions were explored`);
    else if ((this.executions & 63) === 0) this.ask();
  }

  private ask(): void {
    const { executions, events, trail } = this;
    const sentence = this.o.shouldStop({ executions, events, depth: trail.depth });
    if (sentence !== null) this.stop(sentence);
  }

  /** Plans what only the end of a run can tell. */
  private lookBack(): void {
    const { m, races } = this;
    this.reversals.endOfRun();
    races.endOfRun();
    for (let t = 0; t < m.tasks.length; t++) if (m.pendingOp(t).id !== 0 && !m.enabled(t)) races.blocked(t);
  }

  private get executions(): number {
    return this.completed + this.blocked + this.beyond;
  }

  /** Puts the run into the statistics of preemptions, if they are asked for; false if it needs too many. */
  private countPreemptions(waiting: boolean): boolean {
    const { o, trail } = this;
    if (o.preemptions === null) return true;
    const { preemptions } = fewestPreemptions(this.m, trail);
    trail.restore(trail.depth);
    const numbers = this.byPreemptions[waiting ? 1 : 0];
    while (numbers.length <= preemptions) numbers.push(0);
    numbers[preemptions]++;
    return preemptions <= o.preemptions;
  }

  private stop(sentence: string): void {
    this.stopped ??= sentence;
  }

  private report(finding: Finding): void {
    const { trail, o } = this;
    this.broken++;
    if (this.violations.length < o.maxViolations) {
      const schedule: Decision[] = [];
      for (let d = 0; d < trail.depth; d++) schedule.push({ task: trail.task[d], choice: trail.choice[d] });
      this.violations.push({ finding, schedule });
    }
    if (!o.all) this.stop("a rule was broken");
  }

  private whyIncomplete(): string | null {
    if (this.stopped !== null) return this.stopped;
    if (this.cut) return `runs were cut after ${this.o.maxSteps} steps`;
    return this.m.invariants.length > 0 ? "invariants were not tested in every order of independent steps" : null;
  }

  private result(): DporResult {
    const stopped = this.whyIncomplete();
    return {
      executions: this.executions,
      completed: this.completed,
      blocked: this.blocked,
      beyond: this.beyond,
      redundant: this.redundant,
      events: this.events,
      maxDepth: this.maxDepth,
      complete: stopped === null,
      stopped,
      violations: this.violations,
      broken: this.broken,
      preemptions:
        this.o.preemptions === null
          ? null
          : { completed: cumulative(this.byPreemptions[0]), blocked: cumulative(this.byPreemptions[1]) },
    };
  }
}

/** How many at most k, for k = 0, 1, 2 …, from how many exactly k. */
function cumulative(exactly: readonly number[]): number[] {
  let sum = 0;
  return exactly.map((n) => (sum += n));
}
