/**
 * The slow path of the allocator (__alloc_pages_slowpath in mm/page_alloc.c), for single pages.
 *
 *   wake kswapd ─▶ down to min ─▶ reserves, for who may ─▶ no direct reclaim: fail ─▶ PF_MEMALLOC: fail (guard against recursion)
 *     ─▶ reclaim ─▶ NORETRY: fail ─▶ could what is reclaimable suffice? again, ≤ 16 times without progress ─▶ OOM killer ─▶ …
 */
import { contextWord, PF_MEMALLOC } from "../machine/context.ts";
import type { Task } from "../machine/core.ts";
import { emit, tracing } from "../machine/events.ts";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGH,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
} from "../machine/gfp.ts";
import { trylock, unlock } from "../machine/mutex.ts";
import type { Kernel } from "./kernel.ts";
import { wakeAllKswapds } from "./kswapd.ts";
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRU_ZONES,
  NR_LRU_LISTS,
} from "./lruTypes.ts";
import { lruvecAt } from "./lruvec.ts";
import { globalOutOfMemory, taskIsOomVictim } from "./oomGlobal.ts";
import type { Pfn } from "./page.ts";
import { getPageFromFreelist } from "./pageAlloc.ts";
import { guards } from "./rules.ts";
import { lruAddDrain } from "./swap.ts";
import { getNrSwapPages } from "./swapfile.ts";
import { condResched, scheduleTimeout } from "./throttle.ts";
import { performReclaim } from "./vmscan.ts";
import {
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_HIGH,
  ALLOC_WMARK_MIN,
  watermarkOk,
} from "./watermark.ts";
import { gfpZone, type Zone } from "./zone.ts";

/** gfp_to_alloc_flags. */
export function gfpToAllocFlags(gfp: number): number {
  let flags = ALLOC_WMARK_MIN;
  if ((gfp & __GFP_HIGH) !== 0) flags |= ALLOC_MIN_RESERVE;
  if ((gfp & __GFP_KSWAPD_RECLAIM) !== 0) flags |= ALLOC_KSWAPD;
  if ((gfp & __GFP_DIRECT_RECLAIM) === 0 && (gfp & __GFP_NOMEMALLOC) === 0) flags |= ALLOC_NON_BLOCK;
  return flags;
}

/** __gfp_pfmemalloc_flags: who works for the freeing of memory may use what is kept for that; OOM victims half of it. */
export function gfpPfmemallocFlags(gfp: number, context: number, oomVictim: boolean): number {
  if ((gfp & __GFP_NOMEMALLOC) !== 0) return 0;
  if ((gfp & __GFP_MEMALLOC) !== 0 || (context & PF_MEMALLOC) !== 0) return ALLOC_NO_WATERMARKS;
  return oomVictim ? ALLOC_OOM : 0;
}

/** A frame with one reference, or -1. */
export function* allocPagesSlowpath(k: Kernel, gfp: number, nid: number): Task<Pfn> {
  const highest = gfpZone(gfp);
  let flags = gfpToAllocFlags(gfp);
  let loops = 0;
  yield* wakeAllKswapds(k, gfp, nid);
  let pfn = yield* getPageFromFreelist(k, nid, highest, flags);
  while (pfn < 0) {
    yield* wakeAllKswapds(k, gfp, nid);
    const reserve = gfpPfmemallocFlags(gfp, contextWord(), taskIsOomVictim() && guards(k.rules, "oomReserves"));
    if (reserve !== 0) flags = reserve | (flags & ALLOC_KSWAPD);
    pfn = yield* getPageFromFreelist(k, nid, highest, flags);
    if (pfn >= 0) break;
    if ((gfp & __GFP_DIRECT_RECLAIM) === 0) return -1;
    if ((contextWord() & PF_MEMALLOC) !== 0) {
      if ((gfp & __GFP_NOFAIL) === 0) return -1;
      yield* condResched();
      continue;
    }
    const progress = yield* performReclaim(k, gfp, nid);
    pfn = yield* afterReclaim(k, gfp, nid, highest, flags, progress);
    if (pfn >= 0) break;
    if ((gfp & __GFP_NORETRY) === 0) {
      loops = progress > 0 ? 0 : loops + 1;
      if (loops <= k.lru.maxRetries && mayHelp(k, nid, highest, flags, loops)) {
        yield* condResched();
        continue;
      }
      const killed = yield* mayOom(k, gfp, nid, highest);
      if (killed >= 0) {
        pfn = killed;
        break;
      }
      // A victim that got nothing from the reserves must not wait for its own death.
      const victim = taskIsOomVictim() && ((flags & ALLOC_OOM) !== 0 || (gfp & __GFP_NOMEMALLOC) !== 0);
      if (killed === PROGRESS && !victim) {
        loops = 0;
        // Memory may come from somebody else, who has to run for that.
        yield* condResched();
        continue;
      }
    }
    if ((gfp & __GFP_NOFAIL) === 0) return -1;
    pfn = yield* getPageFromFreelist(k, nid, highest, flags | ALLOC_MIN_RESERVE);
    if (pfn < 0) yield* condResched();
  }
  return pfn;
}

/** __alloc_pages_direct_reclaim, after the reclaim itself: pages that sit in batches are let go once more. */
function* afterReclaim(
  k: Kernel,
  _gfp: number,
  nid: number,
  highest: number,
  flags: number,
  progress: number,
): Task<Pfn> {
  if (progress === 0) return -1;
  const pfn = yield* getPageFromFreelist(k, nid, highest, flags);
  if (pfn >= 0) return pfn;
  // drain_all_pages: here free pages are in no other place, but folios in LRU batches may be the last to go.
  yield* lruAddDrain(k);
  return yield* getPageFromFreelist(k, nid, highest, flags);
}

/** should_reclaim_retry: if all that could be reclaimed were, would some zone be above its min watermark? */
function mayHelp(k: Kernel, nid: number, highest: number, flags: number, loops: number): boolean {
  for (const zone of k.zonelists[nid * 4 + highest]) {
    const free = k.zoneState.free[zone.index];
    const reclaimable = zoneReclaimable(k, zone);
    const available = free + reclaimable;
    const ok = watermarkOk(available, zone.marks.min, zone.reserve[highest], flags);
    if (tracing()) {
      emit("reclaim_retry_zone", {
        node: zone.nid,
        zone_idx: zone.type,
        order: 0,
        reclaimable,
        available,
        min_wmark: zone.marks.min,
        no_progress_loops: loops,
        wmark_check: ok,
      });
    }
    if (ok) return true;
  }
  return false;
}

/** zone_reclaimable_pages: evictable folios; where there are none, what is free counts instead (a back-port in 6.1.y). */
function zoneReclaimable(k: Kernel, zone: Zone): number {
  let n = zoneLru(k, zone, LRU_INACTIVE_FILE) + zoneLru(k, zone, LRU_ACTIVE_FILE);
  if (getNrSwapPages(k) > 0) n += zoneLru(k, zone, LRU_INACTIVE_ANON) + zoneLru(k, zone, LRU_ACTIVE_ANON);
  return n > 0 ? n : k.zoneState.free[zone.index];
}

/** NR_ZONE_LRU_BASE: of all cgroups. */
function zoneLru(k: Kernel, zone: Zone, lru: number): number {
  let n = 0;
  for (let memcg = 0; memcg < k.memcgParents.length; memcg++) {
    const list = lruvecAt(k, memcg, zone.nid) * NR_LRU_LISTS + lru;
    n += k.lru.zoned ? k.lru.zoneSizes.size[list * LRU_ZONES + zone.type] : k.lru.lists.size[list];
  }
  return n;
}

const NO_PROGRESS = -2;
const PROGRESS = -1;

/** __alloc_pages_may_oom: NO_PROGRESS, PROGRESS, or a frame. */
function* mayOom(k: Kernel, gfp: number, nid: number, highest: number): Task<number> {
  if (!(yield* trylock(k.oom.lock))) {
    // Somebody else is killing: give the victim time.
    yield* scheduleTimeout("wait while somebody else is out of memory");
    return PROGRESS;
  }
  // Perhaps it is over: up to the high watermark, so that it must be over for long.
  const looks = guards(k.rules, "oomLastLook");
  const pfn = looks ? yield* getPageFromFreelist(k, nid, highest, ALLOC_WMARK_HIGH) : -1;
  let result = pfn >= 0 ? pfn : NO_PROGRESS;
  if (pfn < 0 && (gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)) === 0) {
    if (yield* globalOutOfMemory(k, gfp)) result = PROGRESS;
  }
  yield* unlock(k.oom.lock);
  return result;
}
