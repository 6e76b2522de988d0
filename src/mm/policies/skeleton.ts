/**
 * The policy to copy: first in, first out. A list is scanned from its oldest folio; no folio gets a second chance for having
 * been used, apart from what the decision table of shrinkFolioList does for everybody (a young folio is kept once). It shows all that a
 * policy must do.
 */
import { immediately, type Task } from "../../machine/core.ts";
import type { Kernel } from "../kernel.ts";
import { LRU_INACTIVE_ANON, LRU_INACTIVE_FILE } from "../lruTypes.ts";
import { lruvecLruSize } from "../lruvec.ts";
import type { ReclaimPolicy } from "../reclaimPolicy.ts";
import { type ScanControl, SWAP_CLUSTER_MAX } from "../scanControl.ts";
import { getNrSwapPages } from "../swapfile.ts";
import { shrinkInactiveList } from "../vmscanLists.ts";

const nothing = (): Task => immediately(undefined) as never;

/** Both kinds in turn, a batch each, until enough is reclaimed or all of this priority's share was seen. */
function* shrinkOldest(k: Kernel, sc: ScanControl, lruvec: number): Task {
  const swap = sc.maySwap && getNrSwapPages(k) > 0;
  let file = lruvecLruSize(k, lruvec, LRU_INACTIVE_FILE, sc.reclaimIdx) >> sc.priority;
  let anon = swap ? lruvecLruSize(k, lruvec, LRU_INACTIVE_ANON, sc.reclaimIdx) >> sc.priority : 0;
  while (file + anon > 0 && sc.nrReclaimed < sc.nrToReclaim) {
    const files = Math.min(file, SWAP_CLUSTER_MAX);
    const anons = Math.min(anon, SWAP_CLUSTER_MAX);
    // What a policy reclaims it adds to the sum; the batch itself is counted by shrinkInactiveList.
    if (files > 0) sc.nrReclaimed += yield* shrinkInactiveList(k, files, lruvec, sc, LRU_INACTIVE_FILE);
    if (anons > 0) sc.nrReclaimed += yield* shrinkInactiveList(k, anons, lruvec, sc, LRU_INACTIVE_ANON);
    file -= files;
    anon -= anons;
  }
}

export const fifo: ReclaimPolicy = {
  name: "fifo",
  prepare: nothing,
  shrinkLruvec: (k, sc, lruvec) => shrinkOldest(k, sc, lruvec),
  age: nothing,
  markAccessed: nothing,
};
