/** Moving memory between nodes on request: move_pages, migrate_pages, mbind (mm/migrate.c, mm/mempolicy.c). */
import type { Task } from "../machine/core.ts";
import { EACCES, EBUSY, EFAULT, EINVAL, EIO, ENODEV, ENOENT, ENOMEM } from "../machine/errno.ts";
import { GFP_HIGHUSER_MOVABLE } from "../machine/gfp.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, downWrite, upRead, upWrite } from "../machine/rwsem.ts";
import { folioIsolateLru, lruCacheDisable, lruCacheEnable, putbackMovablePages } from "./isolate.ts";
import type { Kernel } from "./kernel.ts";
import { MAX_MOVED } from "./kernelColumns.ts";
import { migratePages } from "./migrate.ts";
import { type Mm, type Process, VM_IO, VM_PFNMAP, type Vma, vmaIsAnonymous } from "./mmTypes.ts";
import { folioGet, folioMapcount, type Pfn, pageToNid, type Vpn } from "./page.ts";
import { freePageListHead, listAddTail, newPageList, type PageList } from "./pageList.ts";
import { pteAt, ptePfn, ptePresent, pteSlot, pteSpecial } from "./pageTable.ts";
import { folioPut } from "./swap.ts";
import { findVma, vmaLookup } from "./vma.ts";
import { vmaForChange } from "./vmaFlags.ts";

export const MPOL_MF_STRICT = 1;
export const MPOL_MF_MOVE = 2;
export const MPOL_MF_MOVE_ALL = 4;
export const MPOL_DEFAULT = 0;
export const MPOL_BIND = 2;

const MOVES = MPOL_MF_MOVE | MPOL_MF_MOVE_ALL;
/** MPOL_MF_INVERT: pages that are on none of the nodes. */
const INVERTED = 1 << 8;

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
    // Page i is accounted for.
    if (error > 0) error--;
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
  const pfn = vma && (vma.flags & (VM_IO | VM_PFNMAP)) === 0 ? yield* followForMigration(k, vma, vpn) : -EFAULT;
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

/**
 * follow_page(FOLL_GET | FOLL_DUMP): the frame, with a reference; -EFAULT for the zero page and for anonymous memory that
 * nobody has touched, -ENOENT for what is elsewhere.
 */
function* followForMigration(k: Kernel, vma: Vma, vpn: Vpn): Task<number> {
  const mm = vma.mm as Mm;
  const nothing = vmaIsAnonymous(vma) ? -EFAULT : -ENOENT;
  if (pteSlot(k, mm, vpn) === 0) return nothing;
  yield* lock(mm.ptl);
  const pte = pteAt(k, mm, vpn);
  const present = ptePresent(pte);
  const pfn = present && !pteSpecial(pte) ? ptePfn(pte) : -1;
  if (pfn >= 0) yield* folioGet(k, pfn);
  yield* unlock(mm.ptl);
  if (pfn >= 0) return pfn;
  return present ? -EFAULT : pte === 0 ? nothing : -ENOENT;
}

/** move_pages(2) without nodes (do_pages_stat): only says where the pages are. */
export function* sysPagesStatus(k: Kernel, p: Process, at: Vpn, n: number): Task<number> {
  const mm = p.mm as Mm;
  if (n > MAX_MOVED) return -EINVAL;
  yield* downRead(mm.mmapLock);
  for (let i = 0; i < n; i++) {
    const vma = vmaLookup(mm, at + i);
    const pfn = vma ? yield* followForMigration(k, vma, at + i) : -EFAULT;
    k.moved.status[i] = pfn < 0 ? pfn : pageToNid(k, pfn);
    if (pfn >= 0) yield* folioPut(k, pfn);
  }
  yield* upRead(mm.mmapLock);
  return 0;
}

/**
 * queue_pages_range for one VMA: isolates the pages that are on one of `nodes` (inverted: on none of them); with
 * MPOL_MF_STRICT and nothing to move it looks only. 1 = some page is not where it should be, and stays there.
 */
function* queuePages(
  k: Kernel,
  vma: Vma,
  start: Vpn,
  end: Vpn,
  nodes: number,
  flags: number,
  list: PageList,
): Task<number> {
  const mm = vma.mm as Mm;
  let stays = 0;
  yield* lock(mm.ptl);
  for (let at = start; at < end; at++) {
    const pte = pteAt(k, mm, at);
    if (!ptePresent(pte) || pteSpecial(pte)) continue;
    const pfn = ptePfn(pte);
    const onNode = ((nodes >> pageToNid(k, pfn)) & 1) === 1;
    if (onNode === ((flags & INVERTED) !== 0)) continue;
    if ((flags & MOVES) === 0) {
      stays = 1;
      break;
    }
    if ((flags & MPOL_MF_MOVE_ALL) === 0 && (yield* folioMapcount(k, pfn)) !== 1) continue;
    if ((yield* isolate(k, pfn, list)) < 0 && (flags & MPOL_MF_STRICT) !== 0) stays = 1;
  }
  yield* unlock(mm.ptl);
  return stays;
}

/** migrate_pages(2), from node `from` to node `to`. How many could not be moved. CAP_SYS_NICE: shared pages too. */
export function* sysMigratePages(k: Kernel, p: Process, from: number, to: number): Task<number> {
  const mm = p.mm as Mm;
  if (from < 0 || from >= k.nodes || to < 0 || to >= k.nodes) return -EINVAL;
  yield* lruCacheDisable(k);
  const list = newPageList(k);
  yield* downRead(mm.mmapLock);
  for (let vma = from === to ? null : mm.mmap; vma; vma = vma.next) {
    if ((vma.flags & (VM_IO | VM_PFNMAP)) === 0)
      yield* queuePages(k, vma, vma.start, vma.end, 1 << from, MPOL_MF_MOVE_ALL, list);
  }
  const failed = list.count > 0 ? yield* migratePages(k, list, GFP_HIGHUSER_MOVABLE, to) : 0;
  if (failed !== 0) yield* putbackMovablePages(k, list);
  yield* upRead(mm.mmapLock);
  freePageListHead(k, list);
  lruCacheEnable(k);
  return failed;
}

/**
 * mbind(2): MPOL_DEFAULT without nodes, MPOL_BIND with a mask. 0; -EIO when pages stay elsewhere (MPOL_MF_STRICT; without
 * MPOL_MF_MOVE nothing is done then), -EFAULT over holes, -EINVAL, -ENOMEM.
 */
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
  const nodes = nodemask & ((1 << k.nodes) - 1);
  if (n < 0 || (flags & ~(MPOL_MF_STRICT | MOVES)) !== 0) return -EINVAL;
  if (mode === MPOL_DEFAULT ? nodemask !== 0 : nodes === 0) return -EINVAL;
  if (n === 0) return 0;
  const node = mode === MPOL_DEFAULT ? -1 : 31 - Math.clz32(nodes & -nodes);
  const how = mode === MPOL_DEFAULT ? flags & ~MPOL_MF_STRICT : flags;
  const moves = (flags & MOVES) !== 0;
  if (moves) yield* lruCacheDisable(k);
  const list = newPageList(k);
  yield* downWrite(mm.mmapLock);
  const queued = yield* queueRange(k, mm, at, at + n, node < 0 ? 0 : nodes, how, list);
  let error = queued < 0 ? queued : yield* mbindRange(k, mm, at, at + n, node + 1);
  if (error === 0) {
    const failed = list.count > 0 ? yield* migratePages(k, list, GFP_HIGHUSER_MOVABLE, node) : 0;
    if (queued > 0 || (failed !== 0 && (how & MPOL_MF_STRICT) !== 0)) error = -EIO;
  }
  if (list.count > 0) yield* putbackMovablePages(k, list);
  yield* upWrite(mm.mmapLock);
  freePageListHead(k, list);
  if (moves) lruCacheEnable(k);
  return error;
}

/** queue_pages_range: 0; 1 = some page stays; -EIO when that is an error already; -EFAULT at the first hole. */
function* queueRange(
  k: Kernel,
  mm: Mm,
  start: Vpn,
  end: Vpn,
  nodes: number,
  flags: number,
  list: PageList,
): Task<number> {
  let stays = 0;
  for (let at = start; at < end; ) {
    const vma = findVma(mm, at);
    if (!vma || vma.start > at) return -EFAULT;
    if (vma.end < end && (!vma.next || vma.next.start > vma.end)) return -EFAULT;
    const stop = Math.min(vma.end, end);
    const looks = nodes !== 0 && (flags & (MPOL_MF_STRICT | MOVES)) !== 0;
    if (looks && (yield* queuePages(k, vma, at, stop, nodes, flags | INVERTED, list)) !== 0) {
      if ((flags & MOVES) === 0) return -EIO;
      stays = 1;
    }
    at = stop;
  }
  return stays;
}

/** mbind_range: the policy of VMAs, which are split and merged. 0 or -ENOMEM. */
function* mbindRange(k: Kernel, mm: Mm, start: Vpn, end: Vpn, policy: number): Task<number> {
  for (let at = start; at < end; ) {
    const vma = findVma(mm, at) as Vma;
    const stop = Math.min(vma.end, end);
    if (vma.policy !== policy) {
      const target = yield* vmaForChange(k, vma, at, stop, vma.flags, policy);
      if (!target) return -ENOMEM;
      target.policy = policy;
    }
    at = stop;
  }
  return 0;
}
