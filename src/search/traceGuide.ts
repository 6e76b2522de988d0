/**
 * A run as a partial order: the events of each task in order, and between tasks the order of conflicting operations. Any
 * order of the events that respects it leads through the same states of each task, so a schedule can be put into a more
 * readable order without a search through all schedules.
 */
import { T_FP, T_OP, T_STATE } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { AccessSet } from "./accessSet.ts";
import type { Guide } from "./bestFirst.ts";
import { stepAndJudge } from "./judge.ts";
import type { Decision } from "./program.ts";

export interface TraceEvent {
  readonly task: number;
  readonly choice: number;
  /** Per task slot: how many of its events come before this one in every order; for the own task, its number there. */
  readonly clock: Int32Array;
}

/** Builds the partial order of a run while it is made. */
export class TraceBuilder {
  readonly events: TraceEvent[] = [];
  private readonly accesses: AccessSet[] = [];
  /** Per task slot: events that come directly before its next one. */
  private readonly before: TraceEvent[][];
  private readonly m: Machine;
  private resumed: number;
  private stands: number[];

  constructor(m: Machine) {
    this.m = m;
    this.before = m.tasks.map(() => []);
    this.resumed = m.resumed;
    this.stands = m.tasks.map((t) => standOf(m, t.slot));
  }

  /** The pending operation of `task` is about to be done. */
  add(task: number, choice: number): void {
    const { m, events, accesses, before } = this;
    const last = events[events.length - 1];
    if (last) this.stands[last.task] = standOf(m, last.task);
    if (m.resumed !== this.resumed) this.noteResumed();
    const access = new AccessSet().fill(m, task);
    const clock = new Int32Array(m.tasks.length);
    const after = (e: TraceEvent): void => {
      for (let u = 0; u < clock.length; u++) if (e.clock[u] > clock[u]) clock[u] = e.clock[u];
      clock[e.task] = Math.max(clock[e.task], e.clock[e.task] + 1);
    };
    for (const e of before[task]) after(e);
    for (let i = events.length - 1; i >= 0; i--) {
      const e = events[i];
      // Already known to come before through a later event?
      if (e.clock[e.task] < clock[e.task]) continue;
      if (access.conflicts(accesses[i])) after(e);
    }
    const event = { task, choice, clock };
    events.push(event);
    accesses.push(access);
    before[task] = [event];
  }

  /** The latest step also started children or ended joins: what those tasks do next comes after it. */
  private noteResumed(): void {
    const { m, events } = this;
    const cause = events[events.length - 1];
    this.resumed = m.resumed;
    for (const { slot } of m.tasks) {
      const stand = standOf(m, slot);
      if (cause && slot !== cause.task && stand !== this.stands[slot]) this.before[slot].push(cause);
      this.stands[slot] = stand;
    }
  }
}

/** Differs when the task has been started or resumed in between, as far as one step can do that. */
function standOf(m: Machine, t: number): number {
  const { base } = m.tasks[t];
  const w = m.words;
  return w[base + T_STATE] + 4 * (w[base + T_OP] + 256 * (w[w[base + T_FP]] & 4095));
}

/** The events of `decisions` on `m`, which must be active and in its initial state, and is left where they lead. */
export function traceOf(m: Machine, decisions: readonly Decision[]): readonly TraceEvent[] {
  const builder = new TraceBuilder(m);
  for (const { task, choice } of decisions) {
    builder.add(task, choice);
    if (stepAndJudge(m, task, choice)) break;
  }
  return builder.events;
}

/** Lets through only orders of the events of a trace. Its words: how many events each task has made. */
export class TraceGuide implements Guide {
  readonly words: Int32Array;
  private readonly events: TraceEvent[][];

  constructor(trace: readonly TraceEvent[], tasks: number) {
    this.words = new Int32Array(tasks);
    this.events = Array.from({ length: tasks }, (_, t) => trace.filter((e) => e.task === t));
  }

  allows(t: number, choice: number): boolean {
    const event = this.events[t][this.words[t]];
    if (event === undefined || event.choice !== choice) return false;
    for (let u = 0; u < this.words.length; u++) if (event.clock[u] > this.words[u]) return false;
    return true;
  }

  advance(t: number): void {
    this.words[t]++;
  }
}
