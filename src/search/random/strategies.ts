/** How a random run chooses the task that makes the next step. */
import type { Machine } from "../../machine/machine.ts";
import { AccessSet } from "../accessSet.ts";
import type { Rng } from "./rng.ts";

export interface Strategy {
  readonly name: string;
  /** A run begins; `m` is in its initial state. */
  begin(m: Machine, rng: Rng): void;
  /** One of `enabled`, which is not empty. `step` counts from 0. */
  pick(m: Machine, enabled: readonly number[], step: number, rng: Rng): number;
  /** The run has ended after so many steps. */
  end(steps: number): void;
}

/** Every enabled task with the same probability at each step. */
export function walk(): Strategy {
  return {
    name: "walk",
    begin: () => undefined,
    pick: (_m, enabled, _step, rng) => enabled[rng.below(enabled.length)],
    end: () => undefined,
  };
}

/**
 * PCT: Burckhardt, Kothari, Musuvathi, Nagarakatte, "A randomized scheduler with probabilistic guarantees of finding
 * bugs", ASPLOS 2010. The enabled task of highest priority runs; at `depth` - 1 steps, chosen beforehand, the priority
 * of the task that would run falls below all others. Hits a bug of depth d with probability at least 1 / (n k^(d-1))
 * for n tasks and runs of k steps; k is the length of the longest run so far, at first `horizon`.
 */
export function pct(depth: number, horizon: number): Strategy {
  let longest = horizon;
  const priorities: number[] = [];
  const changes: number[] = [];
  return {
    name: `pct(${depth})`,
    begin(m, rng) {
      priorities.length = 0;
      for (let t = 0; t < m.tasks.length; t++) priorities.push(depth + t);
      rng.shuffle(priorities);
      changes.length = 0;
      for (let i = 1; i < depth; i++) changes.push(rng.below(longest));
    },
    pick(_m, enabled, step) {
      for (let i = 0; i < changes.length; i++) {
        if (changes[i] === step) priorities[highest(enabled, priorities)] = i + 1;
      }
      return highest(enabled, priorities);
    },
    end(steps) {
      if (steps > longest) longest = steps;
    },
  };
}

/**
 * POS: Yuan, Yang, Gu, "Partial order aware concurrency sampling", CAV 2018. Every pending operation has a random
 * priority; the highest enabled one is done, and those that conflict with it, like its task's next one, draw again.
 */
export function pos(): Strategy {
  const priorities: number[] = [];
  const done = new AccessSet();
  const other = new AccessSet();
  return {
    name: "pos",
    begin(m, rng) {
      priorities.length = 0;
      for (let t = 0; t < m.tasks.length; t++) priorities.push(rng.real());
    },
    pick(m, enabled, _step, rng) {
      const t = highest(enabled, priorities);
      done.fill(m, t);
      for (let u = 0; u < m.tasks.length; u++) {
        if (u === t || m.pendingOp(u).id === 0) continue;
        if (done.conflicts(other.fill(m, u))) priorities[u] = rng.real();
      }
      priorities[t] = rng.real();
      return t;
    },
    end: () => undefined,
  };
}

function highest(enabled: readonly number[], priorities: readonly number[]): number {
  let best = enabled[0];
  for (const t of enabled) if (priorities[t] > priorities[best]) best = t;
  return best;
}
