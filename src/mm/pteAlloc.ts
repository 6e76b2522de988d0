/**
 * Making page tables (__pte_alloc and its like in mm/memory.c). GFP_PGTABLE_USER has __GFP_ACCOUNT: the cgroup of the running
 * task pays for each, and may have to reclaim first.
 */
import { immediately, type Task } from "../machine/core.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import type { Kernel } from "./kernel.ts";
import { chargePagesNow, unchargePages } from "./kmem.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";
import { taskMemcg, tryCharge } from "./memcontrol.ts";
import type { Mm } from "./mmTypes.ts";
import type { Vpn } from "./page.ts";
import { allocTable, freeTable, pgdSlot, pmdSlot, pteSlot, pudSlot } from "./pageTable.ts";
import { tablesChange } from "./tableGuards.ts";

const answer = (value: boolean): Task<boolean> => immediately(value) as never;

/** pte_alloc: all levels for `vpn` exist afterwards. False without memory. Whoever installs a table first wins. */
export function pteAlloc(k: Kernel, mm: Mm, vpn: Vpn): Task<boolean> {
  if (pteSlot(k, mm, vpn) !== 0) return answer(true);
  return taskMemcg() === 0 ? answer(levels(k, mm, vpn, LEVELS)) : chargedLevels(k, mm, vpn, LEVELS);
}

/** pmd_alloc: the levels down to the table that has the pmd entry. */
export function pmdAlloc(k: Kernel, mm: Mm, vpn: Vpn): Task<boolean> {
  return taskMemcg() === 0 ? answer(levels(k, mm, vpn, UPPER)) : chargedLevels(k, mm, vpn, UPPER);
}

/** Set-up: the same for nobody's account. */
export function installTables(k: Kernel, mm: Mm, vpn: Vpn): boolean {
  return levels(k, mm, vpn, LEVELS);
}

/** Levels of entries that must lead to a table: those of the top, of the pud and of the pmd table. */
const UPPER = 2;
const LEVELS = 3;
const slotOf = (k: Kernel, mm: Mm, vpn: Vpn, level: number): number =>
  level === 0 ? pgdSlot(k, mm, vpn) : level === 1 ? pudSlot(k, mm, vpn) : pmdSlot(k, mm, vpn);

function levels(k: Kernel, mm: Mm, vpn: Vpn, n: number): boolean {
  for (let level = 0; level < n; level++) if (!populate(k, mm, slotOf(k, mm, vpn, level))) return false;
  return true;
}

function populate(k: Kernel, mm: Mm, slot: number): boolean {
  if (k.tables.entry[slot] !== 0) return true;
  tablesChange(k, mm);
  const table = allocTable(k);
  if (table !== 0) k.tables.entry[slot] = table;
  return table !== 0;
}

function* chargedLevels(k: Kernel, mm: Mm, vpn: Vpn, n: number): Task<boolean> {
  const memcg = taskMemcg();
  for (let level = 0; level < n; level++) {
    const slot = slotOf(k, mm, vpn, level);
    if (k.tables.entry[slot] !== 0) continue;
    if ((yield* tryCharge(k, memcg, GFP_KERNEL, 1)) !== 0) return false;
    const wasThere = k.tables.entry[slot] !== 0;
    if (!wasThere && populate(k, mm, slot)) {
      k.kmem.tables.payer[k.tables.entry[slot]] = memcg;
      noteTable(k);
    } else unchargePages(k, memcg, 1);
    if (k.tables.entry[slot] === 0) return false;
  }
  return true;
}

/** pgd_alloc: 0 without memory. */
export function pgdAlloc(k: Kernel): number {
  const table = allocTable(k);
  const memcg = table === 0 ? 0 : chargePagesNow(k, 1);
  if (memcg !== 0) {
    k.kmem.tables.payer[table] = memcg;
    noteTable(k);
  }
  return table;
}

/** Frees table `t`, and gives its charge back. */
export function releaseTable(k: Kernel, t: number): void {
  freeTable(k, t);
  if (k.memcgParents.length === 1) return;
  if (k.kmem.tables.payer[t] === 0) return;
  unchargePages(k, k.kmem.tables.payer[t], 1);
  noteTable(k);
  k.kmem.tables.payer[t] = 0;
}

/** A table more or less that a cgroup pays for: MEMCG_KMEM and NR_PAGETABLE. */
function noteTable(k: Kernel): void {
  memcgRstatUpdated(k, 1);
  memcgRstatUpdated(k, 1);
}
