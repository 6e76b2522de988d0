/** What a model of reclaim gives for a job: the interface between the comparison and the memory management. */
import type { RecordEvent } from "../record.ts";
import type { PressureJob } from "./job.ts";
import type { VmscanEvent } from "./vmscan.ts";

/** By the kernel's names: those of getrusage (majflt, minflt), /proc/vmstat and memory.stat. Missing = 0. */
export type Counters = Readonly<Record<string, number>>;

export interface PressureResult {
  /** Why the run did not come to its end; null = it did. What follows is what was counted until then. */
  readonly failed: string | null;
  /** Changes from the accesses on, until the statistics are read again. */
  readonly run: Counters;
  /** From the first touch to the accesses. */
  readonly prefill: Counters;
  /** In the order in which they were traced, from the first touch on. */
  readonly vmscan: readonly VmscanEvent[];
  /** What the probe logged, if the job has a notifier. */
  readonly callbacks: readonly RecordEvent[];
}

export interface PressureModel {
  /** `alive` is called now and then while the job runs. */
  run(job: PressureJob, alive: () => void): PressureResult | Promise<PressureResult>;
}
