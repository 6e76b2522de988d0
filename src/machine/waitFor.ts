/**
 * The wait-for graph: who waits for whom, whatever is waited for. A wait of kind "all" (a lock, a join) cannot end
 * before each owner acts, so a cycle of such waits is a deadlock although others may still run. A wait of kind "any"
 * (a condition) is part of a deadlock only when nothing at all can run any more.
 */
import { ops, T_ARG, T_ARG2, T_OBJ, T_OP, W } from "./core.ts";
import { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** Slots that task `t` waits for; empty when it does not wait or nobody in particular can help. */
export function waitsFor(m: Machine, t: number): number[] {
  const b = m.tasks[t].base;
  const kind = ops[W[b + T_OP]];
  if (kind.enabled(W[b + T_OBJ], W[b + T_ARG], W[b + T_ARG2], t)) {
    const runner = m.keptOut(t);
    return runner < 0 ? [] : [runner];
  }
  return kind.owners ? kind.owners(W[b + T_OBJ], W[b + T_ARG], t) : [];
}

/** Must every one of `waitsFor(m, t)` act before `t` can go on? So it is with locks, and with the CPU that `t` needs. */
function needsAll(m: Machine, t: number): boolean {
  const b = m.tasks[t].base;
  const kind = ops[W[b + T_OP]];
  return kind.waits === "all" || kind.enabled(W[b + T_OBJ], W[b + T_ARG], W[b + T_ARG2], t);
}

/** What task `t` is about to do, in words. */
export function describePending(m: Machine, t: number): string {
  const b = m.tasks[t].base;
  return ops[W[b + T_OP]].describe(W[b + T_OBJ], W[b + T_ARG], W[b + T_ARG2]);
}

/** A cycle of "all" waits through task `t`, in waiting order; null if there is none. */
export function waitCycle(m: Machine, t: number): number[] | null {
  const path: number[] = [];
  const visit = (s: number): boolean => {
    if (!needsAll(m, s)) return false;
    for (const o of waitsFor(m, s)) {
      if (o === t) {
        path.push(s);
        return true;
      }
      if (path.includes(o)) continue;
      path.push(s);
      if (visit(o)) return true;
      path.pop();
    }
    return false;
  };
  return visit(t) ? path : null;
}

/** The finding for tasks that wait for ever: a cycle where one closes, else all of them (a knot). */
export function deadlockFinding(m: Machine, waiting: readonly number[]): Finding {
  for (const t of waiting) {
    const cycle = waitCycle(m, t);
    if (cycle) return new Finding("deadlock", sentence(m, cycle), cycle);
  }
  return new Finding("deadlock", sentence(m, waiting), waiting);
}

function sentence(m: Machine, waiting: readonly number[]): string {
  const parts = waiting.map((t) => {
    const owners = waitsFor(m, t).map((o) => (o === t ? "itself" : m.tasks[o].name));
    const what = `${describePending(m, t)}${m.keptOut(t) < 0 ? "" : ", without a CPU"}`;
    return `${m.tasks[t].name} waits (${what})${owners.length > 0 ? ` for ${owners.join(" and ")}` : ""}`;
  });
  return parts.join("; ");
}
