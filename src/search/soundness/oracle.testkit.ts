/**
 * The yardstick: breadth first through every interleaving of fine steps, states compared word by word. No reduction, no
 * fingerprint, nothing clever. A task that breaks a rule stops there, and the others go on.
 */
import { Finding } from "../../machine/finding.ts";
import type { Machine, MachineOptions } from "../../machine/machine.ts";
import { onMachine, type Program } from "../program.ts";

/** Everything that a program can do, as far as engines must agree on it. */
export interface Observed {
  readonly verdicts: ReadonlySet<string>;
  readonly finals: ReadonlySet<string>;
}

/** What explores a program. */
export interface Engine {
  /** Releases are no steps. */
  readonly coarse: boolean;
  /** `project` tells what a user can see of the present state. Null when the program is too large. */
  readonly run: (program: Program, project: (m: Machine) => string) => Observed | null;
}

/** Transitions to leave out: for engines that are wrong on purpose. */
export type Skips = (m: Machine, t: number, enabled: readonly number[]) => boolean;

/** All states of all runs, one fine or coarse step at a time. */
export function naive(
  machine: Partial<MachineOptions>,
  maxStates: number,
  skips: Skips = () => false,
  maxChoices = Number.POSITIVE_INFINITY,
): Engine {
  return {
    coarse: !machine.fine,
    run: (program, project) =>
      onMachine(program, machine, (m) => explore(m, project, { maxStates, skips, maxChoices })),
  };
}

interface Limits {
  readonly maxStates: number;
  readonly skips: Skips;
  readonly maxChoices: number;
}

function explore(
  m: Machine,
  project: (m: Machine) => string,
  { maxStates, skips, maxChoices }: Limits,
): Observed | null {
  const verdicts = new Set<string>();
  const finals = new Set<string>();
  const visited = new Set<string>();
  const queue: Int32Array[] = [];
  const visit = (): void => {
    const key = Buffer.from(m.words.buffer, m.words.byteOffset, m.size * 4).toString("latin1");
    if (visited.has(key)) return;
    visited.add(key);
    queue.push(m.snapshot());
  };
  if (m.initialFinding) {
    verdicts.add(m.initialFinding.verdict);
    return { verdicts, finals };
  }
  visit();
  for (let next = 0; next < queue.length; next++) {
    if (queue.length > maxStates) return null;
    const state = queue[next];
    m.restore(state, 0);
    const enabled = m.tasks.map((t) => t.slot).filter((t) => m.enabled(t));
    if (enabled.length === 0) {
      const finding = m.judgeEnd();
      if (finding) verdicts.add(finding.verdict);
      finals.add(project(m));
    }
    for (const t of enabled) {
      m.restore(state, 0);
      if (skips(m, t, enabled)) continue;
      const choices = Math.min(maxChoices, m.choices(t));
      for (let c = 0; c < choices; c++) {
        m.restore(state, 0);
        try {
          m.step(t, c);
        } catch (e) {
          if (!(e instanceof Finding)) throw e;
          for (let f: Finding | null = e; f !== null; f = m.fail(f.task < 0 ? t : f.task)) verdicts.add(f.verdict);
        }
        visit();
      }
    }
  }
  return { verdicts, finals };
}
