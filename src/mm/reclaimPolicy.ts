/**
 * Which folios reclaim looks at, in which order: a policy, which can be exchanged. Everything around it stays: when reclaim
 * runs and how hard (priorities, targets, cgroups), what is done with a folio that was chosen (vmscanFolio.ts), how it is
 * charged. A policy owns the order of the lists of a lruvec (lruList.ts).
 *
 *   kswapd, direct, cgroup reclaim ─▶ shrinkNode ─▶ policy.shrinkLruvec ─ chooses folios ─▶ shrinkFolioList ─▶ freed, or back
 */
import type { Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import type { Pfn } from "./page.ts";
import type { ScanControl } from "./scanControl.ts";

export interface ReclaimPolicy {
  readonly name: string;
  /** Before the lruvecs of a node: what is decided for all of them (prepare_scan_count). Fields of `sc`. */
  prepare(k: Kernel, sc: ScanControl, nid: number): Task;
  /** Reclaims from one lruvec: adds to sc.nrReclaimed. PF_MEMALLOC is set; no lock is held. */
  shrinkLruvec(k: Kernel, sc: ScanControl, lruvec: number): Task;
  /** kswapd, before each round: keeps lists in balance (kswapd_age_node). */
  age(k: Kernel, sc: ScanControl, nid: number): Task;
  /** folio_mark_accessed: a use through a system call or GUP. */
  markAccessed(k: Kernel, pfn: Pfn): Task;
}
