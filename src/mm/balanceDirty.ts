/**
 * Who makes pages dirty waits for them to be written (balance_dirty_pages in mm/page-writeback.c).
 *
 *   each 32nd page at the latest: dirty pages of the machine, and of the cgroup
 *     ─ below the middle of both thresholds ─▶ go on        ─ above ─▶ wake the flusher, sleep
 *
 * Thresholds are shares of what could be dirty: 10 % (the flusher begins) and 20 %. Without
 * `KernelOptions.dirtyThrottling` nobody waits.
 */
import type { Task } from "../machine/core.ts";
import { wakeupFlusherThreads } from "./flusher.ts";
import { EXT4 } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { LRU_ACTIVE_FILE, LRU_INACTIVE_FILE } from "./lruTypes.ts";
import { nodePageState } from "./lruvec.ts";
import { lruvecPageState, memCgroupFlushStats } from "./memcgStat.ts";
import { memcgMargin, taskMemcg } from "./memcontrol.ts";
import { folioMemcg, hasFlag, PG_dirty } from "./page.ts";
import { scheduleTimeout } from "./throttle.ts";

/** vm.dirty_ratio and vm.dirty_background_ratio. */
const RATIO = 20;
const BACKGROUND_RATIO = 10;
/** nr_dirtied_pause of a task that has just begun: 128 KiB. */
const PAUSE = 32;

/** domain_dirty_limits and dirty_freerun_ceiling: below that many dirty pages nobody waits. `available`: pages. */
export function freerunCeiling(available: number): number {
  return Math.floor((dirtyThreshold(available) + Math.floor((available * BACKGROUND_RATIO) / 100)) / 2);
}

const dirtyThreshold = (available: number): number => Math.floor((available * RATIO) / 100);

/** dirty_poll_interval: how many pages may become dirty before the limits are looked at again. */
export function dirtyPollInterval(dirty: number, threshold: number): number {
  return threshold > dirty ? 1 << ((31 - Math.clz32(threshold - dirty)) >> 1) : 1;
}

/** balance_dirty_pages_ratelimited: the running task has made a page dirty. Holds no lock. */
export function* balanceDirtyPagesRatelimited(k: Kernel): Task {
  const { state } = k;
  if (!k.dirtyThrottling || ++state.dirtied < 1) return;
  const memcg = taskMemcg();
  for (;;) {
    const all = available(k);
    const own = memcg === 0 ? all : Math.min(all, availableTo(k, memcg, all));
    const dirty = dirtyPages(k, memcg);
    if (dirty <= freerunCeiling(own)) {
      state.dirtied = -Math.min(PAUSE, dirtyPollInterval(dirty, dirtyThreshold(own)));
      return;
    }
    yield* wakeupFlusherThreads(k);
    yield* scheduleTimeout("wait until dirty pages are written");
  }
}

/** global_dirtyable_memory: what is free beyond the reserves, and what caches files. */
function available(k: Kernel): number {
  let n = filePages(k, 0);
  for (const zone of k.zones) n += Math.max(0, k.zoneState.free[zone.index] - zone.marks.high);
  return n;
}

/** mdtc_calc_avail: what the cgroup caches, and what it may still take of what is clean elsewhere. `all`: of the machine. */
function availableTo(k: Kernel, memcg: number, all: number): number {
  const cached = filePages(k, memcg);
  const clean = cached - Math.min(cached, dirtyPages(k, memcg));
  return cached + Math.min(memcgMargin(k, memcg), Math.max(0, all - dirtyPages(k, 0) - clean));
}

function filePages(k: Kernel, memcg: number): number {
  let n = 0;
  memCgroupFlushStats(k);
  for (let nid = 0; nid < k.nodes; nid++) {
    for (let lru = LRU_INACTIVE_FILE; lru <= LRU_ACTIVE_FILE; lru++) {
      n += memcg === 0 ? nodePageState(k, nid, lru) : lruvecPageState(k, memcg, nid, lru);
    }
  }
  return n;
}

/** NR_FILE_DIRTY, of a cgroup or for 0 of all. Counted here: it is asked for rarely. */
function dirtyPages(k: Kernel, memcg: number): number {
  let n = 0;
  for (let i = 0; i < k.inodes.length; i++) {
    const inode = k.inodes[i];
    if (inode.kind !== EXT4 || inode.nrpages === 0) continue;
    const end = (inode.slot + 1) * k.filePages;
    for (let slot = inode.slot * k.filePages; slot < end; slot++) {
      const pfn = k.cache.page[slot] - 1;
      if (pfn >= 0 && hasFlag(k, pfn, PG_dirty) && (memcg === 0 || folioMemcg(k, pfn) === memcg)) n++;
    }
  }
  return n;
}
