/** Operations: what a task can be about to do. Their kinds are registered here, one object of equal shape for each. */

/** An operation that a task can be about to do: the only things that searchers schedule. */
export interface OpKind {
  readonly id: number;
  readonly name: string;
  /**
   * May it be done now? No side effect. `at`, `arg`, `arg2` are what `pend` was given. A function without parameters
   * must be constant.
   */
  enabled(at: number, arg: number, arg2: number, task: number): boolean;
  /**
   * Does it; the value goes to the task. Called only when enabled. May `pend` a second operation, as a writer that
   * joins the queue of a lock: the task then waits for that one, whose `apply` gives the value.
   */
  apply(at: number, arg: number, arg2: number, task: number): unknown;
  /** Slots of the tasks that would have to act before it gets enabled; empty = nobody in particular. */
  owners?(at: number, arg: number, task: number): number[];
  /**
   * "any": one of the owners suffices and others may help (a condition); "all": every owner must act (a lock). Only
   * "all" waits close a cycle by themselves; "any" waits count when nothing else can run (a knot).
   */
  readonly waits?: "all" | "any";
  /** False for what can be done at any time, with one outcome. */
  readonly blocks: boolean;
  /**
   * Takes a lock, and no operation of another task, except for a try of that lock, can tell whether it was done before
   * or after it.
   */
  readonly movable: boolean;
  /** In words, for reports: "lock object.mutex". */
  describe(at: number, arg: number, arg2: number): string;
  /** What it touches, for partial-order reduction: see `AccessSink`. Missing = conflicts with everything. */
  access?(at: number, arg: number, arg2: number, task: number, out: AccessSink): void;
  /** Number of outcomes that the environment may choose from; missing = 1. */
  choices?(at: number, arg: number): number;
  /** Ends a critical section or the like: can never be waiting and never races with an earlier operation. */
  readonly releases?: boolean;
  /** Invisible to the schedule: done at once whenever enabled (join). */
  readonly eager?: boolean;
  /** `enabled` resumes the task's frame to find out, so it can be asked only once the step has ended. */
  readonly probes?: boolean;
  /** While it waits the CPU is free for others; a wait without this spins. */
  readonly sleeps?: boolean;
  /** Lockdep learns an order from it when it is about to be done with other locks held. */
  readonly acquires?: "exclusive" | "shared";
}

/** Receives the objects that an operation reads or writes: word indices. `top()` = conflicts with everything. */
export interface AccessSink {
  read(at: number): void;
  write(at: number): void;
  top(): void;
}

/** All kinds; a kind's `id` is its index. */
export const ops: OpKind[] = [];

/**
 * Registers an operation kind; `id` is its number in `T_OP`. Every kind gets all keys in one order: the searchers' calls
 * `ops[op].enabled(…)` then find objects of a single shape.
 */
export function defineOp(kind: Omit<OpKind, "id" | "blocks" | "movable"> & { readonly movable?: boolean }): OpKind {
  const op: OpKind = {
    id: ops.length,
    name: kind.name,
    enabled: kind.enabled,
    apply: kind.apply,
    owners: kind.owners,
    waits: kind.waits,
    blocks: kind.enabled.length > 0 || !kind.enabled(0, 0, 0, 0) || kind.choices !== undefined,
    movable: kind.movable ?? false,
    describe: kind.describe,
    access: kind.access,
    choices: kind.choices,
    releases: kind.releases ?? false,
    eager: kind.eager ?? false,
    probes: kind.probes ?? false,
    sleeps: kind.sleeps ?? false,
    acquires: kind.acquires,
  };
  ops.push(op);
  return op;
}

// Operation 0 means "none".
defineOp({ name: "none", enabled: () => false, apply: () => undefined, describe: () => "nothing" });
