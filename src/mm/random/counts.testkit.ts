/** Counters against what they count: LRU lists, charges of cgroups, and what /proc/vmstat must say about itself. */
import { unchecked } from "../../machine/core.ts";
import { checkCharges } from "../checkMemcg.ts";
import type { Kernel } from "../kernel.ts";
import { folioLruList } from "../lruList.ts";
import { BATCH_ADD, BATCH_MLOCK, BATCH_SIZE, NR_LRU_LISTS } from "../lruTypes.ts";
import { folioLruvec, isDescendant } from "../lruvec.ts";
import { PG_buddy, PG_lru, PG_swapcache } from "../page.ts";
import type { Counters } from "../vmstat.ts";
import type { World } from "./world.testkit.ts";

/** Counters at the beginning of a sequence. */
const start = {
  global: null as Counters | null,
  inUse: 0,
  deviceReads: 0,
  deviceWrites: 0,
};

export function startCounting(k: Kernel): void {
  start.global = { ...k.stat.global };
  start.deviceReads = k.stat.deviceReads;
  start.deviceWrites = k.stat.deviceWrites;
  start.inUse = unchecked(() => k.state.pagesInUse);
}

/** What does not fit first, in words; null = all fits. `atEnd`: nobody has anything any more. */
export function compareCounts(w: World, atEnd: boolean): string | null {
  const { k } = w;
  return unchecked(
    () =>
      lists(k) ??
      checkCharges(k, atEnd) ??
      slotCharges(k) ??
      requests(k) ??
      events(k) ??
      (atEnd ? nothingLeft(k) : null),
  );
}

/** Every folio is on the list that its flags say, or in the batch on its way there; nobody loses one. */
function lists(k: Kernel): string | null {
  const { flags, mapcount, next } = k.frames;
  const on = new Set<number>();
  for (let list = 0; list < k.lru.lists.count; list++) {
    for (let at = k.lru.lists.head[list]; at !== 0; at = next[at - 1]) {
      const pfn = at - 1;
      on.add(pfn);
      const expected = folioLruvec(k, pfn) * NR_LRU_LISTS + folioLruList(k, pfn);
      if ((flags[pfn] & PG_lru) === 0 || expected !== list)
        return `frame ${pfn} is on list ${list} instead of ${expected}`;
    }
  }
  const batched = new Set<number>();
  for (const batch of [BATCH_ADD, BATCH_MLOCK]) {
    for (let i = 0; i < k.lru.batches.count[batch]; i++) batched.add(k.lru.batched.page[batch * BATCH_SIZE + i] >> 2);
  }
  for (let pfn = 1; pfn < k.frames.count; pfn++) {
    const used = (flags[pfn] & PG_buddy) === 0 && (mapcount[pfn] > 0 || (flags[pfn] & PG_swapcache) !== 0);
    if (used && !on.has(pfn) && !batched.has(pfn)) return `frame ${pfn} is in use and on no list`;
  }
  return null;
}

/** memory.swap.current. */
function slotCharges(k: Kernel): string | null {
  const { swap, swapMax } = k.memcgs;
  for (let memcg = 1; memcg < swap.length; memcg++) {
    let n = 0;
    for (let slot = 1; slot < k.swap.pages; slot++) {
      const owner = k.swap.slots.memcg[slot];
      if (owner > 0 && isDescendant(k, owner, memcg)) n++;
    }
    if (n !== swap[memcg]) return `cgroup ${memcg} is charged ${swap[memcg]} slots instead of ${n}`;
    if (n > swapMax[memcg]) return `cgroup ${memcg} has ${n} slots and may have ${swapMax[memcg]}`;
  }
  return null;
}

/** pswpin and pswpout are requests that the device has completed, or has still in its queue. */
function requests(k: Kernel): string | null {
  const { queue, state } = k.swap;
  // Somebody may wait until there is room in the queue.
  if (k.swap.slow && state.requests === queue.count) return null;
  let writes = k.stat.deviceWrites - start.deviceWrites;
  let reads = k.stat.deviceReads - start.deviceReads;
  for (let i = 0; i < state.requests; i++) {
    if ((queue.request[i] & 1) !== 0) writes++;
    else reads++;
  }
  const before = start.global as Counters;
  const pswpin = k.stat.global.pswpin - before.pswpin;
  const pswpout = k.stat.global.pswpout - before.pswpout;
  if (pswpin === reads && pswpout === writes) return null;
  return `pswpin is ${pswpin} and pswpout ${pswpout}, and the device got ${reads} and ${writes} requests`;
}

/** Each line: what cannot be more than what, in events since the beginning. */
function events(k: Kernel): string | null {
  const { global } = k.stat;
  const of = (names: readonly (keyof Counters)[]): number =>
    names.reduce((sum, name) => sum + global[name] - (start.global as Counters)[name], 0);
  const rules: readonly (readonly [readonly (keyof Counters)[], readonly (keyof Counters)[]])[] = [
    [["pgsteal_anon"], ["pgscan_anon"]],
    [["pgsteal_file"], ["pgscan_file"]],
    [["pgsteal_kswapd"], ["pgscan_kswapd"]],
    [["pgsteal_direct"], ["pgscan_direct"]],
    [
      ["pgsteal_kswapd", "pgsteal_direct"],
      ["pgsteal_anon", "pgsteal_file"],
    ],
    [
      ["pgscan_kswapd", "pgscan_direct"],
      ["pgscan_anon", "pgscan_file"],
    ],
    [["workingset_refault_anon"], ["pswpin"]],
    [["workingset_activate_anon"], ["workingset_refault_anon"]],
    [["workingset_activate_file"], ["workingset_refault_file"]],
    [["workingset_restore_anon"], ["workingset_activate_anon"]],
    [["workingset_restore_file"], ["workingset_activate_file"]],
    [["pgmajfault"], ["pgfault"]],
    [["pglazyfreed"], ["pglazyfree"]],
    [["nr_foll_pin_released"], ["nr_foll_pin_acquired"]],
  ];
  for (const [less, more] of rules) {
    if (of(less) > of(more))
      return `${less.join(" + ")} is ${of(less)}, more than ${more.join(" + ")}, which is ${of(more)}`;
  }
  const allocated = of(["pgalloc_dma", "pgalloc_dma32", "pgalloc_normal", "pgalloc_movable"]);
  const left = k.state.pagesInUse - start.inUse;
  if (allocated - of(["pgfree"]) !== left)
    return `${allocated - of(["pgfree"])} pages were not freed, and ${left} are in use`;
  let free = 0;
  for (const zone of k.zones) free += k.zoneState.free[zone.index];
  const managed = k.zones.reduce((sum, zone) => sum + zone.managed, 0);
  return free + k.state.pagesInUse === managed
    ? null
    : `${free} free and ${k.state.pagesInUse} used pages, of ${managed}`;
}

/** What batches hold is freed with them; the swap cache may keep what nobody wants any more. */
function nothingLeft(k: Kernel): string | null {
  for (let pfn = 1; pfn < k.frames.count; pfn++) {
    const { flags } = k.frames;
    if ((flags[pfn] & PG_buddy) === 0 && (flags[pfn] & PG_swapcache) === 0) return `frame ${pfn} is in use at the end`;
  }
  return k.pgdats.some((pgdat) => pgdat.isolatedAnon + pgdat.isolatedFile !== 0)
    ? "pages are isolated at the end"
    : null;
}
