/**
 * Dirty pages and their way to disk (mm/page-writeback.c).
 *
 *   dirty ─▶ lock ─▶ folio_clear_dirty_for_io: write-protect all shared mappings (PROTECTION_PAGE), so that the next write
 *   faults and dirties again ─▶ writeback ─▶ clean
 */
import { handleOf, type Task } from "../machine/core.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import { __GFP_NOFAIL, GFP_NOFS } from "../machine/gfp.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { findGetPage } from "./filemap.ts";
import { BLOCK, cacheSlot, EXT4, type Inode, pagesOf } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { BUFFER_HEAD_BYTES, tryChargeBytes, unchargeBytes } from "./kmem.ts";
import { memcgRstatUpdated } from "./memcgStat.ts";
import { type Mm, VM_SHARED, type Vma } from "./mmTypes.ts";
import {
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_PROTECTION_PAGE,
  RANGE_BLOCKABLE,
} from "./mmuNotifier.ts";
import {
  clearFlag,
  folioGet,
  folioLockWord,
  folioMapcount,
  folioMemcg,
  hasFlag,
  type Pfn,
  PG_anon,
  PG_dirty,
  PG_private,
  PG_writeback,
  setFlag,
  type Vpn,
} from "./page.ts";
import { PTE_DIRTY, PTE_WRITE, pteAt, ptepGetAndClear, setPteAt } from "./pageTable.ts";
import { folioInode, mapsPage, nextFileVmaOf, vmaAddress } from "./rmap.ts";
import { guards } from "./rules.ts";
import { folioPut, lruAddDrain } from "./swap.ts";
import { flushTlbPage } from "./tlb.ts";
import { countVm, EV } from "./vmstat.ts";

const PAGE_SIZE = 4096;

/** folio_mark_dirty. Pages of the disk file system get buffers, which keep a reference. */
export function* setPageDirty(k: Kernel, pfn: Pfn): Task {
  const id = hasFlag(k, pfn, PG_anon) ? 0 : k.frames.mapping[pfn];
  if (id !== 0 && (handleOf(id - 1) as Inode).kind === EXT4) {
    yield* attachBuffers(k, pfn);
    if (!hasFlag(k, pfn, PG_dirty)) memcgRstatUpdated(k, 1); // NR_FILE_DIRTY
  }
  setFlag(k, pfn, PG_dirty);
}

/** Of all buffers of a page. A function: any module may be the first to be loaded. */
const bufferBytes = (): number => (PAGE_SIZE / BLOCK) * BUFFER_HEAD_BYTES;

/** create_empty_buffers: one for each block, which the cgroup of the page pays for (alloc_page_buffers). */
export function* attachBuffers(k: Kernel, pfn: Pfn): Task {
  if (hasFlag(k, pfn, PG_private)) return;
  yield* tryChargeBytes(k, folioMemcg(k, pfn), GFP_NOFS | __GFP_NOFAIL, bufferBytes());
  setFlag(k, pfn, PG_private);
  yield* folioGet(k, pfn);
}

/** free_buffer_head, of all buffers of a page. */
export function freeBuffers(k: Kernel, pfn: Pfn): void {
  unchargeBytes(k, folioMemcg(k, pfn), bufferBytes());
}

/** set_page_dirty_lock, unless it is dirty already. */
export function* setPageDirtyLock(k: Kernel, pfn: Pfn): Task {
  if (hasFlag(k, pfn, PG_dirty)) return;
  yield* lockFolio(folioLockWord(k, pfn));
  yield* setPageDirty(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
}

/** filemap_write_and_wait_range: pages [from, to). Nothing happens, no batch is drained, when none is dirty. */
export function* writeAndWait(k: Kernel, inode: Inode, from: number, to: number): Task {
  if (inode.kind !== EXT4 || !hasDirty(k, inode)) return;
  const end = Math.min(to, pagesOf(inode.size), k.filePages);
  let found = false;
  for (let index = from; index < end; index++) {
    const pfn = yield* findGetPage(k, inode, index);
    if (pfn < 0) continue;
    if (hasFlag(k, pfn, PG_dirty)) {
      found = true;
      yield* lockFolio(folioLockWord(k, pfn));
      if (folioInode(k, pfn) === inode && (yield* folioClearDirtyForIo(k, inode, pfn))) writePage(k, inode, pfn);
      yield* unlockFolio(folioLockWord(k, pfn));
    }
    yield* folioPut(k, pfn);
  }
  // Releasing the batch of pages that were looked up drains the LRU batches.
  if (found) yield* lruAddDrain(k);
}

/** mapping_tagged(PAGECACHE_TAG_DIRTY). */
function hasDirty(k: Kernel, inode: Inode): boolean {
  for (let i = 0; i < k.filePages; i++) {
    const pfn = k.cache.page[cacheSlot(k, inode, i)] - 1;
    if (pfn >= 0 && hasFlag(k, pfn, PG_dirty)) return true;
  }
  return false;
}

/** The disk is fast: writeback begins and ends here. Folio locked. */
function writePage(k: Kernel, inode: Inode, pfn: Pfn): void {
  setFlag(k, pfn, PG_writeback);
  k.cache.disk[cacheSlot(k, inode, k.frames.index[pfn])] = k.frames.content[pfn];
  clearFlag(k, pfn, PG_writeback);
  memcgRstatUpdated(k, 1); // NR_WRITEBACK, up
  memcgRstatUpdated(k, 1); // and down
}

/** ext4_writepage, for kswapd: it comes back unlocked. 0. Folio locked, and not dirty any more. */
export function* ext4Writepage(k: Kernel, inode: Inode, pfn: Pfn): Task<number> {
  writePage(k, inode, pfn);
  countVm(k, EV.nr_written);
  yield* unlockFolio(folioLockWord(k, pfn));
  return 0;
}

/** folio_clear_dirty_for_io: true when it was dirty. Folio locked. */
export function* folioClearDirtyForIo(k: Kernel, inode: Inode, pfn: Pfn): Task<boolean> {
  if (yield* folioMkclean(k, inode, pfn)) setFlag(k, pfn, PG_dirty);
  const dirty = hasFlag(k, pfn, PG_dirty);
  clearFlag(k, pfn, PG_dirty);
  if (dirty) memcgRstatUpdated(k, 1);
  return dirty;
}

/** folio_mkclean: no mapping may write, or is dirty, afterwards. How many were. Folio locked. */
export function* folioMkclean(k: Kernel, inode: Inode, pfn: Pfn): Task<number> {
  if (!guards(k.rules, "mkclean") || (yield* folioMapcount(k, pfn)) === 0) return 0;
  const index = k.frames.index[pfn];
  let cleaned = 0;
  yield* downRead(inode.immapRwsem);
  for (let vma = nextFileVmaOf(inode.immap, index); vma; vma = nextFileVmaOf(vma.nextShared, index)) {
    if ((vma.flags & VM_SHARED) !== 0) cleaned += yield* mkcleanOne(k, vma, vmaAddress(vma, index), pfn);
  }
  yield* upRead(inode.immapRwsem);
  return cleaned;
}

/** page_vma_mkclean_one: the section is opened whether the VMA maps the page or not. */
function* mkcleanOne(k: Kernel, vma: Vma, vpn: Vpn, pfn: Pfn): Task<number> {
  const mm = vma.mm as Mm;
  const flags = MMU_NOTIFY_PROTECTION_PAGE | RANGE_BLOCKABLE;
  yield* invalidateRangeStart(k, mm, vpn, vpn + 1, flags);
  yield* lock(mm.ptl);
  const pte = pteAt(k, mm, vpn);
  const wanted = mapsPage(k, mm, vpn, pfn) && (pte & (PTE_DIRTY | PTE_WRITE)) !== 0;
  if (wanted) {
    const old = yield* ptepGetAndClear(k, mm, vpn);
    flushTlbPage(k, mm, vpn, "mkclean");
    yield* setPteAt(k, mm, vpn, old & ~(PTE_DIRTY | PTE_WRITE));
  }
  yield* unlock(mm.ptl);
  yield* invalidateRangeEnd(k, mm, vpn, vpn + 1, flags);
  return wanted ? 1 : 0;
}
