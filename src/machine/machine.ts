/**
 * A machine: the modelled computer that a set-up function has built, ready to be stepped, copied and compared.
 *
 * Searchers use `enabled`, `choices`, `step`, `save`, `restore` and nothing else; authors of cases use what is called
 * during set-up: `spawn`, `keep`, `invariant`, `atEnd`.
 */
import { MayfailError, mayfailError } from "../errors.ts";
import {
  type AccessSink,
  builtinHandles,
  type Code,
  type CoreTables,
  type Handle,
  HEADER,
  isMovable,
  keepOrder,
  moduleCodes,
  NeedsRebuild,
  type OpKind,
  ops,
  requestSettling,
  run,
  runAs,
  setChecking,
  setMovable,
  setTouched,
  T_ARG,
  T_ARG2,
  T_CHILDREN,
  T_OBJ,
  T_OP,
  T_SP,
  T_STATE,
  type Task,
  takeSettling,
  useTables,
  W,
} from "./core.ts";
import { type Cpu, keptOutBy, maySpinOn } from "./cpu.ts";
import { Finding } from "./finding.ts";
import { Layout, type WordKind } from "./layout.ts";
import { NeedsRefinement } from "./refinement.ts";
import { deadlockFinding, waitCycle } from "./waitFor.ts";

export type TaskFunction<A extends unknown[]> = (...args: A) => Task<unknown>;

export interface SpawnOptions {
  /** Never ends by itself (kswapd, a device): waiting for ever is no deadlock of its own. */
  readonly daemon?: boolean;
  /** Name of the operation in which a daemon rests; any other wait of it that lasts for ever is a deadlock after all. */
  readonly rests?: string;
  /** It runs on this CPU only, and so do its children; without one it has a CPU of its own. */
  readonly cpu?: Cpu;
  /** How many tasks it may spawn; the machine is built again with more when that is not enough. */
  readonly children?: number;
}

export interface TaskInfo {
  readonly slot: number;
  readonly base: number;
  name: string;
  daemon: boolean;
  readonly rests: string | null;
  /** Slots reserved for its children, in order of spawning. */
  readonly children: number[];
  readonly parent: number;
}

/** Sizes that a search may have to enlarge; see `NeedsRebuild`. */
export interface MachineOptions {
  readonly stackWords: number;
  readonly heldWords: number;
  readonly extraChildren: number;
  /** Every operation is a step of its own, releases included: what partial-order reduction counts. */
  readonly fine: boolean;
  /** Names of locks whose releases are steps of their own in coarse runs too, because somebody uses trylock. */
  readonly visibleReleases: readonly string[];
  /** One task runs until it must wait: for simulation and for comparing with records, not for searches. */
  readonly sequential: boolean;
}

export const DEFAULT_OPTIONS: MachineOptions = {
  stackWords: 24,
  heldWords: 4,
  extraChildren: 0,
  fine: false,
  visibleReleases: [],
  sequential: false,
};

export interface Check {
  readonly name: string;
  readonly test: () => boolean | string | undefined;
  readonly verdict: Finding["verdict"];
}

/** Told about what a step carries on without being scheduled: partial-order reduction derives causality from it. */
export interface Ties {
  started(parent: number, child: number): void;
  /** `task` went on because what it waited for, at word `at` (the header of an ended task), is over. */
  joined(task: number, at: number): void;
}

const MAX_TASKS = 64;
/** Words at the start of a set-up; more are made when they are needed. */
const SETUP_WORDS = 1 << 12;
/** Machines up to this size get an array without holes for `objectAt`, which is faster to look up. */
const DENSE_WORDS = 1 << 20;
/** Stands for "several tasks read it" in `privateUsers`. */
const SHARED_READERS = 1 << 20;

/** State of a task as reports show it. */
export const LIVE = 1;
export const DONE = 2;
export const FAILED = 3;

let underConstruction: Machine | null = null;
let active: Machine | null = null;

/** The machine that `W` belongs to. Raises MF0209 when there is none. */
export function activeMachine(): Machine {
  if (!active) throw mayfailError("MF0209", { what: "the machine" });
  return active;
}

/** Name of a word or of the object that begins there. */
export function nameOfWord(at: number): string {
  const handle = active?.objectAt[at] as Handle | undefined;
  return handle?.name ?? active?.layout.nameOf(at) ?? `word ${at}`;
}

/** The machine that is being set up; raises MF0209 outside of a set-up. */
export function settingUpMachine(what: string): Machine {
  if (!underConstruction) throw mayfailError("MF0209", { what });
  return underConstruction;
}

/** Set-up: reserves words for the object `name`. */
export function takeWords(n: number, name: string): number {
  return settingUpMachine(name).layout.take(n, name, "int");
}

/** Set-up: names the words of an object that begins at `at`, in order; the key "" stands for the object itself. */
export function nameWords(at: number, name: string, words: Readonly<Record<string, WordKind>>): void {
  const { layout } = settingUpMachine(name);
  Object.entries(words).forEach(([part, kind], i) => {
    layout.label(at + i, 1, part === "" ? name : `${name}.${part}`, kind);
  });
}

export class Machine {
  readonly options: MachineOptions;
  readonly layout = new Layout((end) => this.grow(end));
  readonly tasks: TaskInfo[] = [];
  readonly invariants: Check[] = [];
  readonly finals: Check[] = [];
  readonly handles: object[] = [];
  readonly interned = new Map<object, number>();
  /** See core.ts; made dense when the machine is sealed. */
  objectAt: object[] = [];
  /** Locks on which somebody uses trylock: their release is a scheduling point, since being held can be observed. */
  tried: Uint8Array = new Uint8Array(0);
  words: Int32Array = new Int32Array(SETUP_WORDS);
  size = 0;
  private privateUsers = new Int32Array(0);
  private readonly codes: Code[] = moduleCodes.slice();
  /** CPU of each task slot; null while no task is bound to one. */
  private cpus: (Cpu | undefined)[] | null = null;
  private taskBases = new Int32Array(MAX_TASKS);
  private stackEnds = new Int32Array(MAX_TASKS);
  private sealed = false;
  /** The last step was marked by `progress()`: cycles through it are no livelock. */
  madeProgress = false;
  /** How often a task went on without being scheduled (start, end of a join): searchers compare it around a step. */
  resumed = 0;
  ties: Ties | null = null;
  /** A rule broken by a task before its first scheduling point: every run shows it. */
  initialFinding: Finding | null = null;

  constructor(options: Partial<MachineOptions> = {}) {
    this.options = { ...DEFAULT_OPTIONS, ...options };
    for (const object of builtinHandles) this.register(object);
  }

  /** Makes this the machine that `W`, handles and task code refer to. Cheap; call before using a machine. */
  activate(): void {
    useTables(this.tables());
    active = this;
  }

  private tables(): CoreTables {
    return {
      words: this.words,
      codes: this.codes,
      settingUp: !this.sealed,
      handles: this.handles,
      objectAt: this.objectAt,
      heldWords: this.options.heldWords,
      interned: this.interned,
      taskBases: this.taskBases,
      stackEnds: this.stackEnds,
      fine: this.options.fine,
      sequential: this.options.sequential,
    };
  }

  private grow(end: number): void {
    if (this.sealed) throw mayfailError("MF0206", { what: "An object" });
    if (end <= this.words.length) return;
    const before = this.words;
    this.words = new Int32Array(Math.max(end, 2 * before.length));
    this.words.set(before);
    if (active === this) this.activate();
  }

  // -- set-up ---------------------------------------------------------------------------------------------------------

  /** Gives `object` a number, so that fields and slots can refer to it; and words, if it has any. */
  register(object: object, at = 0): number {
    const id = this.handles.length;
    this.handles.push(object);
    this.interned.set(object, id);
    if (at > 0) this.objectAt[at] = object;
    return id;
  }

  /** Makes constant objects (arrays, plain objects, everything reachable from them) usable as values of task code. */
  keep<T>(value: T): T {
    if ((typeof value !== "object" && typeof value !== "function") || value === null) return value;
    if (this.interned.has(value)) return value;
    this.register(value);
    if (typeof value === "object") for (const part of Object.values(value)) this.keep(part);
    return value;
  }

  /** Adds a task that starts at once. `args` and what they reach become usable as values of task code. */
  spawn<A extends unknown[]>(name: string, f: TaskFunction<A>, args: A, options: SpawnOptions = {}): TaskInfo {
    const task = this.addSlot(name, -1, options.daemon ?? false, options.rests ?? null);
    if (options.cpu) this.bind(task.slot, options.cpu);
    const children = (options.children ?? 0) + this.options.extraChildren;
    for (let i = 0; i < children; i++) task.children.push(this.addSlot(`${name}/${i}`, task.slot, false).slot);
    if (options.cpu) for (const child of task.children) this.bind(child, options.cpu);
    for (const a of args) this.keep(a);
    this.start(task, f, args);
    return task;
  }

  private bind(t: number, c: Cpu): void {
    this.cpus ??= [];
    this.cpus[t] = c;
  }

  private addSlot(name: string, parent: number, daemon: boolean, rests: string | null = null): TaskInfo {
    if (this.tasks.length === this.taskBases.length) throw mayfailError("MF0210", { limit: MAX_TASKS });
    const { heldWords, stackWords } = this.options;
    const base = this.layout.take(HEADER + heldWords + stackWords, name, "task");
    const slot = this.tasks.length;
    const task: TaskInfo = { slot, base, name, daemon, rests, children: [], parent };
    this.tasks.push(task);
    this.taskBases[slot] = base;
    this.stackEnds[slot] = base + HEADER + heldWords + stackWords;
    this.register(task, base);
    return task;
  }

  private start<A extends unknown[]>(task: TaskInfo, f: TaskFunction<A>, args: A): void {
    const { base, slot } = task;
    W[base + T_STATE] = LIVE;
    W[base + T_SP] = base + HEADER + this.options.heldWords;
    runAs(slot);
    f(...args);
    runAs(-1);
  }

  /** Must hold after every step. `test` returns true, or a sentence (or false) when it does not. */
  invariant(name: string, test: Check["test"], verdict: Finding["verdict"] = "assertion"): void {
    this.invariants.push({ name, test, verdict });
  }

  /** Must hold when every task has ended. */
  atEnd(name: string, test: Check["test"], verdict: Finding["verdict"] = "leak"): void {
    this.finals.push({ name, test, verdict });
  }

  /** Ends the set-up: the array gets its final size and every task runs to its first scheduling point. */
  private seal(): void {
    this.size = this.layout.size;
    this.words = this.words.slice(0, this.size);
    this.tried = new Uint8Array(this.size);
    this.privateUsers = new Int32Array(this.size);
    for (const { at, size, name } of this.layout.entries) {
      if (this.options.visibleReleases.includes(name)) this.tried.fill(1, at, at + size);
    }
    if (this.size <= DENSE_WORDS) this.objectAt = Array.from({ length: this.size }, (_, at) => this.objectAt[at]);
    this.sealed = true;
    this.activate();
    setChecking(true);
    try {
      requestSettling();
      this.settle();
    } catch (e) {
      if (!(e instanceof Finding)) throw e;
      this.initialFinding = e;
    } finally {
      setChecking(false);
    }
  }

  /**
   * Builds a machine. `setup` creates objects and tasks; it must do the same every time it is called.
   * Raises what `setup` raises; a finding of the very first, unscheduled steps is kept in `initialFinding`.
   */
  static build(setup: (m: Machine) => void, options: Partial<MachineOptions> = {}): Machine {
    const m = new Machine(options);
    m.activate();
    underConstruction = m;
    try {
      setup(m);
    } finally {
      underConstruction = null;
    }
    m.seal();
    return m;
  }

  // -- running --------------------------------------------------------------------------------------------------------

  /** Is task slot `t` waiting for an operation that may be done now? */
  enabled(t: number): boolean {
    const b = this.taskBases[t];
    const op = W[b + T_OP];
    if (op === 0) return false;
    const able = ops[op].enabled(W[b + T_OBJ], W[b + T_ARG], W[b + T_ARG2], t);
    return this.cpus === null ? able : this.mayUseCpu(t, able);
  }

  private mayUseCpu(t: number, able: boolean): boolean {
    const c = this.cpus?.[t];
    if (!c) return able;
    return able ? keptOutBy(c, t) < 0 : maySpinOn(c, t);
  }

  /** Slot of the task that has the CPU of `t` and does not give it up; -1 when `t` may run. */
  keptOut(t: number): number {
    const c = this.cpus?.[t];
    return c ? keptOutBy(c, t) : -1;
  }

  /** Number of outcomes of the pending operation of `t` (1 unless it is a choice of the environment). */
  choices(t: number): number {
    const b = this.taskBases[t];
    const kind = ops[W[b + T_OP]];
    return kind.choices ? kind.choices(W[b + T_OBJ], W[b + T_ARG]) : 1;
  }

  /** Tells `sink` which words the pending operation of `t` would read and write if it were done now. */
  access(t: number, sink: AccessSink): void {
    const b = this.taskBases[t];
    const kind = ops[W[b + T_OP]];
    // Whether it may run depends on what the other tasks of its CPU wait for.
    if (this.cpus?.[t]) sink.top();
    else if (kind.access) kind.access(W[b + T_OBJ], W[b + T_ARG], W[b + T_ARG2], t, sink);
    else sink.top();
  }

  /** Kind of the pending operation of `t`; kind 0 when it has none. */
  pendingOp(t: number): OpKind {
    return ops[W[this.taskBases[t] + T_OP]];
  }

  /**
   * Lets `t`, which must be enabled, do its pending operation and run to its next scheduling point.
   * Raises `Finding` when a rule is broken; the words are then those of the moment of the finding.
   */
  step(t: number, choice = 0): void {
    setChecking(true);
    const b = this.taskBases[t];
    const op = W[b + T_OP];
    runAs(t);
    setTouched(0, 0);
    this.madeProgress = false;
    try {
      const kind = ops[op];
      const at = W[b + T_OBJ];
      const arg = W[b + T_ARG];
      const arg2 = W[b + T_ARG2];
      if (this.cpus !== null && !kind.enabled(at, arg, arg2, t)) {
        this.occupyCpu(t); // it spins there
        return;
      }
      W[b + T_OP] = 0;
      W[b + T_OBJ] = 0;
      W[b + T_ARG] = 0;
      W[b + T_ARG2] = 0;
      setMovable(kind.movable && this.tried[at] === 0 && !this.options.fine);
      const v = kind.choices ? choice : kind.apply(at, arg, arg2, t);
      if (W[b + T_OP] === 0) run(v);
      if (this.cpus !== null) this.occupyCpu(t);
      this.settle();
      for (const c of this.invariants) this.test(c);
    } catch (e) {
      throw this.finding(e, t);
    } finally {
      setChecking(false);
    }
  }

  private occupyCpu(t: number): void {
    const c = this.cpus?.[t];
    if (c) W[c.at] = this.stateOf(t) === LIVE ? t + 1 : 0;
  }

  /**
   * After a step of `t`: may it do its next operation at once, without hiding any behaviour? So it is when the step took
   * a lock and did nothing else that others could notice, and the next operation can be done at any time: what others do
   * in between, they could as well do before the lock is taken (R. Lipton, Reduction, CACM 18, 1975).
   */
  continues(t: number): boolean {
    return isMovable() && !ops[W[this.taskBases[t] + T_OP]].blocks;
  }

  private resume(t: number, v: unknown): void {
    this.resumed++;
    keepOrder();
    runAs(t);
    try {
      run(v);
    } catch (e) {
      throw this.finding(e, t);
    }
  }

  /** Runs tasks that were spawned, and tasks whose join is over, up to their next scheduling point: invisible steps. */
  private settle(): void {
    while (takeSettling()) {
      for (let t = 0; t < this.tasks.length; t++) {
        const b = this.taskBases[t];
        if (W[b + T_STATE] !== LIVE) continue;
        const op = W[b + T_OP];
        if (op === 0) {
          this.resume(t, undefined);
        } else if (ops[op].eager && this.enabled(t)) {
          if (this.ties !== null) this.ties.joined(t, W[b + T_OBJ]);
          W[b + T_OP] = 0;
          W[b + T_OBJ] = 0;
          requestSettling();
          this.resume(t, undefined);
        }
      }
    }
  }

  /** Called by `spawn` in task code: starts the next child of the running task. */
  startChild<A extends unknown[]>(parent: number, f: TaskFunction<A>, args: A): TaskInfo {
    const b = this.taskBases[parent];
    const n = W[b + T_CHILDREN]++;
    const slot = this.tasks[parent].children[n];
    if (slot === undefined) throw new NeedsRebuild("children", parent);
    const task = this.tasks[slot];
    if (this.ties !== null) this.ties.started(parent, slot);
    this.start(task, f, args);
    runAs(parent);
    requestSettling();
    return task;
  }

  private finding(e: unknown, t: number): unknown {
    if (e instanceof Finding) {
      if (e.task < 0) e.task = t;
      return e;
    }
    if (e instanceof NeedsRebuild || e instanceof NeedsRefinement || e instanceof MayfailError) return e;
    const f = new Finding("assertion", `uncaught ${String(e)}`);
    f.task = t;
    return f;
  }

  private test(c: Check): void {
    setChecking(false);
    const r = c.test();
    if (r === true || r === undefined) return;
    throw new Finding(c.verdict, typeof r === "string" ? r : `"${c.name}" does not hold`);
  }

  /**
   * A field without a guard is used by task `t`. False when that breaks the rule for such fields: over all explored
   * runs, either nobody writes it after set-up or only one task uses it. Lives outside of the words.
   */
  notePrivate(at: number, t: number, write: boolean): boolean {
    const users = this.privateUsers;
    const seen = users[at];
    const mine = t + 1;
    if (seen >> 1 === mine) {
      if (write) users[at] = (mine << 1) | 1;
      return true;
    }
    if (seen === 0) {
      users[at] = (mine << 1) | (write ? 1 : 0);
      return true;
    }
    if (write || (seen & 1) === 1) return false;
    users[at] = SHARED_READERS << 1;
    return true;
  }

  stateOf(t: number): number {
    return W[this.taskBases[t] + T_STATE];
  }

  /**
   * Takes a task out of the run where it stands: what a failed assertion does to its task when a search goes on. Who
   * waits for its end goes on; a rule broken by that is returned, and its task is the next one to take out.
   */
  fail(t: number): Finding | null {
    const b = this.taskBases[t];
    W[b + T_STATE] = FAILED;
    W[b + T_OP] = 0;
    requestSettling();
    setChecking(true);
    try {
      this.settle();
    } catch (e) {
      if (!(e instanceof Finding)) throw e;
      return e;
    } finally {
      setChecking(false);
    }
    return null;
  }

  /**
   * Judges a state in which no task is enabled: a deadlock if some task still waits that is not a daemon at rest, else
   * the final checks. Returns null when all is well.
   */
  judgeEnd(): Finding | null {
    const waiting = this.tasks.filter((t) => this.mustGoOn(t)).map((t) => t.slot);
    if (waiting.length > 0) return deadlockFinding(this, waiting);
    try {
      for (const c of this.finals) this.test(c);
    } catch (e) {
      return e as Finding;
    }
    return null;
  }

  /** Is it a deadlock if nobody ever lets `t` go on? Not for ended tasks, nor for daemons, except stuck outside of their rest. */
  private mustGoOn(t: TaskInfo): boolean {
    if (this.stateOf(t.slot) !== LIVE) return false;
    if (!t.daemon) return true;
    return t.rests === null ? waitCycle(this, t.slot) !== null : this.pendingOp(t.slot).name !== t.rests;
  }

  /** The finding for a cycle of waits that has closed while other tasks may still run. */
  deadlock(cycle: readonly number[]): Finding {
    return deadlockFinding(this, cycle);
  }

  // -- snapshots ------------------------------------------------------------------------------------------------------

  save(target: Int32Array, offset: number): void {
    target.set(this.words, offset);
  }

  restore(source: Int32Array, offset: number): void {
    const n = this.size;
    const w = this.words;
    for (let i = 0; i < n; i++) w[i] = source[offset + i];
  }

  snapshot(): Int32Array {
    return this.words.slice();
  }
}
