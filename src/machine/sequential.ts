/**
 * Runs a machine that was built with `sequential: true`: one task runs until it must wait, then the next that can. The
 * order is fixed, so equal machines have equal runs: after a task waits or ends, the next slot in order that may run.
 */
import type { Finding } from "./finding.ts";
import { Machine, type MachineOptions } from "./machine.ts";

const ROOMY: Partial<MachineOptions> = { sequential: true, stackWords: 512, heldWords: 32 };

/** Builds a machine for `runSequentially`, with room for deep calls. */
export function buildSequential(setup: (m: Machine) => void, options: Partial<MachineOptions> = {}): Machine {
  return Machine.build(setup, { ...ROOMY, ...options });
}

/** Runs until no task can go on. Null when all is well, else what `judgeEnd` found; raises the finding of a step. */
export function runSequentially(m: Machine): Finding | null {
  m.activate();
  if (m.initialFinding) throw m.initialFinding;
  const n = m.tasks.length;
  for (let t = 0, idle = 0; idle < n; t = (t + 1) % n) {
    if (!m.enabled(t)) {
      idle++;
      continue;
    }
    idle = 0;
    m.step(t);
  }
  return m.judgeEnd();
}
