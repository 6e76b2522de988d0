/**
 * Working sets (mm/workingset.c): telling whether a folio that comes back would still be here if its list were longer.
 *
 *   eviction: shadow = (memcg, node, was in the working set, nonresident_age)      age += folios evicted and activated
 *   refault:  distance = age now - age in the shadow;  distance <= size of the other lists ─▶ active at once
 *
 * A shadow stands where the folio was, in the page cache or in the swap cache: a negative word, where a folio is pfn + 1.
 */
import { answer, type Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { LRU_ACTIVE_ANON, LRU_ACTIVE_FILE, LRU_INACTIVE_ANON, LRU_INACTIVE_FILE, NR_LRU_LISTS } from "./lruTypes.ts";
import { folioLruvec, lruvecAt, lruvecMemcg, lruvecNid } from "./lruvec.ts";
import { lruvecPageState } from "./memcgStat.ts";
import { memcgNrSwapPages } from "./memcontrol.ts";
import { folioMemcg, hasFlag, type Pfn, PG_active, PG_swapbacked, PG_workingset, pageToNid, setFlag } from "./page.ts";
import { countBoth, EV } from "./vmstat.ts";

/** Bits that numbers below `n` need. */
const bitsFor = (n: number): number => (n <= 1 ? 0 : 32 - Math.clz32(n - 1));

/** How a shadow is laid out in 31 bits, in a kernel of this size. */
interface Layout {
  readonly memcgBits: number;
  readonly nodeBits: number;
  readonly mask: number;
  /** bucket_order: ages are kept this much coarser, so that the largest distance that can matter fits. */
  readonly bucketOrder: number;
}

function layoutOf(k: Kernel): Layout {
  const memcgBits = bitsFor(k.memcgParents.length);
  const nodeBits = bitsFor(k.nodes);
  const ageBits = 30 - memcgBits - nodeBits;
  const bucketOrder = Math.max(0, bitsFor(k.frames.count) - ageBits);
  return { memcgBits, nodeBits, mask: (2 ** ageBits - 1) & (k.ageMask >> bucketOrder), bucketOrder };
}

const layouts = new WeakMap<Kernel, Layout>();
// Every eviction asks, for the same kernel again and again.
let latest: Kernel | null = null;
let latestLayout: Layout = { memcgBits: 0, nodeBits: 0, mask: 0, bucketOrder: 0 };
function layout(k: Kernel): Layout {
  if (k === latest) return latestLayout;
  let known = layouts.get(k);
  if (known === undefined) {
    known = layoutOf(k);
    layouts.set(k, known);
  }
  latest = k;
  latestLayout = known;
  return known;
}

export const isShadow = (entry: number): boolean => entry < 0;

/** pack_shadow. */
export function packShadow(k: Kernel, memcg: number, nid: number, age: number, workingset: boolean): number {
  const { memcgBits, nodeBits, mask, bucketOrder } = layout(k);
  const bucket = (age >> bucketOrder) & mask;
  return ~((((((bucket << memcgBits) | memcg) << nodeBits) | nid) << 1) | (workingset ? 1 : 0));
}

/** unpack_shadow: the age, with the other fields by the functions beside. */
function shadowAge(k: Kernel, shadow: number): number {
  const { memcgBits, nodeBits, bucketOrder } = layout(k);
  return (~shadow >> (1 + nodeBits + memcgBits)) << bucketOrder;
}
function shadowNid(k: Kernel, shadow: number): number {
  return (~shadow >> 1) & ((1 << layout(k).nodeBits) - 1);
}
function shadowMemcg(k: Kernel, shadow: number): number {
  const { memcgBits, nodeBits } = layout(k);
  return (~shadow >> (1 + nodeBits)) & ((1 << memcgBits) - 1);
}
const shadowWorkingset = (shadow: number): boolean => (~shadow & 1) !== 0;

/** workingset_age_nonresident: for the lruvec and those of the cgroups above. */
export function workingsetAgeNonresident(k: Kernel, lruvec: number, n: number): void {
  const { nonresidentAge } = k.lru.vecs;
  const nid = lruvecNid(k, lruvec);
  for (let memcg = lruvecMemcg(k, lruvec); memcg >= 0; memcg = k.memcgParents[memcg]) {
    const at = lruvecAt(k, memcg, nid);
    nonresidentAge[at] = (nonresidentAge[at] + n) & k.ageMask;
  }
}

/** workingset_activation: a folio proved itself while it was here. */
export function workingsetActivation(k: Kernel, pfn: Pfn): void {
  workingsetAgeNonresident(k, folioLruvec(k, pfn), 1);
}

/**
 * workingset_eviction: the shadow of a folio that reclaim for `target` is about to free. Not the folio's cgroup counts but
 * the one whose limit was hit, or the root in global reclaim (-1): folios compete within that.
 */
export function workingsetEviction(k: Kernel, pfn: Pfn, target: number): number {
  const memcg = Math.max(0, target);
  const nid = pageToNid(k, pfn);
  const lruvec = lruvecAt(k, memcg, nid);
  const age = k.lru.vecs.nonresidentAge[lruvec];
  workingsetAgeNonresident(k, lruvec, 1);
  return packShadow(k, memcg, nid, age, hasFlag(k, pfn, PG_workingset));
}

/** Is the distance within the memory that the folio competes for? Pure. */
export function withinWorkingset(
  distance: number,
  file: boolean,
  inactiveAnon: number,
  activeAnon: number,
  inactiveFile: number,
  activeFile: number,
  swap: boolean,
): boolean {
  let size = activeFile;
  if (!file) size += inactiveFile;
  if (swap) size += activeAnon + (file ? inactiveAnon : 0);
  return distance <= size;
}

/** workingset_refault: `pfn` comes back and had left `shadow`. It is charged and on no list yet. */
export function workingsetRefault(k: Kernel, pfn: Pfn, shadow: number): Task {
  const file = !hasFlag(k, pfn, PG_swapbacked);
  const memcg = shadowMemcg(k, shadow);
  const nid = shadowNid(k, shadow);
  const { mask, bucketOrder } = layout(k);
  const now = k.lru.vecs.nonresidentAge[lruvecAt(k, memcg, nid)];
  const distance = ((now >> bucketOrder) - (shadowAge(k, shadow) >> bucketOrder)) & mask;
  const own = folioLruvec(k, pfn);
  countBoth(k, folioMemcg(k, pfn), file ? EV.workingset_refault_file : EV.workingset_refault_anon);
  const within = withinWorkingset(
    distance << bucketOrder,
    file,
    lruvecPageState(k, memcg, nid, LRU_INACTIVE_ANON),
    lruvecPageState(k, memcg, nid, LRU_ACTIVE_ANON),
    lruvecPageState(k, memcg, nid, LRU_INACTIVE_FILE),
    lruvecPageState(k, memcg, nid, LRU_ACTIVE_FILE),
    memcgNrSwapPages(k, memcg) > 0,
  );
  if (!within) return answer(undefined) as never;
  setFlag(k, pfn, PG_active);
  workingsetAgeNonresident(k, own, 1);
  noteActivation(k, own, file);
  countBoth(k, folioMemcg(k, pfn), file ? EV.workingset_activate_file : EV.workingset_activate_anon);
  if (!shadowWorkingset(shadow)) return answer(undefined) as never;
  setFlag(k, pfn, PG_workingset);
  countBoth(k, folioMemcg(k, pfn), file ? EV.workingset_restore_file : EV.workingset_restore_anon);
  return lruNoteCost(k, own, file, 1);
}

/** WORKINGSET_ACTIVATE_*, which decides whether active lists are shrunk. */
function noteActivation(k: Kernel, lruvec: number, file: boolean): void {
  const { vecs } = k.lru;
  const counts = file ? vecs.activatedFile : vecs.activatedAnon;
  const nid = lruvecNid(k, lruvec);
  for (let memcg = lruvecMemcg(k, lruvec); memcg >= 0; memcg = k.memcgParents[memcg]) {
    const at = lruvecAt(k, memcg, nid);
    counts[at] = (counts[at] + 1) & k.ageMask;
  }
}

/** lru_note_cost: reclaiming `n` folios of this kind was no gain. For the lruvec and those of the cgroups above. */
export function* lruNoteCost(k: Kernel, lruvec: number, file: boolean, n: number): Task {
  const nid = lruvecNid(k, lruvec);
  for (let memcg = lruvecMemcg(k, lruvec); memcg >= 0; memcg = k.memcgParents[memcg]) {
    const at = lruvecAt(k, memcg, nid);
    yield* lock(k.lru.locks[at]);
    addCost(k, at, nid, memcg, file, n);
    yield* unlock(k.lru.locks[at]);
  }
}

/** lru_lock held. Both costs are halved where their sum is above a quarter of the lists. */
function addCost(k: Kernel, at: number, nid: number, memcg: number, file: boolean, n: number): void {
  const { vecs } = k.lru;
  if (file) vecs.fileCost[at] += n;
  else vecs.anonCost[at] += n;
  let size = 0;
  for (let lru = 0; lru < NR_LRU_LISTS - 1; lru++) size += lruvecPageState(k, memcg, nid, lru);
  if (vecs.anonCost[at] + vecs.fileCost[at] <= size >> 2) return;
  vecs.anonCost[at] >>= 1;
  vecs.fileCost[at] >>= 1;
}
