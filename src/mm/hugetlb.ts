/**
 * A file of huge pages that several processes map, with page tables that they share (mm/hugetlb.c), in the smallest form: one file, one
 * block of ENTRIES huge pages, which each process maps as a whole and at the same address; nothing else of its address space is here.
 * `vpn` counts huge pages. Only last-level tables are modelled: the entry above them is `table`.
 *
 *   process 1 ──table──┐
 *                      ├──▶ page table {references: 2} ──▶ huge page {mapcount: 1}
 *   process 2 ──table──┘
 *
 *   fault:    mmap_lock for reading ─▶ i_mmap for reading: who else has a table for the block? ─▶ its lock: entry
 *   migrate:  page locked ─▶ i_mmap for writing ─▶ for each process: start ─▶ shared? give the table up : entry ─▶ migration entry
 *               ─▶ TLB of that process ─▶ end ─▶ nothing maps it? copied, entries lead to the new page
 *
 * Giving a table up takes all pages of the block away from one process, so the section must be as large as the block; whether the table
 * is shared is known only under its lock, so it always is.
 */
import { column, columns } from "../machine/columns.ts";
import { type Handle, keepOrder, type Task } from "../machine/core.ts";
import { Finding, must } from "../machine/finding.ts";
import { lockFolio, unlockFolio, waitFolioLocked } from "../machine/folioLock.ts";
import { lock, type Mutex, spinlockField, unlock } from "../machine/mutex.ts";
import { downRead, downWrite, type RwSem, rwsemField, upRead, upWrite } from "../machine/rwsem.ts";
import { int, struct } from "../machine/struct.ts";
import { choose } from "../machine/wait.ts";
import { sectionCovers } from "./announced.ts";
import type { Kernel } from "./kernel.ts";
import type { Mm } from "./mmTypes.ts";
import {
  invalidateRange,
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_CLEAR,
  RANGE_BLOCKABLE,
} from "./mmuNotifier.ts";
import type { Vpn } from "./page.ts";
import { guards } from "./rules.ts";

/** Huge pages of the block, and of memory. */
export const ENTRIES = 2;
const PAGES = 4;

interface HugeTable extends Handle {
  /** huge_pte_lockptr: of the table, whoever uses it. */
  readonly lock: Mutex;
  /** page_count of the table: processes that use it. 0 = free. */
  users: number;
}
const tableStruct = struct("hugeTable", { lock: spinlockField(), users: int({ ordered: "its lock, with i_mmap" }) });

export interface Hugetlb extends Handle {
  readonly immapRwsem: RwSem;
  /** Who maps the file, in the order of its i_mmap. */
  readonly mms: readonly Mm[];
  readonly tables: readonly HugeTable[];
  /** At table * ENTRIES + index: page + 1, or -(page + 1) while it is migrated. */
  readonly entries: ReturnType<typeof createEntries>;
  /** For each process: its table + 1. */
  readonly puds: ReturnType<typeof createPuds>;
  /** At process * ENTRIES + index: what its CPUs may have in their TLBs, page + 1. */
  readonly tlb: ReturnType<typeof createTlb>;
  readonly pages: ReturnType<typeof createHugePages>;
  /** The page cache: page + 1. */
  readonly cache: ReturnType<typeof createCache>;
  /** Is a use of a freed page a finding of its own? */
  readonly checksFrames: boolean;
}
const hugetlbStruct = struct("hugetlb", { immapRwsem: rwsemField() });
const createEntries = (n: number) => columns("hugeEntries", n, { pte: column({ ordered: "the lock of the table" }) });
const createPuds = (n: number) =>
  columns("hugePuds", n, { table: column({ ordered: "i_mmap and the lock of the table" }) });
const createTlb = (n: number) =>
  columns("hugeTlb", n, { page: column({ ordered: "TLBs: flushed by who changes entries" }) });
const createCache = () => columns("hugeCache", ENTRIES, { page: column({ ordered: "the lock of the page" }) });
const createHugePages = () =>
  columns("hugePage", PAGES, {
    lock: column({ ordered: "operations of folioLock.ts" }),
    mapcount: column({ ordered: "the lock of the table" }),
    used: column({ ordered: "hugetlb_lock" }),
    content: column({ ordered: "memory" }),
  });

/** Set-up: the file, with its pages in memory, mapped by `mms` and touched by nobody. */
export function createHugetlb(mms: readonly Mm[], checksFrames: boolean): Hugetlb {
  const h: Hugetlb = Object.assign(hugetlbStruct.create("hugetlbFile"), {
    mms,
    tables: mms.map((_, i): HugeTable => tableStruct.create(`hugeTable${i + 1}`)),
    entries: createEntries(mms.length * ENTRIES),
    puds: createPuds(mms.length),
    tlb: createTlb(mms.length * ENTRIES),
    pages: createHugePages(),
    cache: createCache(),
    checksFrames,
  });
  for (let i = 0; i < ENTRIES; i++) {
    h.cache.page[i] = i + 1;
    h.pages.used[i] = 1;
  }
  return h;
}

const tableOf = (h: Hugetlb, who: number): number => h.puds.table[who] - 1;
const slotOf = (h: Hugetlb, who: number, vpn: Vpn): number => tableOf(h, who) * ENTRIES + vpn;
const lockOf = (h: Hugetlb, page: number): number => h.pages.wordOf("lock", page);

/** A store by user code of process `who`: through a translation that its CPU has, or by the page table. */
export function* hugeWrite(k: Kernel, h: Hugetlb, who: number, vpn: Vpn, content: number): Task {
  for (;;) {
    const at = who * ENTRIES + vpn;
    // The CPU may have thrown its translation away.
    const walks = (yield* choose(h.tlb.page[at] === 0 ? 1 : 2)) === 1 || h.tlb.page[at] === 0;
    keepOrder();
    if (walks) h.tlb.page[at] = tableOf(h, who) < 0 ? 0 : Math.max(0, h.entries.pte[slotOf(h, who, vpn)]);
    if (h.tlb.page[at] !== 0) {
      const page = h.tlb.page[at] - 1;
      const live = !h.checksFrames || h.pages.used[page] === 1;
      must(live, "use-after-free", `process ${who + 1} writes to huge page ${page}, which is free`);
      h.pages.content[page] = content;
      return;
    }
    yield* hugetlbFault(k, h, who, vpn);
  }
}

/** What a load by process `who` finds, by the page cache: for the end, when nobody writes. */
export const hugeContent = (h: Hugetlb, vpn: Vpn): number => h.pages.content[h.cache.page[vpn] - 1];

/** hugetlb_fault. */
export function* hugetlbFault(_k: Kernel, h: Hugetlb, who: number, vpn: Vpn): Task {
  const mm = h.mms[who];
  yield* downRead(mm.mmapLock);
  yield* downRead(h.immapRwsem);
  if (tableOf(h, who) < 0) yield* hugePmdShare(h, who);
  const table = h.tables[tableOf(h, who)];
  yield* lock(table.lock);
  const slot = slotOf(h, who, vpn);
  const pte = h.entries.pte[slot];
  if (pte === 0) {
    const page = h.cache.page[vpn] - 1;
    h.entries.pte[slot] = page + 1;
    h.pages.mapcount[page]++;
  }
  yield* unlock(table.lock);
  yield* upRead(h.immapRwsem);
  yield* upRead(mm.mmapLock);
  // migration_entry_wait_huge.
  if (pte < 0) yield* waitFolioLocked(lockOf(h, -pte - 1));
}

/** huge_pmd_share: the table of another process for the same block, or an empty one. i_mmap held. */
function* hugePmdShare(h: Hugetlb, who: number): Task {
  for (let other = 0; other < h.mms.length; other++) {
    const t = tableOf(h, other);
    if (other === who || t < 0) continue;
    yield* lock(h.tables[t].lock);
    h.tables[t].users++;
    h.puds.table[who] = t + 1;
    yield* unlock(h.tables[t].lock);
    return;
  }
  const free = h.tables.findIndex((table) => table.users === 0);
  h.tables[free].users = 1;
  h.puds.table[who] = free + 1;
}

/** move_pages for huge page `vpn`: true = it went to another frame. */
export function* migrateHugePage(k: Kernel, h: Hugetlb, vpn: Vpn): Task<boolean> {
  const src = h.cache.page[vpn] - 1;
  const dst = h.pages.used.indexOf(0);
  h.pages.used[dst] = 1;
  yield* lockFolio(lockOf(h, src));
  yield* downWrite(h.immapRwsem);
  for (let who = 0; who < h.mms.length && h.pages.mapcount[src] > 0; who++)
    yield* tryToMigrateHuge(k, h, who, vpn, src);
  yield* upWrite(h.immapRwsem);
  const moves = h.pages.mapcount[src] === 0;
  if (moves) {
    yield* choose(1); // copying takes its time
    h.pages.content[dst] = h.pages.content[src];
    h.cache.page[vpn] = dst + 1;
  }
  yield* removeHugeMigrationPtes(h, vpn, src, moves ? dst : src);
  yield* unlockFolio(lockOf(h, src));
  h.pages.used[moves ? src : dst] = 0;
  return moves;
}

/** try_to_migrate_one for huge pages. */
function* tryToMigrateHuge(k: Kernel, h: Hugetlb, who: number, vpn: Vpn, page: number): Task {
  const mm = h.mms[who];
  if (tableOf(h, who) < 0) return;
  const unshares = guards(k.rules, "hugeUnshares");
  // adjust_range_if_pmd_sharing_possible
  const wide = unshares && guards(k.rules, "hugeWidensRange");
  const start = wide ? 0 : vpn;
  const end = wide ? ENTRIES : vpn + 1;
  const flags = MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE;
  yield* invalidateRangeStart(k, mm, start, end, flags);
  const table = h.tables[tableOf(h, who)];
  yield* lock(table.lock);
  if (unshares && table.users > 1) {
    // huge_pmd_unshare: the page stays mapped, by the others; this process finds its pages again by faulting.
    mustBeAnnounced(k, mm, 0, ENTRIES);
    table.users--;
    h.puds.table[who] = 0;
    flushTlb(h, who, 0, ENTRIES);
    yield* invalidateRange(k, mm, 0, ENTRIES);
  } else if (h.entries.pte[slotOf(h, who, vpn)] === page + 1) {
    for (let user = 0; user < h.mms.length; user++) {
      if (tableOf(h, user) === tableOf(h, who)) mustBeAnnounced(k, h.mms[user], vpn, vpn + 1);
    }
    h.entries.pte[slotOf(h, who, vpn)] = -(page + 1);
    flushTlb(h, who, vpn, vpn + 1);
    yield* invalidateRange(k, mm, vpn, vpn + 1);
    h.pages.mapcount[page]--;
  }
  yield* unlock(table.lock);
  yield* invalidateRangeEnd(k, mm, start, end, flags);
}

/** remove_migration_ptes. */
function* removeHugeMigrationPtes(h: Hugetlb, vpn: Vpn, from: number, to: number): Task {
  yield* downRead(h.immapRwsem);
  for (let who = 0; who < h.mms.length; who++) {
    if (tableOf(h, who) < 0) continue;
    const table = h.tables[tableOf(h, who)];
    yield* lock(table.lock);
    if (h.entries.pte[slotOf(h, who, vpn)] === -(from + 1)) {
      h.entries.pte[slotOf(h, who, vpn)] = to + 1;
      h.pages.mapcount[to]++;
    }
    yield* unlock(table.lock);
  }
  yield* upRead(h.immapRwsem);
}

/** flush_tlb_range of one mm: CPUs that run other processes are not asked. Lock of the table held. */
function flushTlb(h: Hugetlb, who: number, start: Vpn, end: Vpn): void {
  for (let vpn = start; vpn < end; vpn++) h.tlb.page[who * ENTRIES + vpn] = 0;
}

/** The rule of announced.ts: each process whose entries lose rights has heard of it. */
function mustBeAnnounced(k: Kernel, mm: Mm, start: Vpn, end: Vpn): void {
  if (k.announced === null || sectionCovers(k.announced, mm, start, end)) return;
  const pages = `huge pages ${start} to ${end} of ${mm.name}`;
  throw new Finding("missed-notification", `${pages} lose their entries, which no section covers`);
}
