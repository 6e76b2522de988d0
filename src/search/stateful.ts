/**
 * Exhaustive search that remembers states: depth first, differences for the states on the path, fingerprints for all.
 */
import type { Finding } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { DepthFirst } from "./depthFirst.ts";
import { Ownership, scout } from "./ownership.ts";
import type { Violation } from "./program.ts";
import { VisitedSet } from "./visited.ts";

export interface StatefulOptions {
  /** Bounds; `Infinity` = none. States visited, and bytes of table plus path. */
  readonly maxStates: number;
  readonly maxBytes: number;
  /** Asked every 1,024 transitions; a sentence ends the search there. */
  readonly shouldStop: (progress: StatefulProgress) => string | null;
  /**
   * Explore a local operation alone where that is enough, and go on at once after taking a lock where nobody can notice;
   * off = every enabled task from every state.
   */
  readonly localSteps: boolean;
  /** Go on after a violation (its task stops there), to see all of them; deadlocks are then seen where all is still. */
  readonly all: boolean;
  /** Told about every state in which nothing is enabled. The machine is in that state. */
  readonly onEnd: ((finding: Finding | null) => void) | null;
}

export interface StatefulProgress {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
}

export interface StatefulResult {
  readonly states: number;
  readonly transitions: number;
  readonly maxDepth: number;
  readonly complete: boolean;
  /** Why it is not complete. */
  readonly stopped: string | null;
  readonly violations: readonly Violation[];
  /** Some path comes back to a state of its own: runs may be infinite, so livelock must be looked for. */
  readonly cyclic: boolean;
  readonly bytes: number;
}

export const STATEFUL_DEFAULTS: StatefulOptions = {
  maxStates: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  shouldStop: () => null,
  localSteps: true,
  all: false,
  onEnd: null,
};

/**
 * Searches all runs of `m`, which must be active and in its initial state. `ownership` may bring knowledge from earlier
 * runs of the same machine, which saves passes.
 */
export function searchStateful(
  m: Machine,
  options: Partial<StatefulOptions> = {},
  ownership = (options.localSteps ?? true) ? scout(m) : new Ownership(m),
): StatefulResult {
  const o = { ...STATEFUL_DEFAULTS, ...options };
  const initial = m.snapshot();
  for (;;) {
    const result = new StatefulSearch(m, o, ownership).run();
    if (!ownership.learn() || result.stopped !== null || result.violations.length > 0) return result;
    m.restore(initial, 0);
  }
}

class StatefulSearch {
  private readonly visited = new VisitedSet();
  private readonly violations: Violation[] = [];
  private readonly steps: DepthFirst;
  private maxDepth = 0;
  private cyclic = false;
  private stopped: string | null = null;
  private readonly m: Machine;
  private readonly o: StatefulOptions;

  constructor(m: Machine, o: StatefulOptions, ownership: Ownership) {
    this.m = m;
    this.o = o;
    this.steps = new DepthFirst(m, ownership, o);
  }

  run(): StatefulResult {
    const { m, visited, steps } = this;
    const { path } = steps;
    if (m.initialFinding) this.report(m.initialFinding, 0);
    else {
      visited.insert(path.low, path.high);
      visited.markLast();
      steps.begin(path.low, path.high);
      this.loop();
    }
    return {
      states: visited.size,
      transitions: steps.transitions,
      maxDepth: this.maxDepth,
      complete: this.stopped === null && (this.violations.length === 0 || this.o.all),
      stopped: this.stopped,
      violations: this.violations,
      cyclic: this.cyclic,
      bytes: visited.bytes() + path.bytes(),
    };
  }

  private loop(): void {
    const { visited, steps } = this;
    const { path } = steps;
    const onFinding = (finding: Finding): void => this.report(finding, path.depth + 1);
    for (;;) {
      const next = steps.next();
      if (next < 0) {
        if (steps.isEnd() && this.judge()) return;
        visited.unmark(path.low, path.high);
        if (path.depth === 0) return;
        steps.leave();
        continue;
      }
      if ((steps.transitions & 1023) === 1023 && this.mustStop()) return;
      if (steps.make(next, onFinding) !== null && !this.o.all) return;
      if (visited.insert(path.low, path.high)) {
        visited.markLast();
        steps.enter();
        if (path.depth > this.maxDepth) this.maxDepth = path.depth;
      } else {
        if (visited.lastIsMarked()) this.cyclic = true;
        steps.back();
      }
    }
  }

  /** Nothing is enabled. True when the search is to end. */
  private judge(): boolean {
    const finding = this.m.judgeEnd();
    this.o.onEnd?.(finding);
    if (!finding) return false;
    this.report(finding, this.steps.path.depth);
    return !this.o.all;
  }

  private report(finding: Finding, length: number): void {
    this.violations.push({ finding, schedule: this.steps.schedule(length) });
  }

  private mustStop(): boolean {
    const { o, visited } = this;
    const { path, transitions } = this.steps;
    const bytes = visited.bytes() + path.bytes();
    if (visited.size >= o.maxStates) this.stopped = `the bound of ${o.maxStates} states was reached`;
    else if (bytes >= o.maxBytes) this.stopped = `the bound of ${Math.round(o.maxBytes / 1048576)} MB was reached`;
    else this.stopped = o.shouldStop({ states: visited.size, transitions, depth: path.depth });
    return this.stopped !== null;
  }
}
