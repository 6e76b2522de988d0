/** What is searched: something that builds machines, and the machine options that its runs turned out to need. */
import { NeedsRebuild } from "../machine/core.ts";
import type { Finding } from "../machine/finding.ts";
import { DEFAULT_OPTIONS, Machine, type MachineOptions } from "../machine/machine.ts";
import { NeedsRefinement } from "../machine/refinement.ts";
import type { Case } from "../machine/scenario.ts";

/** Builds the same machine every time for equal options. */
export type Program = (options: Partial<MachineOptions>) => Machine;

/** One decision of a schedule: task slot `task` did its pending operation, with `choice` where it is a choice. */
export interface Decision {
  readonly task: number;
  readonly choice: number;
}

/** A broken rule and how to get there. */
export interface Violation {
  readonly finding: Finding;
  readonly schedule: readonly Decision[];
}

export function caseProgram(c: Case, variant: string): Program {
  return (options) => Machine.build((m) => c.setup(m, variant), options);
}

/** A plain set-up function as a program: for tests and benchmarks. */
export function setupProgram(setup: (m: Machine) => void): Program {
  return (options) => Machine.build(setup, options);
}

/**
 * Runs `search` on a machine of `program`, again from the start with larger sizes or more visible releases whenever a
 * run turns out to need them. Results must be made anew by each call of `search`.
 */
export function onMachine<T>(program: Program, options: Partial<MachineOptions>, search: (m: Machine) => T): T {
  let o: MachineOptions = { ...DEFAULT_OPTIONS, ...options };
  for (;;) {
    try {
      const m = program(o);
      m.activate();
      return search(m);
    } catch (e) {
      const larger = enlarged(o, e);
      if (!larger) throw e;
      o = larger;
    }
  }
}

/** The options that an interrupted run asks for; null when `e` is no such request. */
export function enlarged(o: MachineOptions, e: unknown): MachineOptions | null {
  if (e instanceof NeedsRefinement) return { ...o, visibleReleases: [...o.visibleReleases, e.lockName].sort() };
  if (!(e instanceof NeedsRebuild)) return null;
  switch (e.need) {
    case "stack":
      return o.stackWords >= MAX_STACK ? null : { ...o, stackWords: o.stackWords * 2 };
    case "held":
      return { ...o, heldWords: o.heldWords + 4 };
    case "children":
      return { ...o, extraChildren: o.extraChildren + 1 };
  }
}

const MAX_STACK = 1 << 12;
