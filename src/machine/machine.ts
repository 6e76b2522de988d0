/**
 * A machine: the modelled computer that a set-up function has built, ready to be stepped, copied and compared.
 *
 * Searchers use `enabled`, `choices`, `step`, `save`, `restore` and nothing else; authors of cases use what is called
 * during set-up: `spawn`, `keep`, `invariant`, `atEnd`.
 */
import { mayfailError } from "../errors.ts";
import { isActive, setActive, setUnderConstruction } from "./active.ts";
import { type Boot, runBoots } from "./boot.ts";
import {
  type AccessSink,
  builtinHandles,
  type Code,
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
  useTables,
  W,
} from "./core.ts";
import { RunQueues } from "./cpu.ts";
import { Finding } from "./finding.ts";
import { findingOf, judgeEnd, testAll } from "./judge.ts";
import { Layout } from "./layout.ts";
import { ObjectTable } from "./objectTable.ts";
import {
  type Check,
  DEFAULT_OPTIONS,
  FAILED,
  LIVE,
  type MachineOptions,
  type SpawnOptions,
  type TaskFunction,
  type TaskInfo,
  type Ties,
} from "./options.ts";
import { PrivateFields } from "./privateFields.ts";
import { settle } from "./settle.ts";
import { placeFrames } from "./straight.ts";
import { TaskSlots } from "./taskSlots.ts";
import { deadlockFinding } from "./waitFor.ts";

export * from "./active.ts";
export * from "./options.ts";

const SETUP_WORDS = 1 << 12; // to begin with; more are made when they are needed

export class Machine {
  readonly options: MachineOptions;
  readonly layout = new Layout((end) => this.grow(end));
  readonly invariants: Check[] = [];
  readonly finals: Check[] = [];
  readonly handles: object[] = [];
  readonly interned = new Map<object, number>();
  readonly objects = new ObjectTable();
  /** Locks on which somebody uses trylock: their release is a scheduling point, since being held can be observed. */
  tried: Uint8Array = new Uint8Array(0);
  words: Int32Array = new Int32Array(SETUP_WORDS);
  size = 0;
  /** Who uses the fields without a guard; lives outside of the words. */
  privateFields = new PrivateFields(0);
  private readonly codes: Code[] = moduleCodes.slice();
  /** Null while no task is bound to a CPU. */
  private queues: RunQueues | null = null;
  private readonly slots = new TaskSlots();
  readonly tasks: readonly TaskInfo[] = this.slots.tasks;
  private readonly taskBases = this.slots.bases;
  private sealed = false;
  private readonly boots: Boot[] = [];
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
    useTables({
      ...this.options,
      words: this.words,
      codes: this.codes,
      settingUp: !this.sealed,
      handles: this.handles,
      objects: this.objects,
      interned: this.interned,
      taskBases: this.taskBases,
      stackEnds: this.slots.stackEnds,
    });
    setActive(this);
  }

  private grow(end: number): void {
    if (this.sealed) throw mayfailError("MF0206", { what: "An object" });
    if (end <= this.words.length) return;
    const larger = new Int32Array(Math.max(end, 2 * this.words.length));
    larger.set(this.words);
    this.useWords(larger);
  }

  /** The state is in these words from now on. */
  useWords(words: Int32Array): void {
    this.words = words;
    if (isActive(this)) this.activate();
    this.layout.moved();
  }

  // -- set-up ---------------------------------------------------------------------------------------------------------

  /** Gives `object` a number, so that fields and slots can refer to it; and words, if it has any. */
  register(object: object, at = 0): number {
    const id = this.handles.length;
    this.handles.push(object);
    this.interned.set(object, id);
    if (at > 0) this.objects.set(at, object);
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
    const task = this.slots.add(this, name, -1, options);
    const children = (options.children ?? 0) + this.options.extraChildren;
    for (let i = 0; i < children; i++) task.children.push(this.slots.add(this, `${name}/${i}`, task.slot).slot);
    if (options.cpu) {
      this.queues ??= new RunQueues();
      for (const t of [task.slot, ...task.children]) this.queues.bind(t, options.cpu);
    }
    for (const a of args) this.keep(a);
    this.start(task, f, args);
    return task;
  }

  private start<A extends unknown[]>(task: TaskInfo, f: TaskFunction<A>, args: A): void {
    W[task.base + T_STATE] = LIVE;
    W[task.base + T_SP] = task.base + HEADER + this.options.heldWords;
    runAs(task.slot);
    f(...args);
    placeFrames();
    runAs(-1);
  }

  /**
   * Task code that runs to its end, alone, before the first step: what the case finds already done. It may wait for nothing.
   * Boots run in the order of their calls, before any task begins; what one breaks is a finding without steps.
   */
  boot<A extends unknown[]>(f: TaskFunction<A>, args: A): void {
    for (const a of args) this.keep(a);
    this.boots.push({ f: f as TaskFunction<unknown[]>, args });
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
    this.useWords(this.words.slice(0, this.size));
    this.sealed = true;
    try {
      if (this.boots.length > 0) runBoots(this, this.slots, this.boots);
      this.tried = this.layout.marked(this.options.visibleReleases);
      this.privateFields = new PrivateFields(this.size);
      this.activate();
      setChecking(true);
      requestSettling();
      settle(this, this.taskBases);
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
    setUnderConstruction(m);
    try {
      setup(m);
    } finally {
      setUnderConstruction(null);
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
    return this.queues === null ? able : this.queues.mayRun(t, able);
  }

  /** Is task slot `t` bound to a CPU, and could its operation be done if it had that? */
  wantsCpu(t: number): boolean {
    const b = this.taskBases[t];
    const op = W[b + T_OP];
    return op !== 0 && this.queues?.has(t) === true && ops[op].enabled(W[b + T_OBJ], W[b + T_ARG], W[b + T_ARG2], t);
  }

  /** Slot of the task that has the CPU of `t` and does not give it up; -1 when `t` may run. */
  keptOut(t: number): number {
    return this.queues === null ? -1 : this.queues.keptOut(t);
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
    if (this.queues?.has(t)) sink.top();
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
      if (this.queues !== null && !kind.enabled(at, arg, arg2, t)) {
        this.queues.occupy(t); // it spins there
        keepOrder();
        return;
      }
      W[b + T_OP] = 0;
      W[b + T_OBJ] = 0;
      W[b + T_ARG] = 0;
      W[b + T_ARG2] = 0;
      setMovable(kind.movable && this.tried[at] === 0 && !this.options.fine);
      const v = kind.choices ? choice : kind.apply(at, arg, arg2, t);
      if (W[b + T_OP] === 0) run(v);
      if (this.queues !== null) this.queues.occupy(t);
      settle(this, this.taskBases);
      if (this.invariants.length > 0) testAll(this.invariants);
    } catch (e) {
      throw findingOf(e, t);
    } finally {
      setChecking(false);
    }
  }

  /**
   * After a step of `t`: may it do its next operation at once, without hiding any behaviour? So it is when the step took
   * a lock and did nothing else that others could notice (those of its CPU would), and the next operation can be done at
   * any time: what others do in between, they could as well do before the lock (R. Lipton, Reduction, CACM 18, 1975).
   */
  continues(t: number): boolean {
    return isMovable() && !ops[W[this.taskBases[t] + T_OP]].blocks && !this.queues?.has(t);
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
      settle(this, this.taskBases);
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
    return judgeEnd(this);
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
