/**
 * The page allocator (mm/page_alloc.c): free lists of each zone, last in first out like the per-CPU lists of the kernel.
 *
 *   allocPage ─▶ a zone above its low watermark? ─▶ take        no ─▶ pageAllocSlow.ts: wake kswapd, reserves, reclaim, OOM
 */
import { contextWord, mightSleep, PF_MEMALLOC } from "../machine/context.ts";
import { answer, type Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { __GFP_DIRECT_RECLAIM, __GFP_FS, __GFP_NOFAIL, __GFP_ZERO, currentGfpContext } from "../machine/gfp.ts";
import { fsReclaim, lockMapTouch, mmuNotifierInvalidateRangeStart } from "../machine/lockMap.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { shouldFail } from "./failingAllocations.ts";
import type { Kernel } from "./kernel.ts";
import { uncharge } from "./memcontrol.ts";
import { notePending, type Pfn, PG_buddy } from "./page.ts";
import { allocPagesSlowpath } from "./pageAllocSlow.ts";
import { listAddTail, type PageList } from "./pageList.ts";
import { countVm, EV } from "./vmstat.ts";
import { ALLOC_NO_WATERMARKS, ALLOC_WMARK_LOW, ALLOC_WMARK_MASK, ALLOC_WMARK_MIN, watermarkOk } from "./watermark.ts";
import { gfpZone, pageZone, type Zone } from "./zone.ts";

/** alloc_pages(gfp, 0): a frame with one reference, preferably of node `nid`; -1 when there is none to be had. */
export function* allocPage(k: Kernel, gfp: number, nid = 0): Task<Pfn> {
  gfp = currentGfpContext(gfp);
  mightAlloc(gfp);
  if ((gfp & __GFP_NOFAIL) === 0 && shouldFail(k)) return -1;
  let pfn = yield* getPageFromFreelist(k, nid, gfpZone(gfp), ALLOC_WMARK_LOW);
  if (pfn < 0 && k.reclaims) pfn = yield* allocPagesSlowpath(k, gfp, nid);
  if (pfn < 0) k.stat.failures++;
  else if ((gfp & __GFP_ZERO) !== 0) k.frames.content[pfn] = 0;
  return pfn;
}

/** get_page_from_freelist: the first zone up to type `highest`, from node `nid` onwards, whose watermark allows it; -1. */
export function* getPageFromFreelist(k: Kernel, nid: number, highest: number, flags: number): Task<Pfn> {
  yield* lock(k.state.zoneLock);
  let pfn = -1;
  for (const zone of k.zonelists[nid * 4 + highest]) {
    if (!zoneAllows(k, zone, highest, flags)) continue;
    pfn = takeFree(k, zone);
    if (pfn >= 0) break;
  }
  yield* unlock(k.state.zoneLock);
  return pfn;
}

/** zone_watermark_fast. */
export function zoneAllows(k: Kernel, zone: Zone, highest: number, flags: number): boolean {
  if ((flags & ALLOC_NO_WATERMARKS) !== 0) return true;
  const { free, boost } = k.zoneState;
  return watermarkOk(free[zone.index], markOf(zone, flags) + boost[zone.index], zone.reserve[highest], flags);
}

/** wmark_pages without the boost. */
export function markOf(zone: Zone, flags: number): number {
  const which = flags & ALLOC_WMARK_MASK;
  return which === ALLOC_WMARK_MIN ? zone.marks.min : which === ALLOC_WMARK_LOW ? zone.marks.low : zone.marks.high;
}

/** The newest free frame; -1. Zone lock held. */
function takeFree(k: Kernel, zone: Zone): Pfn {
  const { frames, zoneState } = k;
  const pfn = zoneState.head[zone.index] - 1;
  if (pfn < 0) return -1;
  zoneState.head[zone.index] = frames.next[pfn];
  zoneState.free[zone.index]--;
  frames.next[pfn] = 0;
  if (frames.refcount[pfn] !== 0 || frames.mapcount[pfn] !== 0)
    throw new Finding("use-after-free", `frame ${pfn} is free and in use`);
  frames.flags[pfn] = 0;
  frames.refcount[pfn] = 1;
  k.state.pagesInUse++;
  countVm(k, ALLOCATED[zone.type]);
  return pfn;
}

/**
 * isolate_freepages_block: up to `n` free frames of [start, end) leave the free lists for `list`, in order, as if allocated.
 * Where it stopped. None while the zone is at its min watermark, since they come on top of what is in use.
 */
export function* isolateFreeFrames(k: Kernel, zone: Zone, start: Pfn, end: Pfn, n: number, list: PageList): Task<Pfn> {
  yield* lock(k.state.zoneLock);
  const { frames, zoneState } = k;
  let at = start;
  let left = zoneAllows(k, zone, zone.type, ALLOC_WMARK_MIN) ? n : 0;
  for (; at < end && left > 0; at++) {
    countVm(k, EV.compact_free_scanned);
    if ((frames.flags[at] & PG_buddy) !== 0) left--;
  }
  // In the list of free frames they are anywhere.
  let before = -1;
  for (let pfn = zoneState.head[zone.index] - 1; pfn >= 0; ) {
    const next = frames.next[pfn];
    if (pfn < start || pfn >= at) before = pfn;
    else if (before < 0) zoneState.head[zone.index] = next;
    else frames.next[before] = next;
    pfn = next - 1;
  }
  for (let pfn = start; pfn < at; pfn++) {
    if ((frames.flags[pfn] & PG_buddy) === 0) continue;
    zoneState.free[zone.index]--;
    frames.flags[pfn] = 0;
    frames.refcount[pfn] = 1;
    k.state.pagesInUse++;
    listAddTail(k, list, pfn);
    countVm(k, EV.compact_isolated);
  }
  yield* unlock(k.state.zoneLock);
  return at;
}

const ALLOCATED = [EV.pgalloc_dma, EV.pgalloc_dma32, EV.pgalloc_normal, EV.pgalloc_movable] as const;

/** Takes a frame of node `nid` and no other, without reclaim; -1 when none is free there. */
export function* allocPageNode(k: Kernel, gfp: number, nid: number): Task<Pfn> {
  mightAlloc(gfp);
  if (shouldFail(k)) return -1;
  const highest = gfpZone(gfp);
  yield* lock(k.state.zoneLock);
  let pfn = -1;
  for (const zone of k.zonelists[nid * 4 + highest]) {
    if (zone.nid !== nid || !zoneAllows(k, zone, highest, ALLOC_WMARK_LOW)) continue;
    pfn = takeFree(k, zone);
    if (pfn >= 0) break;
  }
  yield* unlock(k.state.zoneLock);
  return pfn;
}

/**
 * might_alloc: what lockdep and the sleep check are told about every allocation, also when a page is free. Whatever may
 * reclaim directly may call notifiers, GFP_NOFS and GFP_NOIO included.
 */
export function mightAlloc(gfp: number): void {
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0) return;
  mightSleep("allocate with direct reclaim");
  if ((contextWord() & PF_MEMALLOC) !== 0) return;
  if ((gfp & __GFP_FS) !== 0) lockMapTouch(fsReclaim);
  lockMapTouch(mmuNotifierInvalidateRangeStart);
}

/** free_unref_page: the last reference is gone and nothing leads to `pfn` any more. Its charge is given back too. */
export function* freePage(k: Kernel, pfn: Pfn): Task {
  prepareToFree(k, pfn);
  yield* lock(k.state.zoneLock);
  addToFreeList(k, pfn);
  yield* unlock(k.state.zoneLock);
}

/** free_unref_page_list: the frames of a list (pfn + 1, linked by `next`), under the zone lock once. */
export function freePageList(k: Kernel, freed: number): Task {
  return freed === 0 ? (answer(undefined) as never) : freeAll(k, freed);
}

function* freeAll(k: Kernel, freed: number): Task {
  for (let next = freed; next !== 0; next = k.frames.next[next - 1]) prepareToFree(k, next - 1);
  yield* lock(k.state.zoneLock);
  for (let next = freed; next !== 0; ) {
    const pfn = next - 1;
    next = k.frames.next[pfn];
    addToFreeList(k, pfn);
  }
  yield* unlock(k.state.zoneLock);
}

/** free_pages_prepare. */
export function prepareToFree(k: Kernel, pfn: Pfn): void {
  const { frames } = k;
  if (frames.mapcount[pfn] !== 0) throw new Finding("use-after-free", `frame ${pfn} is freed while page tables map it`);
  uncharge(k, pfn);
  notePending(k, pfn, frames.flags[pfn], PG_buddy);
  frames.flags[pfn] = PG_buddy;
  frames.mapping[pfn] = 0;
  frames.index[pfn] = 0;
  frames.private[pfn] = 0;
  frames.mlockCount[pfn] = 0;
  frames.prev[pfn] = 0;
  frames.generation[pfn] = (frames.generation[pfn] + 1) & 1023 & k.ageMask;
}

/** Zone lock held. */
function addToFreeList(k: Kernel, pfn: Pfn): void {
  const { frames } = k;
  const zone = pageZone(k, pfn).index;
  frames.next[pfn] = k.zoneState.head[zone];
  k.zoneState.head[zone] = pfn + 1;
  k.zoneState.free[zone]++;
  k.state.pagesInUse--;
  countVm(k, EV.pgfree);
}
