/** The guest of the records, and the two tasks that each run of a workload begins with. */
import type { Task } from "../machine/core.ts";
import { until } from "../machine/wait.ts";
import { type File, O_CREAT } from "../mm/fs.ts";
import type { Kernel, KernelOptions } from "../mm/kernel.ts";
import { flushMemcgStats, memcgRstatUpdated } from "../mm/memcgStat.ts";
import type { Process } from "../mm/mmTypes.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { syscalls } from "../mm/syscalls.ts";
import { openProbe, unregister } from "../mm/user/probe.ts";
import { EXITED, userSpace } from "../mm/user/space.ts";

/** What a file of workloads exports. */
export interface Workload {
  /** Task code: what the process does. */
  readonly default: () => Task;
  /** The subscription is not given up before the process ends. */
  readonly keepsSubscription?: boolean;
}

/** The guest of the records has 512 MiB on two nodes; this is what a workload may need of it. */
export const GUEST: KernelOptions = {
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

/** The rest of the guest: there before the first process, and until the last one has gone. */
export function* init(k: Kernel, p: Process, programs: number): Task {
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

export function* main(workload: Workload): Task {
  yield* openProbe();
  yield* workload.default();
  if (workload.keepsSubscription !== true) yield* unregister();
}
