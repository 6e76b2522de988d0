/** What happens at the end of a step without being scheduled: tasks begin, and joins are over. */
import { keepOrder, ops, requestSettling, run, runAs, T_OBJ, T_OP, T_STATE, takeSettling, W } from "./core.ts";
import { findingOf } from "./judge.ts";
import type { Machine } from "./machine.ts";
import { LIVE } from "./options.ts";

/** Runs tasks that were spawned, and tasks whose join is over, up to their next scheduling point: invisible steps. */
export function settle(m: Machine, taskBases: Int32Array): void {
  while (takeSettling()) {
    for (let t = 0; t < m.tasks.length; t++) {
      const b = taskBases[t];
      if (W[b + T_STATE] !== LIVE) continue;
      const op = W[b + T_OP];
      if (op === 0) {
        resume(m, t);
      } else if (ops[op].eager && m.enabled(t)) {
        if (m.ties !== null) m.ties.joined(t, W[b + T_OBJ]);
        W[b + T_OP] = 0;
        W[b + T_OBJ] = 0;
        requestSettling();
        resume(m, t);
      }
    }
  }
}

function resume(m: Machine, t: number): void {
  m.resumed++;
  keepOrder();
  runAs(t);
  try {
    run(undefined);
  } catch (e) {
    throw findingOf(e, t);
  }
}
