/** Moving memory between nodes on request: move_pages, migrate_pages, mbind (mm/migrate.c, mm/mempolicy.c). */
import type { Task } from "../machine/core.ts";
import { EACCES, EBUSY, EFAULT, EINVAL, EIO, ENODEV, ENOENT, ENOMEM } from "../machine/errno.ts";
import { GFP_HIGHUSER_MOVABLE } from "../machine/gfp.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, downWrite, upRead, upWrite } from "../machine/rwsem.ts";
import { folioIsolateLru, lruCacheDisable, lruCacheEnable, putbackMovablePages } from "./isolate.ts";
import { type Kernel, MAX_MOVED } from "./kernel.ts";
import { migratePages } from "./migrate.ts";
import { type Mm, type Process, VM_IO, VM_PFNMAP, type Vma } from "./mmTypes.ts";
import { folioGet, folioMapcount, type Pfn, pageToNid, type Vpn } from "./page.ts";
import { freePageListHead, listAddTail, newPageList, type PageList } from "./pageList.ts";
import { pteAt, ptePfn, ptePresent, pteSlot, pteSpecial } from "./pageTable.ts";
import { folioPut } from "./swap.ts";
import { findVma, vmaLookup } from "./vma.ts";
import { vmaForChange } from "./vmaFlags.ts";

export const MPOL_MF_STRICT = 1;
export const MPOL_MF_MOVE = 2;
export const MPOL_MF_MOVE_ALL = 4;
export const MPOL_BIND = 2;

const NOT_TOLD = -99;

/** What the last move_pages said about its i-th page: node, -errno, or -99 when it said nothing. */
export function movePageStatus(k: Kernel, i: number): number {
  return k.moved.status[i];
}

/** move_pages(2) of pages [at, at + n) to `node`. 0, how many could not be moved, or -errno. */
export function* sysMovePages(k: Kernel, p: Process, at: Vpn, n: number, node: number, flags: number): Task<number> {
  const mm = p.mm as Mm;
  if (n > MAX_MOVED || (flags & ~(MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) !== 0) return -EINVAL;
  if (node < 0 || node >= k.nodes) return -ENODEV;
  k.moved.status.fill(NOT_TOLD, 0, n);
  yield* lruCacheDisable(k);
  const list = newPageList(k);
  let first = 0;
  let error = 0;
  for (let i = 0; i < n && error === 0; i++) {
    const added = yield* addPageForMigration(k, mm, at + i, node, list, (flags & MPOL_MF_MOVE_ALL) !== 0);
    if (added > 0) continue;
    k.moved.status[i] = added === 0 ? node : added;
    error = yield* moveAndStore(k, list, node, first, i, n);
    first = i + 1;
  }
  if (error === 0) error = yield* moveAndStore(k, list, node, first, n, n);
  freePageListHead(k, list);
  lruCacheEnable(k);
  return error;
}

/** move_pages_and_store_status: how many failed, including those that were not tried. */
function* moveAndStore(k: Kernel, list: PageList, node: number, from: number, to: number, n: number): Task<number> {
  if (list.count === 0) return 0;
  const failed = yield* migratePages(k, list, GFP_HIGHUSER_MOVABLE, node);
  if (failed !== 0) {
    yield* putbackMovablePages(k, list);
    return failed > 0 ? failed + n - to : failed;
  }
  k.moved.status.fill(node, from, to);
  return 0;
}

/** add_page_for_migration: 1 = isolated, 0 = is there already, -errno. */
function* addPageForMigration(k: Kernel, mm: Mm, vpn: Vpn, node: number, list: PageList, all: boolean): Task<number> {
  yield* downRead(mm.mmapLock);
  const vma = vmaLookup(mm, vpn);
  const pfn = vma && (vma.flags & (VM_IO | VM_PFNMAP)) === 0 ? yield* followForMigration(k, mm, vpn) : -EFAULT;
  let result = pfn;
  if (pfn >= 0) {
    if (pageToNid(k, pfn) === node) result = 0;
    else if (!all && (yield* folioMapcount(k, pfn)) > 1) result = -EACCES;
    else result = yield* isolate(k, pfn, list);
    yield* folioPut(k, pfn);
  }
  yield* upRead(mm.mmapLock);
  return result;
}

function* isolate(k: Kernel, pfn: Pfn, list: PageList): Task<number> {
  if (!(yield* folioIsolateLru(k, pfn))) return -EBUSY;
  listAddTail(k, list, pfn);
  return 1;
}

/** follow_page(FOLL_GET | FOLL_DUMP). */
function* followForMigration(k: Kernel, mm: Mm, vpn: Vpn): Task<number> {
  if (pteSlot(k, mm, vpn) === 0) return -ENOENT;
  yield* lock(mm.ptl);
  const pte = pteAt(k, mm, vpn);
  const present = ptePresent(pte);
  const pfn = present && !pteSpecial(pte) ? ptePfn(pte) : -1;
  if (pfn >= 0) yield* folioGet(k, pfn);
  yield* unlock(mm.ptl);
  if (pfn >= 0) return pfn;
  return present ? -EFAULT : -ENOENT;
}

/** queue_pages_range for one VMA: isolates the pages for which `onNode` (or not) holds, and that nobody else maps. */
function* queuePages(
  k: Kernel,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  nodes: number,
  inverted: boolean,
  list: PageList,
): Task {
  const mm = vma.mm as Mm;
  yield* lock(mm.ptl);
  for (let at = start; at < end; at++) {
    if (pteSlot(k, mm, at) === 0) continue;
    const pte = pteAt(k, mm, at);
    if (!ptePresent(pte) || pteSpecial(pte)) continue;
    const pfn = ptePfn(pte);
    const onNode = ((nodes >> pageToNid(k, pfn)) & 1) === 1;
    if (onNode === inverted || (yield* folioMapcount(k, pfn)) > 1) continue;
    yield* isolate(k, pfn, list);
  }
  yield* unlock(mm.ptl);
}

/** migrate_pages(2), from node `from` to node `to`. How many could not be moved. */
export function* sysMigratePages(k: Kernel, p: Process, from: number, to: number): Task<number> {
  const mm = p.mm as Mm;
  if (from < 0 || from >= k.nodes || to < 0 || to >= k.nodes) return -EINVAL;
  yield* lruCacheDisable(k);
  const list = newPageList(k);
  yield* downRead(mm.mmapLock);
  for (let vma = mm.mmap; vma; vma = vma.next) {
    if ((vma.flags & (VM_IO | VM_PFNMAP)) === 0) yield* queuePages(k, vma, vma.start, vma.end, 1 << from, false, list);
  }
  const failed = list.count > 0 ? yield* migratePages(k, list, GFP_HIGHUSER_MOVABLE, to) : 0;
  if (failed !== 0) yield* putbackMovablePages(k, list);
  yield* upRead(mm.mmapLock);
  freePageListHead(k, list);
  lruCacheEnable(k);
  return failed;
}

/** mbind(2) with one node in the mask: 0, -EIO when pages stay elsewhere (MPOL_MF_STRICT), or -errno. */
export function* sysMbind(
  k: Kernel,
  p: Process,
  at: Vpn,
  n: number,
  mode: number,
  nodemask: number,
  flags: number,
): Task<number> {
  const mm = p.mm as Mm;
  const node = mode === 0 ? -1 : 31 - Math.clz32(nodemask & -nodemask);
  if (node >= k.nodes || n < 0) return -EINVAL;
  const moves = (flags & (MPOL_MF_MOVE | MPOL_MF_MOVE_ALL)) !== 0;
  if (moves) yield* lruCacheDisable(k);
  const list = newPageList(k);
  yield* downWrite(mm.mmapLock);
  let error = 0;
  for (let start = at; start < at + n && error === 0; ) {
    const vma = findVma(mm, start);
    if (!vma || vma.start > start) {
      error = -EFAULT;
      break;
    }
    const stop = Math.min(vma.end, at + n);
    if (moves && node >= 0) yield* queuePages(k, vma, start, stop, nodemask, true, list);
    const target = yield* vmaForChange(k, vma, start, stop, vma.flags, node + 1);
    if (target) target.policy = node + 1;
    else error = -ENOMEM;
    start = stop;
  }
  const failed = list.count > 0 && error === 0 ? yield* migratePages(k, list, GFP_HIGHUSER_MOVABLE, node) : 0;
  if (failed !== 0 || error !== 0) yield* putbackMovablePages(k, list);
  yield* upWrite(mm.mmapLock);
  freePageListHead(k, list);
  if (moves) lruCacheEnable(k);
  return error === 0 && failed !== 0 && (flags & MPOL_MF_STRICT) !== 0 ? -EIO : error;
}
