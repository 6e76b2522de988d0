/**
 * swapoff(2) (mm/swapfile.c): no slot is handed out any more, and everything comes back to memory: entries of page tables, of
 * shared memory, and at last what is in the swap cache only. Pages come back as by a read fault, which notes them as used.
 */
import type { Task } from "../machine/core.ts";
import { EINVAL, ENOMEM } from "../machine/errno.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { type Inode, TMPFS } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { FAULT_OOM_AGAIN, FAULT_READ } from "./memory.ts";
import { doSwapPage } from "./memorySwap.ts";
import type { Mm, Vma } from "./mmTypes.ts";
import { folioLockWord } from "./page.ts";
import { folioWaitWriteback } from "./pageIo.ts";
import { pteAt, pteSlot, SWP_SWAP, swpType } from "./pageTable.ts";
import { EEXIST_AGAIN, shmemSwapEntry, shmemSwapin } from "./shmemSwap.ts";
import { folioPut } from "./swap.ts";
import { folioFreeSwap } from "./swapfile.ts";
import { drainSwapSlots } from "./swapSlots.ts";
import { swapCacheGet } from "./swapState.ts";

/** 0; -EINVAL without a device; -ENOMEM when not everything fits: then the device stays as it was. */
export function* sysSwapoff(k: Kernel): Task<number> {
  const { swap } = k;
  const { total } = swap.state;
  if (total === 0) return -EINVAL;
  yield* lock(swap.lock);
  // takeSlot finds nothing from now on.
  swap.state.total = 0;
  swap.state.free = 0;
  yield* unlock(swap.lock);
  yield* drainSwapSlots(k);
  const error = yield* tryToUnuse(k);
  if (error === 0) return 0;
  yield* lock(swap.lock);
  swap.state.total = total;
  for (let slot = 1; slot < swap.pages; slot++) if (swap.slots.map[slot] === 0) swap.state.free++;
  yield* unlock(swap.lock);
  return error;
}

/** try_to_unuse: again until nobody leads to a slot, since fork and reclaim may have been at it. */
function* tryToUnuse(k: Kernel): Task<number> {
  for (let i = 0; i < k.mms.length; i++) {
    const mm = k.mms[i];
    if (mm.pgd === 0 || mm.swapEntries === 0) continue;
    const error = yield* unuseMm(k, mm);
    if (error !== 0) return error;
  }
  for (let i = 0; i < k.inodes.length; i++) {
    const inode = k.inodes[i];
    if (inode.kind !== TMPFS || inode.swapped === 0) continue;
    const error = yield* unuseInode(k, inode);
    if (error !== 0) return error;
  }
  for (let slot = 1; slot < k.swap.pages; slot++) yield* unuseCache(k, slot);
  return 0;
}

/** unuse_mm. */
function* unuseMm(k: Kernel, mm: Mm): Task<number> {
  yield* downRead(mm.mmapLock);
  let error = 0;
  for (let vma = mm.mmap; vma && error === 0; vma = vma.next) error = yield* unuseVma(k, vma);
  yield* upRead(mm.mmapLock);
  return error;
}

function* unuseVma(k: Kernel, vma: Vma): Task<number> {
  const mm = vma.mm as Mm;
  for (let at = vma.start; at < vma.end; at++) {
    while (pteSlot(k, mm, at) !== 0 && swpType(pteAt(k, mm, at)) === SWP_SWAP) {
      const error = yield* doSwapPage(k, vma, at, pteAt(k, mm, at), FAULT_READ);
      if (error !== 0 && error !== FAULT_OOM_AGAIN) return -ENOMEM;
    }
  }
  return 0;
}

/** shmem_unuse_inode. */
function* unuseInode(k: Kernel, inode: Inode): Task<number> {
  for (let index = 0; index < k.filePages; index++) {
    const slot = yield* shmemSwapEntry(k, inode, index);
    if (slot === 0) continue;
    const pfn = yield* shmemSwapin(k, inode, index, slot, null);
    if (pfn === EEXIST_AGAIN || pfn === FAULT_OOM_AGAIN) {
      index--;
      continue;
    }
    if (pfn < 0) return pfn;
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
  }
  return 0;
}

/** A folio that keeps its place in swap although nobody needs it there. */
function* unuseCache(k: Kernel, slot: number): Task {
  const pfn = yield* swapCacheGet(k, slot);
  if (pfn < 0) return;
  yield* lockFolio(folioLockWord(k, pfn));
  yield* folioWaitWriteback(k, pfn);
  yield* folioFreeSwap(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
}
