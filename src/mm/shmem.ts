/** Shared memory and tmpfs (mm/shmem.c): a page cache without a disk. Its pages are swap-backed. */
import type { Task } from "../machine/core.ts";
import { EFAULT, EIO, ENOMEM } from "../machine/errno.ts";
import { lockFolio, unlockFolio } from "../machine/folioLock.ts";
import { __GFP_COMP, __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../machine/gfp.ts";
import { addToPageCache, EXISTS, findLockPage } from "./filemap.ts";
import { type Inode, pagesOf } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { memCgroupCharge, memCgroupChargeCurrent } from "./memcontrol.ts";
import { FAULT_OOM_AGAIN } from "./memory.ts";
import type { Mm } from "./mmTypes.ts";
import { folioLockWord, type Pfn, PG_swapbacked, PG_uptodate, setFlag } from "./page.ts";
import { allocPage } from "./pageAlloc.ts";
import { EEXIST_AGAIN, shmemSwapEntry, shmemSwapin } from "./shmemSwap.ts";
import { folioAddLru, folioPut } from "./swap.ts";

/** shmem_get_folio: the page, made if it is a hole; locked, with a reference. -ENOMEM, -EIO. */
export function* shmemGetPage(k: Kernel, inode: Inode, index: number): Task<Pfn | number> {
  const pfn = yield* getPage(k, inode, index, null);
  return pfn === FAULT_OOM_AGAIN ? -ENOMEM : pfn;
}

/** The same, and FAULT_OOM_AGAIN. Who pays: `mm` in a fault, which may be somebody else's; else the running task. */
function* getPage(k: Kernel, inode: Inode, index: number, mm: Mm | null): Task<Pfn | number> {
  for (;;) {
    const cached = yield* findLockPage(k, inode, index);
    if (cached >= 0) return cached;
    const slot = yield* shmemSwapEntry(k, inode, index);
    if (slot > 0) {
      const pfn = yield* shmemSwapin(k, inode, index, slot, mm);
      if (pfn === EEXIST_AGAIN) continue;
      return pfn;
    }
    const pfn = yield* allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_ZERO);
    if (pfn < 0) return -ENOMEM;
    if ((yield* charge(k, pfn, mm)) !== 0) {
      yield* folioPut(k, pfn);
      return -ENOMEM;
    }
    yield* lockFolio(folioLockWord(k, pfn));
    setFlag(k, pfn, PG_swapbacked | PG_uptodate);
    if ((yield* addToPageCache(k, inode, index, pfn, true)) !== EXISTS) {
      yield* folioAddLru(k, pfn);
      return pfn;
    }
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
  }
}

function charge(k: Kernel, pfn: Pfn, mm: Mm | null): Task<number> {
  return mm ? memCgroupCharge(k, pfn, mm, GFP_KERNEL) : memCgroupChargeCurrent(k, pfn, GFP_KERNEL);
}

/** shmem_fault: -ENOMEM, FAULT_OOM_AGAIN, and -EFAULT, for SIGBUS, beyond the end and where swap could not be read. */
export function* shmemFault(k: Kernel, inode: Inode, index: number, mm: Mm): Task<Pfn | number> {
  if (index >= pagesOf(inode.size)) return -EFAULT;
  const pfn = yield* getPage(k, inode, index, mm);
  return pfn === -EIO ? -EFAULT : pfn;
}
