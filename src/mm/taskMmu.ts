/** /proc/PID/clear_refs (fs/proc/task_mmu.c). */
import type { Task } from "../machine/core.ts";
import { EINTR, EINVAL } from "../machine/errno.ts";
import { downWriteKillable } from "../machine/killable.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downgradeWrite, upRead, upWrite } from "../machine/rwsem.ts";
import type { Kernel } from "./kernel.ts";
import { isCowMapping, type Mm, type Process, VM_PFNMAP, VM_SOFTDIRTY, type Vma } from "./mmTypes.ts";
import {
  ALL_END,
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_SOFT_DIRTY,
  RANGE_BLOCKABLE,
} from "./mmuNotifier.ts";
import { clearFlag, folioMaybeDmaPinned, PG_referenced, type Vpn } from "./page.ts";
import {
  PTE_SOFT_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  pteAt,
  ptePfn,
  ptePresent,
  ptepClearBits,
  ptepGetAndClear,
  pteSlot,
  pteSpecial,
  setPteAt,
} from "./pageTable.ts";
import { FLUSH_CLEAR_REFS, flushTlbMm } from "./tlb.ts";

const CLEAR_REFS_ALL = 1;
const CLEAR_REFS_ANON = 2;
const CLEAR_REFS_MAPPED = 3;
export const CLEAR_REFS_SOFT_DIRTY = 4;
const CLEAR_REFS_HIWATER = 5;

/**
 * clear_refs_write. 1, 2, 3: accessed bits of all, anonymous, file VMAs, without any notifier. 4: soft-dirty bits and the
 * right to write, in one section over everything; pinned pages are left out. 0 or -EINVAL.
 */
export function* clearRefs(k: Kernel, _p: Process, mm: Mm, what: number): Task<number> {
  if (what < CLEAR_REFS_ALL || what > CLEAR_REFS_HIWATER) return -EINVAL;
  if ((yield* downWriteKillable(mm.mmapLock)) !== 0) return -EINTR;
  const soft = what === CLEAR_REFS_SOFT_DIRTY;
  const alone = !soft || k.rules.clearRefsWriteLock;
  const flags = MMU_NOTIFY_SOFT_DIRTY | RANGE_BLOCKABLE;
  if (soft) {
    for (let vma = mm.mmap; vma; vma = vma.next) vma.flags &= ~VM_SOFTDIRTY;
    // Before v5.11 faults went on from here, while the flush was still to come.
    if (!alone) yield* downgradeWrite(mm.mmapLock);
    mm.tlbFlushPending++;
    yield* invalidateRangeStart(k, mm, 0, ALL_END, flags);
  }
  if (what !== CLEAR_REFS_HIWATER) {
    for (let vma = mm.mmap; vma; vma = vma.next) if (isMeant(vma, what)) yield* clearVma(k, vma, soft);
  }
  if (soft) {
    yield* invalidateRangeEnd(k, mm, 0, ALL_END, flags);
    yield* flushTlbMm(k, mm, FLUSH_CLEAR_REFS);
    mm.tlbFlushPending--;
  }
  if (alone) yield* upWrite(mm.mmapLock);
  else yield* upRead(mm.mmapLock);
  return 0;
}

function isMeant(vma: Vma, what: number): boolean {
  if ((vma.flags & VM_PFNMAP) !== 0) return false;
  if (what === CLEAR_REFS_ANON) return vma.inode === null;
  return what !== CLEAR_REFS_MAPPED || vma.inode !== null;
}

function* clearVma(k: Kernel, vma: Vma, soft: boolean): Task {
  const mm = vma.mm as Mm;
  yield* lock(mm.ptl);
  for (let at = vma.start; at < vma.end; at++) {
    if (pteSlot(k, mm, at) === 0 || pteAt(k, mm, at) === 0) continue;
    if (soft) yield* clearSoftDirty(k, vma, at);
    else yield* clearYoung(k, mm, at);
  }
  yield* unlock(mm.ptl);
}

/** clear_soft_dirty: the next write must fault. Page-table lock held. */
function* clearSoftDirty(k: Kernel, vma: Vma, at: Vpn): Task {
  const mm = vma.mm as Mm;
  const pte = pteAt(k, mm, at);
  const watched =
    k.rules.clearRefsSkipsPinned && ptePresent(pte) && !pteSpecial(pte) && isCowMapping(vma.flags) && mm.hasPinned;
  if (watched && (yield* folioMaybeDmaPinned(k, ptePfn(pte)))) return;
  if (!ptePresent(pte)) {
    yield* setPteAt(k, mm, at, pte & ~PTE_SOFT_DIRTY);
    return;
  }
  const old = yield* ptepGetAndClear(k, mm, at);
  yield* setPteAt(k, mm, at, old & ~(PTE_SOFT_DIRTY | PTE_WRITE));
}

function* clearYoung(k: Kernel, mm: Mm, at: Vpn): Task {
  const pte = pteAt(k, mm, at);
  if (!ptePresent(pte) || pteSpecial(pte)) return;
  yield* ptepClearBits(k, mm, at, PTE_YOUNG);
  clearFlag(k, ptePfn(pte), PG_referenced);
}
