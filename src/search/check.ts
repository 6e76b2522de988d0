/**
 * The whole way from a program to an answer:
 *
 *   500,000 transitions of the stateful search ──▶ 200 random walks, estimate ──▶ the cheaper engine searches everything
 *           │ everything seen                      (it goes on if it is the cheaper one)  │
 *           └───────────────────────────┬─────────────────────────────────────────────────┘
 *              no rule broken; runs that come back to a state: livelock?      a rule broken: smallest counterexample
 */
import type { Finding, Verdict } from "../machine/finding.ts";
import { lockdepReports, observeLockdep, resetLockdep } from "../machine/lockdep.ts";
import type { MachineOptions } from "../machine/machine.ts";
import { nowSeconds } from "./clock.ts";
import type { Cost } from "./cost.ts";
import { searchDpor } from "./dpor/dpor.ts";
import { type Estimate, estimate, preferDpor } from "./estimate.ts";
import { findLivelock, livelockFinding } from "./liveness.ts";
import {
  type CheckedLockdepReport,
  type Counterexample,
  checkReports,
  circlesOfRun,
  exerciseEveryPath,
  type LockdepSummary,
  summaryOf,
} from "./lockdepCheck.ts";
import { minimise } from "./minimal.ts";
import type { ProgramSource } from "./parallel/control.ts";
import { type Decision, onMachine, type Program, type Violation } from "./program.ts";
import { searchStateful } from "./stateful.ts";
import { collisionProbability } from "./visited.ts";

export type Engine = "stateful" | "dpor";

export interface CheckOptions {
  readonly engine?: Engine | "auto";
  readonly maxStates?: number;
  readonly maxSeconds?: number;
  readonly maxMemoryMb?: number;
  /** Worker threads; more than 1 needs `source`. */
  readonly workers?: number;
  readonly seed?: number;
  readonly onProgress?: (p: Progress) => void;
  /** A sentence ends the search with what is known. Asked often; must be cheap. */
  readonly shouldStop?: () => string | null;
  /** Where other threads find the same program. */
  readonly source?: ProgramSource;
  /** Let lockdep see what would run if the search did not end with the first broken rule. */
  readonly everyPath?: boolean;
}

export interface Progress {
  readonly phase: "estimating" | "searching" | "looking for livelock" | "minimising" | "looking into lockdep reports";
  readonly states: number;
  readonly transitions: number;
}

export interface CheckResult {
  readonly verdict: Verdict;
  readonly complete: boolean;
  readonly states: number;
  readonly transitions: number;
  readonly maxDepth: number;
  readonly seconds: number;
  readonly workers: number;
  readonly engine: Engine;
  readonly reduction: string;
  readonly estimate: Estimate | null;
  readonly finding: Finding | null;
  readonly schedule: readonly Decision[] | null;
  /** For a livelock: index in `schedule` at which the cycle begins. */
  readonly cycleStart: number | null;
  readonly minimal: Minimality | null;
  /** What was covered, in words. */
  readonly covered: string;
  /** What lockdep has to say of all explored runs, and whether a schedule bears it out. */
  readonly lockdep: readonly CheckedLockdepReport[];
  readonly lockdepSummary: LockdepSummary;
  /** Machine options that reproduce the schedule. */
  readonly machine: Partial<MachineOptions>;
}

/** Cost of the counterexample, and whether no smaller one exists. */
export interface Minimality extends Cost {
  readonly certain: boolean;
}

/** What a search of all runs has to say. */
interface Searched {
  /** States visited, or executions run. */
  readonly states: number;
  readonly transitions: number;
  readonly maxDepth: number;
  readonly stopped: string | null;
  readonly broken: Broken | null;
  /** Runs may be infinite, so livelock must be looked for. */
  readonly cyclic: boolean;
  readonly machine: Partial<MachineOptions>;
}

/** A broken rule with the way there, if the search knows it. */
interface Broken {
  readonly finding: Finding;
  readonly schedule: readonly Decision[];
  readonly cycleStart: number | null;
}

/** Bounds of the search for the smallest counterexample. */
const MINIMISE_NODES = 2_000_000;
const MINIMISE_BYTES = 2 ** 30;
/**
 * So many transitions are tried at once, before anything is estimated: they take about as long as the estimate, and most
 * cases of an atlas are smaller. Fewer where several workers are waiting.
 */
const QUICK_TRANSITIONS = 500_000;
const QUICK_PARALLEL_TRANSITIONS = 100_000;
const DEFAULT_MEMORY_MB = 2048;
/** Livelock needs the whole graph in memory. */
const LIVELOCK_STATES = 3_000_000;

/** One check: what its parts share. */
class Check {
  private readonly start = nowSeconds();
  private readonly program: Program;
  private readonly o: CheckOptions;
  private estimated: Estimate | null = null;
  private hasInvariants = false;
  private phase: Progress["phase"] = "estimating";

  constructor(program: Program, o: CheckOptions) {
    this.program = program;
    this.o = o;
  }

  async run(): Promise<CheckResult> {
    resetLockdep();
    observeLockdep(true);
    try {
      return await this.search();
    } finally {
      observeLockdep(false);
    }
  }

  private async search(): Promise<CheckResult> {
    this.phase = "searching";
    const quick = this.isParallel() ? QUICK_PARALLEL_TRANSITIONS : QUICK_TRANSITIONS;
    const first = this.o.engine === "dpor" ? null : this.stateful({}, quick);
    if (first && !first.cut) return this.result("stateful", first, this.livelock(first));
    const estimated = this.estimated ?? this.estimate({});
    const { violation, machine, walks } = estimated;
    const engine = this.chooseEngine(estimated);
    if (violation) {
      const broken = { ...violation, cycleStart: null };
      const length = violation.schedule.length;
      const met = { states: walks, transitions: length, maxDepth: length, stopped: null, cyclic: false, machine };
      return this.result(engine, { ...met, broken }, null);
    }
    const searched = await this.searchWith(engine, machine);
    return this.result(engine, searched, this.livelock(searched));
  }

  private estimate(machine: Partial<MachineOptions>): Estimate {
    this.phase = "estimating";
    this.estimated = estimate(this.program, {
      seed: this.o.seed ?? 1,
      machine,
      shouldStop: () => this.stop(0, 0) !== null,
    });
    this.phase = "searching";
    return this.estimated;
  }

  private searchWith(engine: Engine, machine: Partial<MachineOptions>): Searched | Promise<Searched> {
    const { workers = 1, source } = this.o;
    if (engine === "dpor") return this.dpor();
    return source && this.isParallel() ? this.parallel(source, workers, machine) : this.stateful(machine);
  }

  private isParallel(): boolean {
    return (this.o.workers ?? 1) > 1 && this.o.source !== undefined;
  }

  private chooseEngine(e: Estimate): Engine {
    const wanted = this.o.engine ?? "auto";
    if (wanted !== "auto") return wanted;
    // An invariant looks at every state; the stateless engine passes only some of them.
    if (this.hasInvariants) return "stateful";
    return preferDpor(e) ? "dpor" : "stateful";
  }

  private stop(states: number, transitions: number): string | null {
    const { o } = this;
    o.onProgress?.({ phase: this.phase, states, transitions });
    if (o.maxSeconds !== undefined && nowSeconds() - this.start > o.maxSeconds) {
      return `the bound of ${o.maxSeconds} seconds was reached`;
    }
    return o.shouldStop?.() ?? null;
  }

  private maxBytes(): number {
    return (this.o.maxMemoryMb ?? DEFAULT_MEMORY_MB) * 1048576;
  }

  /**
   * After `quick` transitions the size of the search is estimated, once. It goes on unless that showed a broken rule or
   * the work is for another engine or for several workers: `cut`, so nothing is decided.
   */
  private stateful(
    machine: Partial<MachineOptions>,
    quick = Number.POSITIVE_INFINITY,
  ): Searched & { readonly cut: boolean } {
    return onMachine(this.program, machine, (m) => {
      let cut = false;
      this.hasInvariants = m.invariants.length > 0;
      const r = searchStateful(m, {
        maxStates: this.o.maxStates ?? Number.POSITIVE_INFINITY,
        maxBytes: this.maxBytes(),
        shouldStop: (p) => {
          const why = this.stop(p.states, p.transitions);
          if (why !== null || p.transitions <= quick || this.estimated) return why;
          const estimated = this.estimate(m.options);
          m.activate();
          cut = estimated.violation !== null || this.chooseEngine(estimated) !== "stateful" || this.isParallel();
          return cut ? "that was the quick try" : null;
        },
      });
      return { ...r, broken: firstBroken(r.violations), machine: m.options, cut };
    });
  }

  private dpor(): Searched {
    return onMachine(this.program, { fine: true }, (m) => {
      const r = searchDpor(m, {
        maxExecutions: this.o.maxStates ?? Number.POSITIVE_INFINITY,
        shouldStop: (p) => this.stop(p.executions, p.events),
      });
      const { executions: states, events: transitions, maxDepth } = r;
      const broken = firstBroken(r.violations);
      const stopped = broken ? null : r.stopped;
      return { states, transitions, maxDepth, stopped, broken, cyclic: false, machine: m.options };
    });
  }

  private async parallel(source: ProgramSource, workers: number, machine: Partial<MachineOptions>): Promise<Searched> {
    // Threads are Node's: whoever does not ask for them, such as a page, has no need of Node.
    const { searchParallel } = await import("./parallel/parallel.ts");
    const r = await searchParallel(source, {
      workers,
      machine,
      maxStates: this.o.maxStates ?? Number.POSITIVE_INFINITY,
      maxBytes: this.maxBytes(),
      shouldStop: (p) => this.stop(p.states, 0),
      localSteps: true,
    });
    // The workers know that a rule is broken, not how: that is for the sequential search to say.
    if (r.violation) return { ...this.stateful(machine), states: r.states, transitions: r.transitions };
    return { ...r, broken: null, cyclic: true, machine };
  }

  /** A livelock among runs that break no other rule. */
  private livelock(s: Searched): Broken | "unknown" | null {
    if (s.broken || s.stopped !== null || !s.cyclic) return null;
    this.phase = "looking for livelock";
    return onMachine(this.program, s.machine, (m) => {
      const lasso = findLivelock(m, LIVELOCK_STATES, () => this.stop(0, 0) !== null);
      if (lasso === null || lasso === "unknown") return lasso;
      const schedule = [...lasso.stem, ...lasso.cycle];
      return { finding: livelockFinding(m, lasso), schedule, cycleStart: lasso.stem.length };
    });
  }

  private result(engine: Engine, s: Searched, livelock: Broken | "unknown" | null): CheckResult {
    const stopped = s.stopped ?? (livelock === "unknown" ? "livelock could not be excluded within the bounds" : null);
    const broken = s.broken ? this.smallest(s.broken, s.machine) : livelock === "unknown" ? null : livelock;
    const complete = stopped === null;
    const options = broken && "machine" in broken ? (broken as Smallest).machine : s.machine;
    const lockdep = this.lockdep(s.machine, complete, broken && { ...broken, program: this.program, machine: options });
    return {
      verdict: broken ? broken.finding.verdict : "ok",
      complete,
      states: s.states,
      transitions: s.transitions,
      maxDepth: s.maxDepth,
      seconds: nowSeconds() - this.start,
      workers: this.o.workers ?? 1,
      engine,
      reduction: engine === "dpor" ? "optimal DPOR" : "coarse steps, local steps alone",
      estimate: this.estimated,
      finding: broken?.finding ?? null,
      schedule: broken?.schedule ?? null,
      cycleStart: broken?.cycleStart ?? null,
      minimal: broken && "minimal" in broken ? (broken as Smallest).minimal : null,
      covered: coverage(engine, s, stopped),
      ...lockdep,
      machine: options,
    };
  }

  private lockdep(
    machine: Partial<MachineOptions>,
    complete: boolean,
    bug: Counterexample | null,
  ): Pick<CheckResult, "lockdep" | "lockdepSummary"> {
    this.phase = "looking into lockdep reports";
    const coarse = machine.fine ? (this.estimated?.machine ?? {}) : machine;
    const shouldStop = () => this.stop(0, 0);
    const allWell = complete && bug === null;
    // Neither a search that ended early nor the threads of a parallel one have shown lockdep every run.
    const partly = bug !== null || this.isParallel();
    const everyRun = partly && this.o.everyPath ? exerciseEveryPath(this.program, coarse, shouldStop) : allWell;
    observeLockdep(false);
    const known = { bug, circles: bug === null ? [] : circlesOfRun(bug) };
    const lockdep = checkReports(this.program, lockdepReports(), { allWell, machine: coarse, shouldStop, ...known });
    return { lockdep, lockdepSummary: summaryOf(lockdep, known, everyRun) };
  }

  /** The smallest counterexample of any kind: it decides the verdict, so that the verdict depends on no order. */
  private smallest(known: Broken, machine: Partial<MachineOptions>): Smallest {
    this.phase = "minimising";
    const { schedule, finding } = known;
    const coarse = machine.fine ? this.estimated?.machine : machine;
    const m = minimise(this.program, finding.verdict, {
      machine: coarse ?? {},
      known: machine.fine ? null : schedule,
      wanted: () => true,
      maxNodes: MINIMISE_NODES,
      maxBytes: MINIMISE_BYTES,
      shouldStop: () => this.stop(0, 0),
    });
    if (!m.best) return { ...known, minimal: null, machine };
    const { schedule: decisions, finding: smallest, cost } = m.best;
    const minimal = { ...cost, certain: m.proven };
    return { finding: smallest, schedule: decisions, cycleStart: null, minimal, machine: m.machine };
  }
}

function firstBroken(violations: readonly Violation[]): Broken | null {
  return violations.length > 0 ? { ...violations[0], cycleStart: null } : null;
}

interface Smallest extends Broken {
  readonly minimal: Minimality | null;
  readonly machine: Partial<MachineOptions>;
}

function coverage(engine: Engine, s: Searched, stopped: string | null): string {
  const what = engine === "dpor" ? `${s.states} executions` : `${s.states} states, ${s.transitions} transitions`;
  if (stopped) return `${what}; ${stopped}`;
  if (s.broken) return `${what} until the first violation`;
  if (engine === "dpor") return `${what}: every behaviour`;
  const risk = collisionProbability(s.states).toExponential(0);
  return `${what}: every behaviour (chance that a fingerprint collision hid one: below ${risk})`;
}

/** Answers whether any run of `program` breaks a rule. Raises what the set-up raises. */
export async function checkProgram(program: Program, options: CheckOptions = {}): Promise<CheckResult> {
  return new Check(program, options).run();
}
