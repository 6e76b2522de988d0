/** struct scan_control: what one run of reclaim wants, may do, and has achieved; from a pool, as it lives on a stack. */
import { current, type Handle } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import { bool, int, ref, struct } from "../machine/struct.ts";
import type { Kernel } from "./kernel.ts";
import { MAX_NR_ZONES } from "./zone.ts";

/** Reclaim begins with 1/2^12 of each list, and ends with all of them. */
export const DEF_PRIORITY = 12;
/** Pages of a batch, and what a task has to reclaim before it goes on. */
export const SWAP_CLUSTER_MAX = 32;

export interface ScanControl extends Handle {
  /** Task slot + 1. */
  owner: number;
  /** current->reclaim_state: pages that shrinkers have freed meanwhile. */
  slabReclaimed: number;
  /** Pages to reclaim before it is enough. */
  nrToReclaim: number;
  /** The cgroup whose limit was hit; -1 = global reclaim. */
  targetMemcg: number;
  gfp: number;
  reclaimIdx: number;
  order: number;
  priority: number;
  mayWritepage: boolean;
  mayUnmap: boolean;
  maySwap: boolean;
  /** memory.reclaim. */
  proactive: boolean;
  forceDeactivate: boolean;
  skippedDeactivate: boolean;
  memcgLowReclaim: boolean;
  memcgLowSkipped: boolean;
  /** Of prepare_scan_count: which active lists may be shrunk (1 = anon, 2 = file). */
  mayDeactivate: number;
  cacheTrimMode: boolean;
  fileIsTiny: boolean;
  anonCost: number;
  fileCost: number;
  nrScanned: number;
  nrReclaimed: number;
  /** struct nr: sums over one node. */
  dirty: number;
  unqueuedDirty: number;
  congested: number;
  writeback: number;
  immediate: number;
  fileTaken: number;
  taken: number;
  /** struct reclaim_stat: of the batch in hand. */
  statDirty: number;
  statUnqueuedDirty: number;
  statCongested: number;
  statWriteback: number;
  statImmediate: number;
  statPageout: number;
  statActivateAnon: number;
  statActivateFile: number;
  statRefKeep: number;
  statUnmapFail: number;
  statLazyfreeFail: number;
  /** get_scan_count's answer for the four lists: what is left, and what it was. */
  nr0: number;
  nr1: number;
  nr2: number;
  nr3: number;
  target0: number;
  target1: number;
  target2: number;
  target3: number;
  /** Folios that move_folios_to_lru has put back. */
  moved: number;
  /** Of the last isolation: eligible folios plus skipped ones. */
  isolateScanned: number;
  nextFree: ScanControl | null;
}

const own = { ordered: "on the stack of one task" };
const scanControlStruct = struct("scanControl", {
  owner: int(own),
  slabReclaimed: int(own),
  nrToReclaim: int(own),
  targetMemcg: int(own),
  gfp: int(own),
  reclaimIdx: int(own),
  order: int(own),
  priority: int(own),
  mayWritepage: bool(own),
  mayUnmap: bool(own),
  maySwap: bool(own),
  proactive: bool(own),
  forceDeactivate: bool(own),
  skippedDeactivate: bool(own),
  memcgLowReclaim: bool(own),
  memcgLowSkipped: bool(own),
  mayDeactivate: int(own),
  cacheTrimMode: bool(own),
  fileIsTiny: bool(own),
  anonCost: int(own),
  fileCost: int(own),
  nrScanned: int(own),
  nrReclaimed: int(own),
  dirty: int(own),
  unqueuedDirty: int(own),
  congested: int(own),
  writeback: int(own),
  immediate: int(own),
  fileTaken: int(own),
  taken: int(own),
  statDirty: int(own),
  statUnqueuedDirty: int(own),
  statCongested: int(own),
  statWriteback: int(own),
  statImmediate: int(own),
  statPageout: int(own),
  statActivateAnon: int(own),
  statActivateFile: int(own),
  statRefKeep: int(own),
  statUnmapFail: int(own),
  statLazyfreeFail: int(own),
  nr0: int(own),
  nr1: int(own),
  nr2: int(own),
  nr3: int(own),
  target0: int(own),
  target1: int(own),
  target2: int(own),
  target3: int(own),
  moved: int(own),
  isolateScanned: int(own),
  nextFree: ref<ScanControl>({ ordered: "slab" }),
});

/** Set-up. */
export function createScanControls(n: number): ScanControl[] {
  const all: ScanControl[] = Array.from({ length: n }, (_, i) => scanControlStruct.create(`scanControl${i + 1}`));
  all.forEach((each, i) => {
    each.nextFree = all[i + 1] ?? null;
  });
  return all;
}

/** mm_account_reclaimed_pages: a shrinker has freed `n` pages; the reclaim that called it, if one did, counts them. */
export function mmAccountReclaimedPages(k: Kernel, n: number): void {
  for (const sc of k.scanControls) if (sc.owner === current + 1) sc.slabReclaimed += n;
}

/** A scan_control with the kernel's defaults for `gfp`; the caller changes what it wants otherwise and frees it. */
export function newScanControl(k: Kernel, gfp: number): ScanControl {
  const free = k.state.freeScanControl;
  must(free !== null, "assertion", "too many tasks reclaim at a time");
  const sc = free as ScanControl;
  k.state.freeScanControl = sc.nextFree;
  sc.nextFree = null;
  sc.owner = current + 1;
  sc.gfp = gfp;
  sc.targetMemcg = -1;
  sc.nrToReclaim = SWAP_CLUSTER_MAX;
  sc.reclaimIdx = MAX_NR_ZONES - 1;
  sc.order = 0;
  sc.priority = DEF_PRIORITY;
  sc.mayWritepage = true;
  sc.mayUnmap = true;
  sc.maySwap = true;
  return sc;
}

/** Everything is 0 again, so that equal situations are equal words. */
export function freeScanControl(k: Kernel, sc: ScanControl): void {
  clearSums(sc);
  clearStat(sc);
  for (const field of NUMBERS) sc[field] = 0;
  for (const field of BOOLEANS) sc[field] = false;
  sc.nextFree = k.state.freeScanControl;
  k.state.freeScanControl = sc;
}

type NumberField = { [K in keyof ScanControl]: ScanControl[K] extends number ? K : never }[keyof ScanControl];
type BooleanField = { [K in keyof ScanControl]: ScanControl[K] extends boolean ? K : never }[keyof ScanControl];

const NUMBERS = [
  "owner",
  "slabReclaimed",
  "nrToReclaim",
  "targetMemcg",
  "gfp",
  "reclaimIdx",
  "order",
  "priority",
  "mayDeactivate",
  "anonCost",
  "fileCost",
  "nrScanned",
  "nrReclaimed",
  "nr0",
  "nr1",
  "nr2",
  "nr3",
  "target0",
  "target1",
  "target2",
  "target3",
  "moved",
  "isolateScanned",
] as const satisfies readonly Exclude<NumberField, "id" | "at">[];
const BOOLEANS = [
  "mayWritepage",
  "mayUnmap",
  "maySwap",
  "proactive",
  "forceDeactivate",
  "skippedDeactivate",
  "memcgLowReclaim",
  "memcgLowSkipped",
  "cacheTrimMode",
  "fileIsTiny",
] as const satisfies readonly BooleanField[];

/** memset of struct reclaim_stat, before a batch. */
export function clearStat(sc: ScanControl): void {
  sc.statDirty = 0;
  sc.statUnqueuedDirty = 0;
  sc.statCongested = 0;
  sc.statWriteback = 0;
  sc.statImmediate = 0;
  sc.statPageout = 0;
  sc.statActivateAnon = 0;
  sc.statActivateFile = 0;
  sc.statRefKeep = 0;
  sc.statUnmapFail = 0;
  sc.statLazyfreeFail = 0;
}

/** memset of sc.nr, before a node. */
export function clearSums(sc: ScanControl): void {
  sc.dirty = 0;
  sc.unqueuedDirty = 0;
  sc.congested = 0;
  sc.writeback = 0;
  sc.immediate = 0;
  sc.fileTaken = 0;
  sc.taken = 0;
}

/** cgroup_reclaim. */
export const cgroupReclaim = (sc: ScanControl): boolean => sc.targetMemcg >= 0;
