/**
 * Pages of which a truncation or a hole takes only a part (truncate_inode_partial_folio, shmem_get_partial_folio,
 * ext4_zero_partial_blocks): they stay, mapped as they are, and the part becomes zero.
 *
 *   tmpfs   both ends of the range, brought back from swap if need be; dirty
 *   ext4    what is cached; then the blocks that are hit in part, read from disk if need be; only these make a page dirty
 *
 * Of each page the model has the first word; the callers hold i_rwsem, and nothing here raises a notifier event.
 */
import type { Task } from "../machine/core.ts";
import { Finding } from "../machine/finding.ts";
import { unlockFolio } from "../machine/folioLock.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import { findLockPage, readPage } from "./filemap.ts";
import { BLOCK, cacheSlot, type Inode } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { folioLockWord, type Pfn } from "./page.ts";
import { folioWaitWriteback } from "./pageIo.ts";
import { attachBuffers, setPageDirty } from "./pageWriteback.ts";
import { shmemGetPage } from "./shmem.ts";
import { shmemSwapEntry } from "./shmemSwap.ts";
import { folioMarkAccessed, folioPut } from "./swap.ts";

/** Bytes of the word that the model has of a page. */
const WORD = 8;
const PAGE = 4096;

/** folio_zero_range: bytes [from, end) of the file, as far as they are in this page. Folio locked. */
function* zeroRange(k: Kernel, pfn: Pfn, from: number, end: number): Task {
  yield* folioWaitWriteback(k, pfn);
  const first = k.frames.index[pfn] * PAGE;
  if (from >= first + WORD || end <= first) return;
  if (from > first || end < first + WORD) {
    throw new Finding(
      "assertion",
      `bytes ${from} … ${end} end within the first word of a page, which the model has as a whole`,
    );
  }
  k.frames.content[pfn] = 0;
}

/** The pages at both ends of [from, end), if it has only a part of them; -1 = none. */
function endPages(from: number, end: number): readonly [number, number] {
  if (end <= from) return [-1, -1];
  const first = Math.floor(from / PAGE);
  const last = Math.floor((end - 1) / PAGE);
  const whole = (index: number): boolean => from <= index * PAGE && end >= (index + 1) * PAGE;
  return [whole(first) ? -1 : first, last === first || whole(last) ? -1 : last];
}

/** shmem_get_partial_folio and what follows it. */
export function* zeroShmem(k: Kernel, inode: Inode, from: number, end: number): Task {
  const [first, last] = endPages(from, end);
  if (first >= 0) yield* zeroShmemPage(k, inode, first, from, end);
  if (last >= 0) yield* zeroShmemPage(k, inode, last, from, end);
}

function* zeroShmemPage(k: Kernel, inode: Inode, index: number, from: number, end: number): Task {
  let pfn = yield* findLockPage(k, inode, index);
  const swapped = pfn < 0 && index * PAGE < inode.size && (yield* shmemSwapEntry(k, inode, index)) > 0;
  if (swapped) pfn = yield* shmemGetPage(k, inode, index);
  if (pfn < 0) return;
  yield* setPageDirty(k, pfn);
  yield* zeroRange(k, pfn, from, end);
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
}

/** truncate_inode_pages_range, the pages at the ends of [from, end): what is not cached is left alone. */
export function* zeroCached(k: Kernel, inode: Inode, from: number, end: number): Task {
  const [first, last] = endPages(from, end);
  if (first >= 0) yield* zeroCachedPage(k, inode, first, from, end);
  if (last >= 0) yield* zeroCachedPage(k, inode, last, from, end);
}

function* zeroCachedPage(k: Kernel, inode: Inode, index: number, from: number, end: number): Task {
  const pfn = yield* findLockPage(k, inode, index);
  if (pfn < 0) return;
  yield* zeroRange(k, pfn, from, end);
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
}

/** ext4_zero_partial_blocks: the blocks at the ends of [from, end) that are not hit as a whole. */
export function* zeroPartialBlocks(k: Kernel, inode: Inode, from: number, end: number): Task {
  const first = Math.floor(from / BLOCK);
  const last = Math.floor((end - 1) / BLOCK);
  const startsInside = from % BLOCK !== 0;
  const endsInside = end % BLOCK !== 0;
  if (first === last) {
    if (startsInside || endsInside) yield* zeroBlock(k, inode, from, end);
    return;
  }
  if (startsInside) yield* zeroBlock(k, inode, from, (first + 1) * BLOCK);
  if (endsInside) yield* zeroBlock(k, inode, last * BLOCK, end);
}

/** ext4_block_zero_page_range, within one block: a hole needs nothing, anything else is read, and dirty afterwards. */
export function* zeroBlock(k: Kernel, inode: Inode, from: number, end: number): Task {
  const index = Math.floor(from / PAGE);
  let pfn = yield* findLockPage(k, inode, index);
  // What was never written has no block.
  if (pfn < 0 && k.cache.disk[cacheSlot(k, inode, index)] !== 0) pfn = yield* readPage(k, inode, index, GFP_KERNEL);
  if (pfn < 0) return;
  yield* folioMarkAccessed(k, pfn);
  yield* attachBuffers(k, pfn);
  yield* zeroRange(k, pfn, from, end);
  yield* setPageDirty(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
}
