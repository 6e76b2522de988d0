/**
 * The stock of a CPU (struct memcg_stock_pcp in mm/memcontrol.c): pages charged to one cgroup ahead of their use, so that not
 * every page takes the counters. Whoever uses it has preemption off.
 *
 *   charge of 64 ─▶ one is used, 63 are the stock ─▶ next charges ─▶ empty
 *                      └─ another cgroup charges, or the limit is hit somewhere: drained, that is given back to the counters
 *
 * So when nothing of a cgroup is in use any more, its counter still has what is in the stock, and what kmem.ts keeps of a page
 * for structs; after `drainAllStock` it is 0.
 */
import { point } from "../machine/cell.ts";
import { answer, sequential, type Task } from "../machine/core.ts";
import type { Kernel } from "./kernel.ts";
import { drainObjStock } from "./kmem.ts";
import { isDescendant } from "./lruvec.ts";
import { uncharge1 } from "./pageCounter.ts";
import { guards } from "./rules.ts";

/** Pages charged at a time; what is left over becomes the CPU's stock. */
export const MEMCG_CHARGE_BATCH = 64;

export function consumeStock(k: Kernel, memcg: number, n: number): boolean {
  const { state } = k;
  if (n > MEMCG_CHARGE_BATCH || state.stockMemcg !== memcg || state.stockPages < n) return false;
  state.stockPages -= n;
  return true;
}

/** refill_stock: charged, and not in use. */
export function refillStock(k: Kernel, memcg: number, n: number): void {
  const { state } = k;
  if (state.stockMemcg !== memcg) {
    drainStock(k);
    state.stockMemcg = memcg;
  }
  state.stockPages += n;
  if (state.stockPages > MEMCG_CHARGE_BATCH) drainStock(k);
}

/** drain_stock. */
export function drainStock(k: Kernel): void {
  const { state } = k;
  if (state.stockPages > 0) uncharge1(k, state.stockMemcg, state.stockPages);
  state.stockPages = 0;
  state.stockMemcg = 0;
}

/** drain_all_stock: if the stocks are of `memcg`, or of what is below it, both are given back. */
export function drainAllStock(k: Kernel, memcg: number): Task {
  const { stockMemcg, stockPages, objStockMemcg } = k.state;
  const pages = stockPages > 0 && isDescendant(k, stockMemcg, memcg);
  if (!pages && !(objStockMemcg > 0 && isDescendant(k, objStockMemcg, memcg))) return answer(undefined) as never;
  drainObjStock(k);
  if (!sequential && !guards(k.rules, "stockPreemptOff")) return drainInterrupted(k);
  drainStock(k);
  return answer(undefined) as never;
}

/** Preemption is on: others may use and drain the same stock in between. */
function* drainInterrupted(k: Kernel): Task {
  const { stockMemcg, stockPages } = k.state;
  yield* point();
  if (stockPages > 0) uncharge1(k, stockMemcg, stockPages);
  k.state.stockPages = 0;
  k.state.stockMemcg = 0;
}
