/**
 * One worker of a parallel search: explores depth first what is new to all workers. When the pool runs low it leaves the
 * state that it has just found to others, and who has nothing left to do goes on from there.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { Finding } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import { DepthFirst } from "../depthFirst.ts";
import { Ownership } from "../ownership.ts";
import { enlarged } from "../program.ts";
import {
  C_GROW,
  C_IDLE,
  C_PARKED,
  C_POOL,
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
import { SharedSet } from "./sharedSet.ts";
import { StatePool } from "./statePool.ts";

class Worker {
  private readonly m: Machine;
  private readonly task: WorkerTask;
  private readonly control: Int32Array;
  private readonly pool: StatePool;
  private readonly set: SharedSet;
  private readonly ownership: Ownership;
  private readonly steps: DepthFirst;
  private states = 0;
  private unreported = 0;
  private maxDepth = 0;
  /** Depth of the first level of the present path. */
  private firstDepth = 0;
  private violation: WorkerAnswer["violation"] = null;

  constructor(m: Machine, task: WorkerTask) {
    this.m = m;
    this.task = task;
    this.control = new Int32Array(task.control);
    this.pool = new StatePool(task.pool, this.control, m.size);
    this.set = new SharedSet(task.table, this.control);
    this.ownership = new Ownership(m, task.known);
    this.steps = new DepthFirst(m, this.ownership, { localSteps: task.localSteps, all: false });
  }

  run(): void {
    const { steps } = this;
    const { path } = steps;
    // Every worker offers the initial state; one of them goes on from there.
    if (this.isNew()) steps.begin(path.low, path.high);
    else if (!this.help()) return;
    do this.exploreBelow();
    while (Atomics.load(this.control, C_STOP) === 0 && this.help());
  }

  answer(): WorkerAnswer {
    const { states, maxDepth, violation } = this;
    return {
      states,
      transitions: this.steps.transitions,
      maxDepth,
      seen: this.ownership.seenUsers(),
      trusted: this.ownership.trustedWords(),
      violation,
      rebuild: null,
      error: null,
      edges: null,
    };
  }

  /** Explores what can be reached from the first level of the path, except for what others do. */
  private exploreBelow(): void {
    const { control, steps, pool, m } = this;
    const { path } = steps;
    for (;;) {
      if (Atomics.load(control, C_GROW) === 1) this.park();
      if (Atomics.load(control, C_STOP) !== 0) return;
      const next = steps.next();
      if (next < 0) {
        const finding = steps.isEnd() ? m.judgeEnd() : null;
        if (finding) return this.found(finding);
        if (path.depth === 0) return;
        steps.leave();
        continue;
      }
      const finding = steps.make(next);
      if (finding) return this.found(finding);
      if (!this.isNew()) {
        steps.back();
        continue;
      }
      const depth = this.firstDepth + path.depth + 1;
      if (depth > this.maxDepth) this.maxDepth = depth;
      // Somebody may soon have nothing to do: he can go on from here.
      if (pool.isLow(this.task.workers) && pool.put(m.words, depth, path.low, path.high)) steps.back();
      else steps.enter();
    }
  }

  /** Is what the path has compared last new to all workers? */
  private isNew(): boolean {
    const { low, high } = this.steps.path;
    if (!this.set.insert(low, high)) return false;
    this.states++;
    if (++this.unreported === 64) this.reportStates();
    return true;
  }

  private reportStates(): void {
    const total = Atomics.add(this.control, C_STATES, this.unreported) + this.unreported;
    this.unreported = 0;
    // Each worker may have up to 64 states that it has not counted here.
    if (total + 64 * this.task.workers >= this.set.limit()) this.enlarge();
  }

  private found(finding: Finding): void {
    this.violation = { verdict: finding.verdict, message: finding.message };
    Atomics.store(this.control, C_STOP, STOP_VIOLATION);
    signal(this.control);
  }

  // -- together with the others ---------------------------------------------------------------------------------------

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
        // Nobody has work and nobody can make any: all new states are found by exploring from one.
        signal(control);
        return false;
      }
      Atomics.wait(control, C_SIGNAL, seen, 50);
    }
  }

  private fromPool(): boolean {
    const { pool, m, steps } = this;
    if (!pool.take(m.words)) return false;
    this.firstDepth = pool.depth;
    steps.begin(pool.low, pool.high);
    return true;
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
    const m = program(task.options);
    m.activate();
    const worker = new Worker(m, task);
    worker.run();
    return worker.answer();
  } catch (e) {
    const rebuild = enlarged(task.options, e);
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
