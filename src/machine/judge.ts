/** Which rule is broken: by an exception of a step, by the checks of the case, by a state in which nothing can go on. */
import { MayfailError } from "../errors.ts";
import { setChecking } from "./core.ts";
import { Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";
import { type Check, LIVE, type TaskInfo } from "./options.ts";
import { NeedsRebuild, NeedsRefinement } from "./refinement.ts";
import { deadlockFinding, waitCycle } from "./waitFor.ts";

/** What a step of task `t` has thrown, as a finding, unless it is a request for another machine or a mistake of its user. */
export function findingOf(e: unknown, t: number): unknown {
  if (e instanceof Finding) {
    if (e.task < 0) e.task = t;
    return e;
  }
  if (e instanceof NeedsRebuild || e instanceof NeedsRefinement || e instanceof MayfailError) return e;
  const f = new Finding("assertion", `uncaught ${String(e)}`);
  f.task = t;
  return f;
}

/** Raises a finding for the first check that does not hold. */
export function testAll(checks: readonly Check[]): void {
  setChecking(false);
  for (const c of checks) {
    const r = c.test();
    if (r === true || r === undefined) continue;
    throw new Finding(c.verdict, typeof r === "string" ? r : `"${c.name}" does not hold`);
  }
}

/** The verdict on a state of `m` in which no task is enabled; null when all is well. */
export function judgeEnd(m: Machine): Finding | null {
  const waiting = m.tasks.filter((t) => mustGoOn(m, t)).map((t) => t.slot);
  if (waiting.length > 0) return deadlockFinding(m, waiting);
  try {
    testAll(m.finals);
  } catch (e) {
    const finding = findingOf(e, -1);
    if (finding instanceof Finding) return finding;
    throw finding;
  }
  return null;
}

/** Is it a deadlock if nobody ever lets `t` go on? Not for ended tasks, nor for daemons, except stuck outside of their rest. */
function mustGoOn(m: Machine, t: TaskInfo): boolean {
  if (m.stateOf(t.slot) !== LIVE) return false;
  if (!t.daemon) return true;
  return t.rests === null ? waitCycle(m, t.slot) !== null : m.pendingOp(t.slot).name !== t.rests;
}
