/** Runs a schedule on a fresh machine and writes down everything that a report needs. */
import { mayfailError } from "../errors.ts";
import { objectAt, T_OBJ, W } from "../machine/core.ts";
import { diffStates } from "../machine/diff.ts";
import { eventText, observeEvents } from "../machine/events.ts";
import type { Finding } from "../machine/finding.ts";
import { type HeldLock, Lock, locksHeld } from "../machine/lock.ts";
import { DONE, FAILED, LIVE, type Machine, type MachineOptions, nameOfWord } from "../machine/machine.ts";
import { stackOfTask } from "../machine/place.ts";
import { describePending, waitsFor } from "../machine/waitFor.ts";
import { enabledTasks, stepAndJudge } from "./judge.ts";
import { type Decision, onMachine, type Program } from "./program.ts";
import type { Frame, Hold, LockChange, Run, RunFinding, RunStep, RunTask, Waiter, WordChange } from "./run.ts";
import { machineOptionsOf, parseSchedule, scheduleOf, scheduleText } from "./schedule.ts";

export interface ReplayOptions {
  /** Options of the machine on which the schedule was found: they number its slots and steps. */
  readonly machine: Partial<MachineOptions>;
  /** The schedule may end anywhere, as the lasso of a livelock does; else it has to reach an end or a finding. */
  readonly partial: boolean;
}

/**
 * Runs `decisions` and records the run. Raises MF0402, with the number of the step, when they do not fit the program:
 * a task that does not exist, has ended or must wait, a choice that is none, too few or too many decisions.
 */
export function replayRun(program: Program, decisions: readonly Decision[], options: Partial<ReplayOptions> = {}): Run {
  return onMachine(program, options.machine ?? {}, (m) => new Recorder(m, decisions, options.partial ?? false).run());
}

/** Runs the schedule that `word` stands for. Raises MF0401 when it is malformed, MF0402 when it does not fit. */
export function replayWord(program: Program, word: string, options: { readonly partial?: boolean } = {}): Run {
  const schedule = parseSchedule(word);
  const settings = onMachine(program, {}, (m) => machineOptionsOf(m, schedule));
  return replayRun(program, schedule.decisions, { ...options, machine: settings });
}

/** A lock in the list of its holder, and since when. */
interface Held extends HeldLock {
  readonly step: number | null;
  readonly stack: readonly Frame[];
}

class Recorder {
  private readonly m: Machine;
  private readonly decisions: readonly Decision[];
  private readonly partial: boolean;
  private readonly steps: RunStep[] = [];
  private held: Held[][];
  private preemptions = 0;
  private switches = 0;

  constructor(m: Machine, decisions: readonly Decision[], partial: boolean) {
    this.m = m;
    this.decisions = decisions;
    this.partial = partial;
    this.held = m.tasks.map((t) => locksHeld(t.slot).map((h) => ({ ...h, step: null, stack: [] })));
  }

  run(): Run {
    const { m, decisions } = this;
    const initial = m.snapshot();
    const enabled: number[] = [];
    let finding = m.initialFinding;
    let last = -1;
    for (const decision of decisions) {
      if (finding) throw this.misfit(`the run is over (${finding.verdict}), and the schedule goes on`);
      enabledTasks(m, enabled);
      this.check(decision, enabled);
      finding = this.step(decision, enabled, last);
      last = decision.task;
    }
    const ended = enabledTasks(m, enabled) === 0;
    if (!finding && ended) finding = m.judgeEnd();
    if (!finding && !ended && !this.partial) {
      throw this.misfit(`the schedule ends, and ${m.tasks[enabled[0]].name} can still go on`);
    }
    return {
      tasks: m.tasks.map((t) => this.task(t.slot)),
      decisions,
      schedule: scheduleText(scheduleOf(m, decisions)),
      steps: this.steps,
      finding: finding ? this.finding(finding) : null,
      waiters: this.waiters(),
      holds: this.held.map((list) => list.map(asHold)),
      ended,
      preemptions: this.preemptions,
      switches: this.switches,
      initial,
    };
  }

  private misfit(reason: string): Error {
    return mayfailError("MF0402", { step: this.steps.length + 1, reason });
  }

  private check({ task, choice }: Decision, enabled: readonly number[]): void {
    const { m } = this;
    const info = m.tasks[task];
    if (!info) throw this.misfit(`there is no task ${task + 1}, only ${m.tasks.length}`);
    if (!enabled.includes(task)) {
      const state = m.stateOf(task);
      if (state !== LIVE) throw this.misfit(`${info.name} ${state === 0 ? "has not been started" : "has ended"}`);
      throw this.misfit(`${info.name} must wait (${describePending(m, task)})`);
    }
    const outcomes = m.choices(task);
    if (choice >= outcomes) {
      throw this.misfit(
        `${info.name} has ${outcomes} ${outcomes === 1 ? "outcome" : "outcomes"} (${describePending(m, task)}), and the schedule takes number ${choice + 1}`,
      );
    }
  }

  private step({ task, choice }: Decision, enabled: readonly number[], last: number): Finding | null {
    const { m } = this;
    const before = m.snapshot();
    const stacks = m.tasks.map((t) => stackOf(t.slot));
    const kind = m.pendingOp(task);
    const object = objectAt(W[m.tasks[task].base + T_OBJ]);
    const outcomes = m.choices(task);
    const switched = last >= 0 && last !== task;
    const preempted = switched && enabled.includes(last);
    if (switched) this.switches++;
    if (preempted) this.preemptions++;
    const step = this.steps.length + 1;
    const text = describePending(m, task);
    const events: string[] = [];
    const others = observeEvents((event) => events.push(eventText(event)));
    let finding: Finding | null;
    try {
      finding = stepAndJudge(m, task, choice);
    } finally {
      observeEvents(others);
    }
    const locks = this.lockChanges(step, stacks);
    if (
      kind.acquires &&
      object instanceof Lock &&
      !locks.acquired.some((c) => c.task === task && c.lock === object.name)
    ) {
      // A critical section without scheduling points: taken and given back within the step.
      const passing = { task, lock: object.name, shared: kind.acquires === "shared" };
      locks.acquired.push(passing);
      locks.released.push(passing);
    }
    this.steps.push({
      step,
      task,
      text,
      operation: kind.name,
      choice: kind.choices ? { taken: choice, of: outcomes } : null,
      stack: stacks[task],
      switched,
      preempted,
      enabled: enabled.slice(),
      ...locks,
      events,
      changes: changesSince(m, before),
      changed: diffStates(m, before, m.words),
    });
    return finding;
  }

  /** Brings `held` up to date; `stacks` tells where each task stood before the step. */
  private lockChanges(
    step: number,
    stacks: readonly (readonly Frame[])[],
  ): { acquired: LockChange[]; released: LockChange[] } {
    const acquired: LockChange[] = [];
    const released: LockChange[] = [];
    for (const t of this.m.tasks) {
      const old = this.held[t.slot].slice();
      this.held[t.slot] = locksHeld(t.slot).map((h) => {
        const i = old.findIndex((o) => o.lock === h.lock);
        if (i >= 0) return { ...h, step: old[i].step, stack: old.splice(i, 1)[0].stack };
        acquired.push({ task: t.slot, lock: h.lock.name, shared: h.mode === "shared" });
        return { ...h, step, stack: stacks[t.slot] };
      });
      for (const o of old) released.push({ task: t.slot, lock: o.lock.name, shared: o.mode === "shared" });
    }
    return { acquired, released };
  }

  private task(slot: number): RunTask {
    const { m } = this;
    const { name, daemon, parent } = m.tasks[slot];
    const state = m.stateOf(slot);
    // In the middle of a step: that of a broken rule.
    if (state === LIVE && m.pendingOp(slot).id === 0) return { slot, name, daemon, parent, state: "stopped" };
    if (state === LIVE) return { slot, name, daemon, parent, state: m.enabled(slot) ? "ready" : "waiting" };
    return { slot, name, daemon, parent, state: state === DONE ? "ended" : state === FAILED ? "stopped" : "unused" };
  }

  private finding(f: Finding): RunFinding {
    const { verdict, message, cycle, task } = f;
    return { verdict, message, task: task < 0 ? null : task, cycle, stack: task < 0 ? [] : stackOf(task) };
  }

  private waiters(): Waiter[] {
    const { m } = this;
    return m.tasks.flatMap((t) => {
      const kind = m.pendingOp(t.slot);
      if (m.stateOf(t.slot) !== LIVE || kind.id === 0 || m.enabled(t.slot)) return [];
      const at = W[t.base + T_OBJ];
      return {
        task: t.slot,
        wants: describePending(m, t.slot),
        object: at === 0 ? null : nameOfWord(at),
        stack: stackOf(t.slot),
        owners: waitsFor(m, t.slot),
        waits: kind.waits ?? "any",
        holds: this.held[t.slot].map(asHold),
      };
    });
  }
}

function asHold({ lock, mode, step, stack }: Held): Hold {
  return {
    lock: lock.name,
    lockClass: lock.lockClass,
    kind: lock.kind,
    shared: mode === "shared",
    step,
    place: stack[0]?.place ?? null,
  };
}

/** The task functions that task slot `t` is in, innermost first, each with the suspension at which it stands. */
function stackOf(t: number): Frame[] {
  return stackOfTask(t).map(({ function: name, ...place }) => ({ name, place }));
}

function changesSince(m: Machine, before: Int32Array): WordChange[] {
  const changes: WordChange[] = [];
  for (let at = 0; at < m.size; at++) {
    if (before[at] !== m.words[at]) {
      changes.push({ at, name: m.layout.nameOf(at), before: before[at], after: m.words[at] });
    }
  }
  return changes;
}
