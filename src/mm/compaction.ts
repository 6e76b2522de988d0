/**
 * Compaction (mm/compaction.c), as far as /proc/sys/vm/compact_memory does it: pages at the start of a zone move to free
 * frames at its end, until the two scanners meet.
 *
 *   start ─▶ migrate scanner: ≤ 32 movable folios, isolated ─▶ migrate_pages ─▶ frames of the free scanner ◀─ end
 *                pinned (more references than mappings): left, unless somebody could find out otherwise
 *
 * Isolated folios are on no list, so whoever reclaims waits when they are too many; so does compaction itself.
 */
import type { Task } from "../machine/core.ts";
import { fatalSignalPending } from "../machine/killable.ts";
import { folioIsolateLru, putbackMovablePages } from "./isolate.ts";
import type { Kernel } from "./kernel.ts";
import { LRU_ACTIVE_ANON, LRU_ACTIVE_FILE, LRU_INACTIVE_ANON, LRU_INACTIVE_FILE } from "./lruTypes.ts";
import { nodePageState } from "./lruvec.ts";
import { migratePagesInto } from "./migrate.ts";
import {
  folioMapcount,
  folioRefCount,
  folioTryGet,
  hasFlag,
  type Pfn,
  PG_anon,
  PG_buddy,
  PG_lru,
  PG_swapbacked,
  PG_swapcache,
} from "./page.ts";
import { isolateFreeFrames } from "./pageAlloc.ts";
import { freePageListHead, listAddHead, listShift, newPageList, type PageList } from "./pageList.ts";
import { guards } from "./rules.ts";
import { SWAP_CLUSTER_MAX } from "./scanControl.ts";
import { folioPut, lruAddDrain } from "./swap.ts";
import { reclaimThrottle, VMSCAN_THROTTLE_ISOLATED } from "./throttle.ts";
import { countVm, EV } from "./vmstat.ts";
import type { Zone } from "./zone.ts";

/** COMPACT_CLUSTER_MAX. */
const CLUSTER = SWAP_CLUSTER_MAX;

/** pageblock_nr_pages: what one page table maps. The scanners never work in the same block. */
const blockPages = (k: Kernel): number => 1 << k.tableShift;
const blockOf = (k: Kernel, pfn: Pfn): number => pfn >> k.tableShift;

/** Write to /proc/sys/vm/compact_memory: all zones of all nodes, whatever it costs (MIGRATE_SYNC). */
export function* compactMemory(k: Kernel): Task {
  yield* lruAddDrain(k);
  for (let i = 0; i < k.zones.length; i++) yield* compactZone(k, k.zones[i]);
}

/** compact_zone. */
function* compactZone(k: Kernel, zone: Zone): Task {
  const pages = newPageList(k);
  const free = newPageList(k);
  let low = zone.start;
  // The free scanner: the block that it is in, and where it goes on in there.
  let block = ((zone.end - 1) >> k.tableShift) << k.tableShift;
  let at = block;
  let more = true;
  while (more && blockOf(k, low) < blockOf(k, block)) {
    low = yield* isolateMigratepages(k, zone, low, Math.min(nextBlock(k, low), zone.end), pages);
    if (low < 0) break;
    while (free.count < pages.count && blockOf(k, low) < blockOf(k, block)) {
      const end = Math.min(block + blockPages(k), zone.end);
      at = yield* isolateFreeFrames(k, zone, Math.max(at, zone.start), end, pages.count - free.count, free);
      if (at < end) break;
      block -= blockPages(k);
      at = block;
    }
    more = yield* migrateIsolated(k, zone, pages, free);
  }
  // release_freepages.
  for (let pfn = listShift(k, free); pfn >= 0; pfn = listShift(k, free)) yield* folioPut(k, pfn);
  freePageListHead(k, free);
  freePageListHead(k, pages);
}

const nextBlock = (k: Kernel, pfn: Pfn): number => (blockOf(k, pfn) + 1) << k.tableShift;

/** What cannot move goes back. False = there are no frames to move to. */
function* migrateIsolated(k: Kernel, zone: Zone, pages: PageList, free: PageList): Task<boolean> {
  const all = pages.count;
  if (all === 0) return true;
  const files = countFiles(k, pages);
  const pgdat = k.pgdats[zone.nid];
  pgdat.isolatedFile += files;
  pgdat.isolatedAnon += all - files;
  const failed = yield* migratePagesInto(k, pages, free);
  yield* putbackMovablePages(k, pages);
  pgdat.isolatedFile -= files;
  pgdat.isolatedAnon -= all - files;
  return failed >= 0;
}

function countFiles(k: Kernel, list: PageList): number {
  let n = 0;
  for (let at = list.first; at !== 0; at = k.frames.next[at - 1]) if (!hasFlag(k, at - 1, PG_swapbacked)) n++;
  return n;
}

/**
 * isolate_migratepages_block of [from, to), up to a cluster: where to go on, or -1 for a dying task. The last one isolated is
 * the first to move.
 */
function* isolateMigratepages(k: Kernel, zone: Zone, from: Pfn, to: Pfn, pages: PageList): Task<number> {
  while (tooManyIsolated(k, zone.nid)) {
    yield* reclaimThrottle(k, zone.nid, VMSCAN_THROTTLE_ISOLATED);
    if (fatalSignalPending()) return -1;
  }
  let pfn = from;
  for (; pfn < to && pages.count < CLUSTER; pfn++) {
    countVm(k, EV.compact_migrate_scanned);
    if (yield* isolateOne(k, pfn)) {
      listAddHead(k, pages, pfn);
      countVm(k, EV.compact_isolated);
    }
  }
  return pfn;
}

function* isolateOne(k: Kernel, pfn: Pfn): Task<boolean> {
  if (hasFlag(k, pfn, PG_buddy) || !hasFlag(k, pfn, PG_lru)) return false;
  if (!(yield* folioTryGet(k, pfn))) return false;
  const isolated = !(yield* isPinned(k, pfn)) && (yield* folioIsolateLru(k, pfn));
  yield* folioPut(k, pfn);
  return isolated;
}

/**
 * An anonymous page with more references than mappings, ours not counted: migration would fail (119d6d59dcc0). Racy, since both
 * may change meanwhile. In the page cache and in the swap cache others have references as a matter of course.
 */
function* isPinned(k: Kernel, pfn: Pfn): Task<boolean> {
  if (!guards(k.rules, "compactionSkipsPinned")) return false;
  if (!hasFlag(k, pfn, PG_anon) || hasFlag(k, pfn, PG_swapcache)) return false;
  const refs = yield* folioRefCount(k, pfn);
  return refs - 1 > (yield* folioMapcount(k, pfn));
}

/** too_many_isolated: more than half of what is on the lists. */
function tooManyIsolated(k: Kernel, nid: number): boolean {
  const { isolatedAnon, isolatedFile } = k.pgdats[nid];
  return isolatedAnon + isolatedFile > lruPages(k, nid) >> 1;
}

function lruPages(k: Kernel, nid: number): number {
  let n = 0;
  for (const lru of [LRU_INACTIVE_ANON, LRU_ACTIVE_ANON, LRU_INACTIVE_FILE, LRU_ACTIVE_FILE])
    n += nodePageState(k, nid, lru);
  return n;
}
