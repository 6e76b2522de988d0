/**
 * Who waits for whom at the end of a run. For a deadlock the edges close a cycle (or, where conditions are waited for, a
 * knot: nobody outside can help):
 *
 *      t1 ── wants b, held by ──▶ t2
 *       ▲                          │
 *       └──── held by, wants a ────┘
 */
import type { Frame, Hold, Place, Run, Waiter } from "../search/run.ts";

/** One wait: `task` wants `object`, which is with `owner` since `since`. */
export interface CycleEdge {
  readonly task: string;
  /** The operation in words: "lock b". */
  readonly wants: string;
  readonly object: string | null;
  readonly stack: readonly Frame[];
  /** Null when nobody in particular has to act. */
  readonly owner: string | null;
  readonly self: boolean;
  /** The owner's hold of that very object; null for what is not held, such as a fence. */
  readonly since: Hold | null;
  /** All that the waiting task holds, oldest first. */
  readonly holds: readonly Hold[];
}

/** The waits of the cycle in waiting order; of all waiting tasks when there is no cycle. */
export function cycleEdges(run: Run): CycleEdge[] {
  const of = new Map(run.waiters.map((w) => [w.task, w]));
  const tasks = waitingTasks(run);
  return tasks.flatMap((task, i) => {
    const waiter = of.get(task);
    if (!waiter) return [];
    const next = tasks[(i + 1) % tasks.length];
    return [edge(run, waiter, waiter.owners.includes(next) ? next : waiter.owners[0])];
  });
}

/**
 * Slots of the tasks that the deadlock is about, in waiting order, beginning with the lowest. A cycle leaves out who waits
 * outside of it.
 */
export function waitingTasks(run: Run): readonly number[] {
  const cycle = run.finding?.cycle ?? [];
  if (cycle.length === 0) return run.waiters.map((w) => w.task);
  const first = cycle.indexOf(Math.min(...cycle));
  return [...cycle.slice(first), ...cycle.slice(0, first)];
}

function edge(run: Run, waiter: Waiter, owner: number | undefined): CycleEdge {
  return {
    task: taskName(run, waiter.task),
    wants: waiter.wants,
    object: waiter.object,
    stack: waiter.stack,
    owner: owner === undefined ? null : taskName(run, owner),
    holds: waiter.holds.filter((h) => h.kind !== "map"), // lockdep's maps are no locks
    self: owner === waiter.task,
    since: (owner === undefined ? undefined : run.holds[owner]?.find((h) => h.lock === waiter.object)) ?? null,
  };
}

export function taskName(run: Run, slot: number): string {
  return run.tasks[slot]?.name ?? `task ${slot}`;
}

/** "worker waits for obj0.mm.lock, which worker itself holds since i915Userptr.ts:123". */
export function edgeInWords(e: CycleEdge): string {
  const waits = `${e.task} ${waitsFor(e)}`;
  if (e.owner === null) return `${waits}, and nobody is left who could act`;
  const who = e.self ? `${e.task} itself` : e.owner;
  if (e.since === null) return `${waits}, which is up to ${who}`;
  const how = e.since.shared ? "holds for reading" : "holds";
  return `${waits}, which ${who} ${how}${sinceInWords(e.since)}`;
}

function waitsFor(e: CycleEdge): string {
  if (e.object !== null) return `waits for ${verbOf(e)}${e.object}`;
  return /^wait\b/.test(e.wants) ? e.wants.replace(/^wait/, "waits") : `waits (${e.wants})`;
}

/** A rwsem is wanted for reading or for writing; "lock a" wants simply a. */
function verbOf(e: CycleEdge): string {
  return /\b(read|shared)\b/.test(e.wants) ? "(reading) " : "";
}

function sinceInWords(hold: Hold): string {
  if (hold.place !== null) return ` since ${placeInWords(hold.place)}`;
  return hold.step === null ? " from the start" : ` since step ${hold.step}`;
}

export function placeInWords(place: Place): string {
  return `${place.file}:${place.line}`;
}

/** Names of the functions from the place outwards: "userptrInvalidate < tryToUnmapOne < allocPages". */
export function stackInWords(stack: readonly Frame[], arrow: string): string {
  return stack.map((f) => f.name).join(arrow);
}
