/** For tests: explores every run of a set-up and says what it found. */
import { Finding, type Verdict } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { describePending } from "../machine/waitFor.ts";
import { findLivelock } from "../search/liveness.ts";
import { onMachine, setupProgram } from "../search/program.ts";
import { searchStateful } from "../search/stateful.ts";

export interface Explored {
  readonly verdict: Verdict;
  readonly message: string;
  readonly states: number;
  readonly steps: readonly string[];
}

export function explore(setup: (m: Machine) => void, options: { localSteps?: boolean } = {}): Explored {
  return onMachine(setupProgram(setup), {}, (m) => {
    const initial = m.snapshot();
    const result = searchStateful(m, { maxStates: 200_000, localSteps: options.localSteps ?? true });
    if (result.stopped !== null) throw new Error(result.stopped);
    const [violation] = result.violations;
    const base = { states: result.states };
    if (violation) {
      m.restore(initial, 0);
      const steps = violation.schedule.map(({ task, choice }) => {
        const line = `${m.tasks[task].name}: ${describePending(m, task)}`;
        try {
          m.step(task, choice);
        } catch (e) {
          if (!(e instanceof Finding)) throw e;
        }
        return line;
      });
      return { ...base, verdict: violation.finding.verdict, message: violation.finding.message, steps };
    }
    m.restore(initial, 0);
    if (result.cyclic) {
      const lasso = findLivelock(m, 200_000, () => false);
      if (lasso === "unknown") throw new Error("livelock not decided");
      if (lasso) return { ...base, verdict: "livelock", message: `cycle of ${lasso.cycle.length}`, steps: [] };
    }
    return { ...base, verdict: "ok", message: "", steps: [] };
  });
}
