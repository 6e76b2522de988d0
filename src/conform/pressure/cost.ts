/**
 * What the work of a pressure job costs on the machine of the records. With -icount its clock counts instructions, 2 ns each, so
 * a cost belongs to a path of the kernel as its code does: it does not depend on the job, on what is in caches, or on the host.
 * Read off the traces as times between events (a batch, a pass), and off the costs of single accesses where nothing is reclaimed.
 */
import type { Task } from "../../machine/core.ts";
import type { Kernel } from "../../mm/kernel.ts";
import { classicLru } from "../../mm/policies/classicLru.ts";
import type { ReclaimPolicy } from "../../mm/reclaimPolicy.ts";
import type { ScanControl } from "../../mm/scanControl.ts";

/** Nanoseconds. */
const COST = {
  /** An access that needs no fault, with the program's bookkeeping. */
  access: 276,
  /** A fault that maps a new page; one that reads a page from zram; one that makes an entry writable. With the LRU batch. */
  minorFault: 7_300,
  majorFault: 13_600,
  reuse: 3_000,
  /** A folio that is isolated, looked at and put back. */
  scan: 2_500,
  /** On top of that: it goes into swap, is unmapped, compressed and freed. */
  pageout: 20_500,
  /** From one batch to the next. */
  batch: 8_000,
  /** A node looked at once: from the last batch of a priority to the first of the next, besides. */
  pass: 12_500,
  /** Direct reclaim, before the first pass and after the last one. */
  stall: 30_000,
  /** A callback of the probe, which unwinds the stack: what zipf_notify takes longer than zipf_1.5x. */
  callback: 17_300,
} as const;

/** What is done that the kernel has no counter for. */
export interface Work {
  /** Accesses of the program. */
  accesses: number;
  batches: number;
  passes: number;
  /** Of the probe. */
  callbacks: number;
}

export const noWork = (): Work => ({ accesses: 0, batches: 0, passes: 0, callbacks: 0 });

/** Nanoseconds that everything done so far has taken. */
export function timeOf(k: Kernel, work: Work): number {
  const n = k.stat.global;
  const minor = n.pgfault - n.pgmajfault - n.pgreuse;
  const stalls = n.allocstall_dma + n.allocstall_dma32 + n.allocstall_normal + n.allocstall_movable;
  return (
    work.accesses * COST.access +
    minor * COST.minorFault +
    n.pgmajfault * COST.majorFault +
    n.pgreuse * COST.reuse +
    (n.pgscan_anon + n.pgscan_file + n.pgrefill) * COST.scan +
    n.pswpout * COST.pageout +
    work.batches * COST.batch +
    work.passes * COST.pass +
    stalls * COST.stall +
    work.callbacks * COST.callback
  );
}

/** The kernel's policy, and how often it looks at a node. */
export function countingPasses(work: Work): ReclaimPolicy {
  const prepare = (k: Kernel, sc: ScanControl, nid: number): Task => {
    work.passes++;
    return classicLru.prepare(k, sc, nid);
  };
  return { ...classicLru, prepare };
}
