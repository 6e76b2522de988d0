/** Runs a workload in the model: one kernel like the one that the records were made with, one process, one CPU. */
import type { Task } from "../machine/core.ts";
import { observeEvents } from "../machine/events.ts";
import { Finding } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { buildSequential } from "../machine/sequential.ts";
import { until } from "../machine/wait.ts";
import { startFlusher } from "../mm/flusher.ts";
import { type File, O_CREAT } from "../mm/fs.ts";
import { nameFile } from "../mm/inode.ts";
import { createKernel, type Kernel, type KernelOptions } from "../mm/kernel.ts";
import { flushMemcgStats, memcgRstatUpdated } from "../mm/memcgStat.ts";
import type { Process } from "../mm/mmTypes.ts";
import { startOomReaper } from "../mm/oomReaper.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { createProcess, syscalls } from "../mm/syscalls.ts";
import { openProbe, unregister } from "../mm/user/probe.ts";
import { startProcess } from "../mm/user/process.ts";
import { createUserSpace, EXITED, passTime, switchTo, type UserSpace, userSpace } from "../mm/user/space.ts";
import type { RecordEvent } from "./record.ts";
import { Recorder } from "./recorder.ts";

/** What a file of workloads exports. */
export interface Workload {
  /** Task code: what the process does. */
  readonly default: () => Task;
  /** The subscription is not given up before the process ends. */
  readonly keepsSubscription?: boolean;
}

/** The guest of the records has 512 MiB on two nodes; this is what a workload may need of it. */
const GUEST: KernelOptions = {
  frames: 32768,
  nodes: 2,
  tables: 512,
  mms: 16,
  processes: 16,
  vmas: 512,
  inodes: 16,
  files: 32,
  filePages: 1024,
  // 64 MiB on zram.
  swapPages: 16384,
  memcgs: [{}],
  batchedStats: true,
};
/**
 * Pages of programs that were read more than once since the boot. The root file system of the guest is a tmpfs, so they are on
 * the active list of anonymous memory, and what comes back from swap soon is taken for a part of the working set.
 */
const PROGRAMS = 256;
/**
 * The guest has been up for longer than two seconds, so statistics of the root are not old; and since they were added up, fork
 * and execve have changed some hundred of them, so that the next who asks adds up again. More than 128 is all that counts.
 * How many of the last batch of 64 there are depends on everything since the boot, and is not known. From 4 to 56 the records
 * repeat; one, reclaim_anon_pinned, does not at either end.
 */
const STARTING_A_PROGRAM = 500;
const HALF_A_BATCH = 32;
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

/** The rest of the guest: there before the first process, and until the last one has gone. */
function* init(k: Kernel, p: Process, programs: number): Task {
  const file = (yield* syscalls.open(k, p, programs, O_CREAT)) as File;
  for (let i = 0; i < PROGRAMS; i++) {
    yield* syscalls.fileWrite(k, p, file, i, 0);
    yield* syscalls.fileRead(k, p, file, i);
    if (i % 8 === 7) yield* lruAddDrain(k);
  }
  for (let i = 0; i < PROGRAMS; i++) yield* syscalls.fileRead(k, p, file, i);
  yield* lruAddDrain(k);
  flushMemcgStats(k);
  memcgRstatUpdated(k, STARTING_A_PROGRAM);
  memcgRstatUpdated(k, HALF_A_BATCH);
  const { tasks, first } = userSpace();
  yield* until(() => tasks.how[first.slot] === EXITED);
  yield* syscalls.close(k, p, file);
  yield* syscalls.unlink(k, p, programs);
  yield* syscalls.exit(k, p);
}

function* main(workload: Workload): Task {
  yield* openProbe();
  yield* workload.default();
  if (workload.keepsSubscription !== true) yield* unregister();
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
