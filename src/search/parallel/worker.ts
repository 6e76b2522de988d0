/**
 * One worker of a parallel search: takes a state, makes all its steps, keeps what is new. New states stay with the
 * worker that found them; it puts its oldest ones into the pool when the pool runs low, and who has nothing left helps
 * himself there.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Finding } from "../../machine/finding.ts";
import type { Machine, MachineOptions } from "../../machine/machine.ts";
import { stepAndJudge } from "../judge.ts";
import { Ownership } from "../ownership.ts";
import { enlarged } from "../program.ts";
import { ANYBODY, StatePath } from "../statePath.ts";
import {
  C_GROW,
  C_IDLE,
  C_PARKED,
  C_POOL,
  C_POOL_LOCK,
  C_SIGNAL,
  C_STATES,
  C_STOP,
  STOP_REBUILD,
  STOP_TOLD,
  STOP_VIOLATION,
  signal,
  type WorkerAnswer,
  type WorkerTask,
} from "./control.ts";
import { loadProgram } from "./load.ts";
import { BATCH, POOL_STATES } from "./pool.ts";
import { SharedSet } from "./sharedSet.ts";
import { StateStack } from "./stateStack.ts";

class Worker {
  private readonly m: Machine;
  private readonly task: WorkerTask;
  private readonly control: Int32Array;
  private readonly pool: Int32Array;
  private readonly set: SharedSet;
  private readonly stack: StateStack;
  private readonly ownership: Ownership;
  private readonly path: StatePath;
  private readonly reduce: boolean;
  private states = 0;
  private unreported = 0;
  private transitions = 0;
  private maxDepth = 0;
  private violation: WorkerAnswer["violation"] = null;

  constructor(m: Machine, task: WorkerTask) {
    this.m = m;
    this.task = task;
    this.control = new Int32Array(task.control);
    this.pool = new Int32Array(task.pool);
    this.set = new SharedSet(task.table, this.control);
    this.stack = new StateStack(m.size);
    this.ownership = new Ownership(m, task.known);
    this.path = new StatePath(m);
    this.reduce = task.localSteps && m.invariants.length === 0;
  }

  run(): void {
    this.add(0);
    for (let t = 0; t < this.m.tasks.length; t++) this.note(t);
    for (;;) {
      if (Atomics.load(this.control, C_GROW) === 1) this.park();
      if (Atomics.load(this.control, C_STOP) !== 0) return;
      if (this.stack.count === 0 && !this.help()) return;
      if (this.stack.count > 0) this.expand();
    }
  }

  answer(): WorkerAnswer {
    const { states, transitions, maxDepth, violation } = this;
    return {
      states,
      transitions,
      maxDepth,
      seen: this.ownership.seenUsers(),
      trusted: this.ownership.trustedWords(),
      violation,
      rebuild: null,
      error: null,
      edges: null,
    };
  }

  /** The machine's words are a state at `depth`, compared: keep it if it is new. */
  private add(depth: number): void {
    const { low, high } = this.path;
    if (!this.set.insert(low, high)) return;
    this.states++;
    if (++this.unreported === 64) this.reportStates();
    if (depth > this.maxDepth) this.maxDepth = depth;
    this.stack.push(this.m.words, depth, low, high);
    if (this.stack.count > 2 * BATCH && Atomics.load(this.control, C_POOL) < BATCH) this.share();
  }

  private reportStates(): void {
    const total = Atomics.add(this.control, C_STATES, this.unreported) + this.unreported;
    this.unreported = 0;
    // Each worker may have up to 64 states that it has not counted here.
    if (total + 64 * this.task.workers >= this.set.limit()) this.enlarge();
  }

  /** Makes all steps from the newest state of the stack. */
  private expand(): void {
    const { m, path, stack } = this;
    stack.pop(m.words);
    path.begin(stack.low, stack.high);
    const depth = stack.depth + 1;
    const alone = this.reduce ? this.localTask() : -1;
    let any = false;
    for (let t = 0; t < m.tasks.length; t++) {
      if (alone >= 0 ? t !== alone : !m.enabled(t)) continue;
      any = true;
      const choices = m.choices(t);
      for (let choice = 0; choice < choices; choice++) {
        this.transitions++;
        const { resumed } = m;
        let finding = this.step(t, choice);
        // As in stateful.ts: the same states and transitions.
        while (this.reduce && alone < 0 && finding === null && m.continues(t)) finding = this.step(t, 0);
        if (finding) return this.found(finding);
        path.compare(m.resumed === resumed ? t : ANYBODY);
        this.add(depth);
        path.undo();
      }
    }
    if (!any) {
      const finding = m.judgeEnd();
      if (finding) this.found(finding);
    }
  }

  private found(finding: Finding): void {
    this.violation = { verdict: finding.verdict, message: finding.message };
    Atomics.store(this.control, C_STOP, STOP_VIOLATION);
    signal(this.control);
  }

  private localTask(): number {
    const { m, ownership } = this;
    for (let t = 0; t < m.tasks.length; t++) {
      if (m.pendingOp(t).id !== 0 && ownership.local(m, t) && m.enabled(t)) return t;
    }
    return -1;
  }

  private step(t: number, choice: number): Finding | null {
    const { m } = this;
    const resumed = m.resumed;
    const finding = stepAndJudge(m, t, choice);
    if (m.resumed === resumed) this.note(t);
    else for (let u = 0; u < m.tasks.length; u++) this.note(u);
    return finding;
  }

  private note(t: number): void {
    if (this.reduce && this.m.pendingOp(t).id !== 0) this.ownership.note(this.m, t);
  }

  // -- together with the others ---------------------------------------------------------------------------------------

  private lockPool(): void {
    while (Atomics.compareExchange(this.control, C_POOL_LOCK, 0, 1) !== 0);
  }

  private unlockPool(): void {
    Atomics.store(this.control, C_POOL_LOCK, 0);
  }

  private share(): void {
    this.lockPool();
    const n = Atomics.load(this.control, C_POOL);
    const given = this.stack.give(this.pool, n, Math.min(BATCH, POOL_STATES - n));
    Atomics.store(this.control, C_POOL, n + given);
    this.unlockPool();
    if (Atomics.load(this.control, C_IDLE) > 0) signal(this.control);
  }

  /** Gets work from the pool; waits for some. False when the search is over. */
  private help(): boolean {
    const { control } = this;
    if (this.fromPool()) return true;
    Atomics.add(control, C_IDLE, 1);
    for (;;) {
      const seen = Atomics.load(control, C_SIGNAL);
      if (Atomics.load(control, C_STOP) !== 0) return false;
      if (Atomics.load(control, C_GROW) === 1) this.park();
      if (Atomics.load(control, C_POOL) > 0) {
        Atomics.sub(control, C_IDLE, 1);
        if (this.fromPool()) return true;
        Atomics.add(control, C_IDLE, 1);
      } else if (Atomics.load(control, C_IDLE) === this.task.workers) {
        // Nobody has work and nobody can make any: all new states come from expanding one.
        signal(control);
        return false;
      }
      Atomics.wait(control, C_SIGNAL, seen, 50);
    }
  }

  private fromPool(): boolean {
    if (Atomics.load(this.control, C_POOL) === 0) return false;
    this.lockPool();
    const n = Atomics.load(this.control, C_POOL);
    const k = Math.min(n, BATCH);
    this.stack.take(this.pool, n - k, k);
    Atomics.store(this.control, C_POOL, n - k);
    this.unlockPool();
    return k > 0;
  }

  /** Somebody enlarges the table: wait until it is done. */
  private park(): void {
    const { control } = this;
    Atomics.add(control, C_PARKED, 1);
    signal(control);
    while (Atomics.load(control, C_GROW) === 1) Atomics.wait(control, C_SIGNAL, Atomics.load(control, C_SIGNAL), 5);
    Atomics.sub(control, C_PARKED, 1);
    this.set.refresh();
  }

  /** Enlarges the table while all others are parked; if somebody else is about to, parks like them. */
  private enlarge(): void {
    const { control, set } = this;
    if (Atomics.compareExchange(control, C_GROW, 0, 1) !== 0) {
      this.park();
      return;
    }
    signal(control);
    while (Atomics.load(control, C_PARKED) < this.task.workers - 1) {
      Atomics.wait(control, C_SIGNAL, Atomics.load(control, C_SIGNAL), 5);
      if (Atomics.load(control, C_STOP) !== 0) break;
    }
    if (Atomics.load(control, C_STOP) === 0 && !set.grow()) Atomics.store(control, C_STOP, STOP_TOLD);
    Atomics.store(control, C_GROW, 0);
    signal(control);
  }
}

async function main(task: WorkerTask): Promise<WorkerAnswer> {
  const control = new Int32Array(task.control);
  try {
    const program = await loadProgram(task.source);
    const m = program(task.options as MachineOptions);
    m.activate();
    const worker = new Worker(m, task);
    worker.run();
    return worker.answer();
  } catch (e) {
    const rebuild = enlarged(task.options as MachineOptions, e);
    Atomics.store(control, C_STOP, STOP_REBUILD);
    signal(control);
    const error = rebuild ? null : { name: (e as Error).name, message: (e as Error).message };
    return {
      states: 0,
      transitions: 0,
      maxDepth: 0,
      seen: new Int32Array(0),
      trusted: new Uint8Array(0),
      violation: null,
      rebuild,
      error,
      edges: null,
    };
  }
}

parentPort?.postMessage(await main(workerData as WorkerTask));
