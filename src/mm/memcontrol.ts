/**
 * Memory cgroups (mm/memcontrol.c): charging folios to a limit, and what happens when it is reached.
 *
 *   charge ─stock of the CPU?─▶ done       else 64 pages, else 1 page, from the counters up to the root
 *      └─over a limit─▶ reclaim there ≥ 32 pages ─▶ try again … 16 times ─▶ OOM killer of the cgroup ─▶ -ENOMEM
 *
 * The root (number 0) is charged nothing. Counters are in pageCounter.ts, the stock in memcgStock.ts.
 */
import { contextWord, memallocRestore, memallocSave, PF_MEMALLOC } from "../machine/context.ts";
import { currentBase, immediately, T_CONTEXT, type Task, W } from "../machine/core.ts";
import { EAGAIN, EINTR, ENOMEM } from "../machine/errno.ts";
import {
  __GFP_ATOMIC,
  __GFP_HIGH,
  __GFP_MEMALLOC,
  __GFP_NOFAIL,
  __GFP_NOLOCKDEP,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RETRY_MAYFAIL,
  currentGfpContext,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  gfpAllowsBlocking,
} from "../machine/gfp.ts";
import { fatalSignalPending } from "../machine/killable.ts";
import type { Kernel } from "./kernel.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";
import { consumeStock, drainAllStock, MEMCG_CHARGE_BATCH, refillStock } from "./memcgStock.ts";
import { isAboveHigh, owe } from "./memcontrolHigh.ts";
import { NO_LIMIT } from "./memcontrolTypes.ts";
import type { Mm, Process } from "./mmTypes.ts";
import { memCgroupOutOfMemory } from "./oomMemcg.ts";
import { folioMemcg, type Pfn, setFolioMemcg } from "./page.ts";
import { forceCharge, pageCounterTryCharge, tryChargeAtOnce, uncharge1 } from "./pageCounter.ts";
import { freeScanControl, newScanControl, SWAP_CLUSTER_MAX } from "./scanControl.ts";
import { lruAddDrain } from "./swap.ts";
import { getNrSwapPages, totalSwapPages } from "./swapfile.ts";
import { condResched } from "./throttle.ts";
import { doTryToFreePages } from "./vmscan.ts";
import { traceReclaimBegin, traceReclaimEnd } from "./vmscanTrace.ts";
import { countMemcgEvent } from "./vmstat.ts";

/** GFP_RECLAIM_MASK: what the caller's mask decides about; the rest is that of user memory. */
const GFP_RECLAIM_MASK =
  GFP_KERNEL |
  __GFP_HIGH |
  __GFP_NOWARN |
  __GFP_RETRY_MAYFAIL |
  __GFP_NOFAIL |
  __GFP_NORETRY |
  __GFP_MEMALLOC |
  __GFP_NOMEMALLOC |
  __GFP_ATOMIC |
  __GFP_NOLOCKDEP;
const reclaimMask = (gfp: number): number =>
  (currentGfpContext(gfp) & GFP_RECLAIM_MASK) | (GFP_HIGHUSER_MOVABLE & ~GFP_RECLAIM_MASK);

// The memcg of the running task, in the upper bits of its context word: charges of file pages go there.
const TASK_MEMCG_SHIFT = 20;
const TASK_MEMCG_MASK = 63 << TASK_MEMCG_SHIFT;

export function taskMemcg(): number {
  return (contextWord() & TASK_MEMCG_MASK) >>> TASK_MEMCG_SHIFT;
}

/** The running task charges to `memcg` from now on, and so does the address space of `p`. Charges made stay. */
export function joinMemcg(p: Process, memcg: number): void {
  const at = currentBase() + T_CONTEXT;
  W[at] = (W[at] & ~TASK_MEMCG_MASK) | (memcg << TASK_MEMCG_SHIFT);
  if (p.mm) p.mm.memcg = memcg;
}

/** The root has no limits, but counts. */
function chargeRoot(k: Kernel): Task<number> {
  memcgRstatUpdated(k, 1); // PGPGIN
  return immediately(0) as never;
}

/** mem_cgroup_charge of a new folio for `mm`. 0, or -ENOMEM: the caller drops it. */
export function memCgroupCharge(k: Kernel, pfn: Pfn, mm: Mm, gfp: number): Task<number> {
  return mm.memcg === 0 ? chargeRoot(k) : chargeFolio(k, pfn, mm.memcg, gfp);
}

/** The same for the page cache: the running task pays. */
export function memCgroupChargeCurrent(k: Kernel, pfn: Pfn, gfp: number): Task<number> {
  const memcg = taskMemcg();
  return memcg === 0 ? chargeRoot(k) : chargeFolio(k, pfn, memcg, gfp);
}

/** mem_cgroup_swapin_charge_folio: whoever owned the swap slot pays (`memcg`, of the slot; 0 = none, then the mm's). */
export function memCgroupSwapinCharge(k: Kernel, pfn: Pfn, memcg: number, mm: Mm, gfp: number): Task<number> {
  const payer = memcg !== 0 ? memcg : mm.memcg;
  return payer === 0 ? chargeRoot(k) : chargeFolio(k, pfn, payer, gfp);
}

function* chargeFolio(k: Kernel, pfn: Pfn, memcg: number, gfp: number): Task<number> {
  const error = yield* tryCharge(k, memcg, gfp, 1);
  if (error !== 0) return error;
  setFolioMemcg(k, pfn, memcg);
  memcgRstatUpdated(k, 1); // PGPGIN
  return 0;
}

/** mem_cgroup_migrate: the new folio takes over the charge of the old one. */
export function memCgroupMigrate(k: Kernel, from: Pfn, to: Pfn): void {
  setFolioMemcg(k, to, folioMemcg(k, from));
  setFolioMemcg(k, from, 0);
}

/** mem_cgroup_uncharge: when the last reference is gone. */
export function uncharge(k: Kernel, pfn: Pfn): void {
  const memcg = folioMemcg(k, pfn);
  if (memcg !== 0) uncharge1(k, memcg, 1);
  memcgRstatUpdated(k, 1); // PGPGOUT
}

/** mem_cgroup_margin: how much may still be charged to it. */
export function memcgMargin(k: Kernel, memcg: number): number {
  return Math.max(0, k.memcgs.max[memcg] - k.memcgs.usage[memcg]);
}

/** Charges `n` pages without waiting: beyond the limit, where it is reached. */
export function chargeNow(k: Kernel, memcg: number, n: number): void {
  if (consumeStock(k, memcg, n)) return;
  const batch = Math.max(MEMCG_CHARGE_BATCH, n);
  if (tryChargeAtOnce(k, memcg, batch) < 0) refillStock(k, memcg, batch - n);
  else forceCharge(k, memcg, n);
}

/** try_charge_memcg: `n` pages. 0 or -ENOMEM. */
export function* tryCharge(k: Kernel, memcg: number, gfp: number, n: number): Task<number> {
  let batch = Math.max(MEMCG_CHARGE_BATCH, n);
  let retries = k.lru.maxRetries;
  let drained = false;
  let passedOom = false;
  for (;;) {
    if (consumeStock(k, memcg, n)) return 0;
    const over = yield* pageCounterTryCharge(k, memcg, batch);
    if (over < 0) break;
    if (batch > n) {
      batch = n;
      continue;
    }
    if ((contextWord() & PF_MEMALLOC) !== 0) {
      // Reclaim itself needs the memory: its limit comes second.
      forceCharge(k, memcg, n);
      return 0;
    }
    if (!gfpAllowsBlocking(gfp)) return noMemory(k, memcg, gfp, n);
    countMemcgEvent(k, over, "max");
    const reclaimed = yield* tryToFreeMemCgroupPages(k, over, n, gfp, true, false);
    if (memcgMargin(k, over) >= n) continue;
    if (!drained) {
      yield* drainAllStock(k, over);
      drained = true;
      continue;
    }
    if ((gfp & __GFP_NORETRY) !== 0) return noMemory(k, memcg, gfp, n);
    if (reclaimed > 0 && n <= 8) continue;
    if (retries-- > 0) continue;
    if ((gfp & __GFP_RETRY_MAYFAIL) !== 0) return noMemory(k, memcg, gfp, n);
    // Who was killed to no avail must get out of here.
    if (passedOom && fatalSignalPending()) return noMemory(k, memcg, gfp, n);
    countMemcgEvent(k, over, "oom");
    if (!(yield* memCgroupOutOfMemory(k, over, gfp))) return noMemory(k, memcg, gfp, n);
    passedOom = true;
    retries = k.lru.maxRetries;
    // The memory comes from the victim or the reaper, who have to run for that.
    yield* condResched();
  }
  if (batch > n) refillStock(k, memcg, batch - n);
  if (isAboveHigh(k, memcg)) yield* owe(k, batch, gfp);
  return 0;
}

function noMemory(k: Kernel, memcg: number, gfp: number, n: number): number {
  if ((gfp & (__GFP_NOFAIL | __GFP_HIGH)) === 0) {
    k.stat.failures++;
    return -ENOMEM;
  }
  forceCharge(k, memcg, n);
  return 0;
}

/** try_to_free_mem_cgroup_pages: at least 32 pages of `memcg` and what is below it. How many were reclaimed. */
export function* tryToFreeMemCgroupPages(
  k: Kernel,
  memcg: number,
  n: number,
  gfp: number,
  maySwap: boolean,
  proactive: boolean,
): Task<number> {
  const sc = newScanControl(k, reclaimMask(gfp));
  sc.nrToReclaim = Math.max(n, SWAP_CLUSTER_MAX);
  sc.targetMemcg = memcg;
  sc.maySwap = maySwap;
  sc.proactive = proactive;
  traceReclaimBegin("mm_vmscan_memcg_reclaim_begin", sc);
  const flags = memallocSave(PF_MEMALLOC);
  const reclaimed = yield* doTryToFreePages(k, sc);
  memallocRestore(PF_MEMALLOC, flags);
  traceReclaimEnd("mm_vmscan_memcg_reclaim_end", reclaimed);
  freeScanControl(k, sc);
  return reclaimed;
}

/** Write to memory.reclaim: 0; -EAGAIN when less than `n` pages could be reclaimed, -EINTR for a caller that is killed. */
export function* memoryReclaim(k: Kernel, memcg: number, n: number): Task<number> {
  let reclaimed = 0;
  let retries = k.lru.maxRetries;
  while (reclaimed < n) {
    if (fatalSignalPending()) return -EINTR;
    // The last attempt sees the folios in the batches too.
    if (retries === 0) yield* lruAddDrain(k);
    const got = yield* tryToFreeMemCgroupPages(k, memcg, n - reclaimed, GFP_KERNEL, true, true);
    if (got === 0 && retries-- === 0) return -EAGAIN;
    reclaimed += got;
  }
  return 0;
}

/** Write to memory.max: what is above the new limit is reclaimed, else the OOM killer is called, unless it chooses the caller. */
export function* setMemoryMax(k: Kernel, memcg: number, max: number): Task {
  k.memcgs.max[memcg] = max;
  let retries = k.lru.maxRetries;
  let drained = false;
  while (k.memcgs.usage[memcg] > k.memcgs.max[memcg] && !fatalSignalPending()) {
    if (!drained) {
      yield* drainAllStock(k, memcg);
      drained = true;
    } else if (retries > 0) {
      const excess = k.memcgs.usage[memcg] - k.memcgs.max[memcg];
      if ((yield* tryToFreeMemCgroupPages(k, memcg, excess, GFP_KERNEL, true, false)) === 0) retries--;
    } else {
      countMemcgEvent(k, memcg, "oom");
      if (!(yield* memCgroupOutOfMemory(k, memcg, GFP_KERNEL))) return;
      yield* condResched();
    }
  }
}

/** Write to memory.high. */
export function* setMemoryHigh(k: Kernel, memcg: number, high: number): Task {
  k.memcgs.high[memcg] = high;
  let retries = k.lru.maxRetries;
  let drained = false;
  while (k.memcgs.usage[memcg] > k.memcgs.high[memcg] && !fatalSignalPending()) {
    if (!drained) {
      yield* drainAllStock(k, memcg);
      drained = true;
      continue;
    }
    const excess = k.memcgs.usage[memcg] - k.memcgs.high[memcg];
    if ((yield* tryToFreeMemCgroupPages(k, memcg, excess, GFP_KERNEL, true, false)) === 0 && retries-- === 0) return;
  }
}

/** Write to memory.swap.max: what is in swap already stays there. */
export function setMemorySwapMax(k: Kernel, memcg: number, max: number): Task {
  k.memcgs.swapMax[memcg] = max;
  return immediately(undefined) as never;
}

/** mem_cgroup_get_nr_swap_pages: how many slots the folios of `memcg` may still take. */
export function memcgNrSwapPages(k: Kernel, memcg: number): number {
  let n = getNrSwapPages(k);
  const { swap, swapMax } = k.memcgs;
  for (let at = memcg; at > 0; at = k.memcgParents[at]) n = Math.min(n, swapMax[at] - swap[at]);
  return n;
}

/** mem_cgroup_swap_full: are slots so scarce that a folio in memory should give up its own? */
export function memcgSwapFull(k: Kernel, memcg: number): boolean {
  if (getNrSwapPages(k) * 2 < totalSwapPages(k)) return true;
  const { swap, swapMax } = k.memcgs;
  for (let at = memcg; at > 0; at = k.memcgParents[at]) {
    if (swapMax[at] !== NO_LIMIT && swap[at] * 2 >= swapMax[at]) return true;
  }
  return false;
}

/** mem_cgroup_try_charge_swap: a slot for a folio of `memcg`. False = over memory.swap.max. */
export function memCgroupTryChargeSwap(k: Kernel, memcg: number): boolean {
  const { swap, swapMax } = k.memcgs;
  for (let at = memcg; at > 0; at = k.memcgParents[at]) {
    if (swap[at] + 1 > swapMax[at]) {
      countMemcgEvent(k, memcg, "swap_max");
      countMemcgEvent(k, memcg, "swap_fail");
      return false;
    }
  }
  for (let at = memcg; at > 0; at = k.memcgParents[at]) swap[at]++;
  memcgRstatUpdated(k, 1); // MEMCG_SWAP
  return true;
}

/** mem_cgroup_uncharge_swap: a slot that `memcg` was charged for is free. */
export function memCgroupUnchargeSwap(k: Kernel, memcg: number): void {
  memcgRstatUpdated(k, 1);
  for (let at = memcg; at > 0; at = k.memcgParents[at]) k.memcgs.swap[at]--;
}
