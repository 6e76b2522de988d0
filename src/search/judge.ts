/** One step and what it shows, for searchers that stop a run at its first broken rule. */
import { Finding } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { waitCycle } from "../machine/waitFor.ts";

/**
 * Lets enabled task `t` make a step. The finding that the step raised, or the deadlock that it closed although others
 * may still run; null otherwise. Ends of runs are for the caller to judge.
 */
export function stepAndJudge(m: Machine, t: number, choice: number): Finding | null {
  const resumed = m.resumed;
  try {
    m.step(t, choice);
  } catch (e) {
    if (e instanceof Finding) return e;
    throw e;
  }
  if (m.resumed === resumed) return closedBy(m, t);
  // Children were started or joins ended: any of those tasks may be the one that closes a cycle.
  for (let u = 0; u < m.tasks.length; u++) {
    const finding = closedBy(m, u);
    if (finding) return finding;
  }
  return null;
}

/** A cycle of waits that cannot end has to contain a task that has just come to its wait. */
function closedBy(m: Machine, t: number): Finding | null {
  if (m.pendingOp(t).waits !== "all" || m.enabled(t)) return null;
  const cycle = waitCycle(m, t);
  return cycle ? m.deadlock(cycle) : null;
}

/** Fills `into` with the slots of the enabled tasks, in order; their number. */
export function enabledTasks(m: Machine, into: number[]): number {
  let n = 0;
  for (let t = 0; t < m.tasks.length; t++) if (m.enabled(t)) into[n++] = t;
  into.length = n;
  return n;
}
