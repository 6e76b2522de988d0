/**
 * Runs a workload in the model: one kernel like the one that the records were made with, one process, one CPU. No task code
 * here: that may not catch findings, and whoever runs it must.
 */
import { observeEvents } from "../machine/events.ts";
import { Finding } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { buildSequential } from "../machine/sequential.ts";
import { startFlusher } from "../mm/flusher.ts";
import { nameFile } from "../mm/inode.ts";
import { createKernel, type Kernel, type KernelOptions } from "../mm/kernel.ts";
import { startOomReaper } from "../mm/oomReaper.ts";
import { createProcess, syscalls } from "../mm/syscalls.ts";
import { startProcess } from "../mm/user/process.ts";
import { createUserSpace, passTime, switchTo, type UserSpace } from "../mm/user/space.ts";
import { GUEST, init, main, type Workload } from "./guest.ts";
import type { RecordEvent } from "./record.ts";
import { Recorder } from "./recorder.ts";

export type { Workload } from "./guest.ts";

const BETWEEN_CALLS: ReadonlySet<string> = new Set(["probe:mark", "probe:begin", "probe:result"]);
const MAX_CHILDREN = 12;

export interface Recording {
  readonly events: readonly RecordEvent[];
  /** Why the run did not come to its end; null = it did. */
  readonly failed: string | null;
}

/** Rules of the memory management to be tested: at every mark, when no call is in progress, and at the end. */
export interface Rules {
  readonly between: (k: Kernel) => string | null;
  readonly atEnd: (k: Kernel) => string | null;
}

/** What happened, as a record; up to the step that broke a rule, if one did. */
export function recordWorkload(workload: Workload, options: KernelOptions = {}, rules: Rules | null = null): Recording {
  let space: UserSpace | null = null;
  let broken: string | null = null;
  const recorder = new Recorder();
  const before = observeEvents((e) => {
    recorder.see(e);
    if (BETWEEN_CALLS.has(e.name) && space !== null) broken ??= rules?.between(space.k) ?? null;
  });
  let failed: string | null = null;
  try {
    const m = buildSequential((machine) => {
      const k = createKernel(machine, { ...GUEST, ...options });
      space = createUserSpace(machine, k, syscalls, true);
      const programs = nameFile(k, "/tmp/programs");
      machine.spawn("init", init, [k, createProcess(machine, k, "init"), programs], { daemon: true });
      startOomReaper(machine, k);
      startFlusher(machine, k);
      const process = createProcess(machine, k, "P");
      startProcess(main, { ...workload }, process, MAX_CHILDREN);
    });
    const { k } = space as unknown as UserSpace;
    failed = runToEnd(m, space as unknown as UserSpace) ?? broken ?? rules?.atEnd(k) ?? null;
  } catch (e) {
    if (!(e instanceof Finding)) throw e;
    failed = `${e.verdict}: ${e.message}`;
  } finally {
    observeEvents(before);
  }
  return { events: recorder.events, failed };
}

/** One task runs until it waits, then the next; time passes when all wait. */
function runToEnd(m: Machine, space: UserSpace): string | null {
  m.activate();
  if (m.initialFinding) throw m.initialFinding;
  const n = m.tasks.length;
  do {
    for (let t = 0, idle = 0; idle < n; t = (t + 1) % n) {
      if (m.enabled(t)) {
        idle = 0;
        switchTo(space, t);
        m.step(t);
      } else idle++;
    }
  } while (passTime(space));
  const finding = m.judgeEnd();
  return finding && `${finding.verdict}: ${finding.message}`;
}
