/**
 * Faults on file pages and shared memory (do_fault in mm/memory.c).
 *
 *   read  ─▶ map what is cached around the address; else bring the page in        none of this raises notifier events
 *   write, private ─▶ copy into a new anonymous page at once
 *   write, shared  ─▶ ask the file system (page_mkwrite), map, mark dirty
 */
import type { Task } from "../machine/core.ts";
import { EFAULT, ENOMEM } from "../machine/errno.ts";
import { lockFolio, trylockFolio, unlockFolio } from "../machine/folioLock.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { anonVmaPrepare } from "./anonVma.ts";
import { balanceDirtyPagesRatelimited } from "./balanceDirty.ts";
import { FAULT_RETRY, filemapFault, findGetPage } from "./filemap.ts";
import { EXT4, type Inode, pagesOf } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { FAULT_WRITE } from "./memory.ts";
import { allocCharged, maybeMkwrite, wpPageReuse } from "./memoryCow.ts";
import { lruCacheAdd, mlockVmaPage } from "./mlockPage.ts";
import { linearPageIndex, type Mm, VM_RAND_READ, VM_SHARED, type Vma } from "./mmTypes.ts";
import { folioGet, folioLockWord, hasFlag, type Pfn, PG_readahead, PG_uptodate, setFlag, type Vpn } from "./page.ts";
import { mkPte, PTE_YOUNG, type Pte, pmdPages, pteAt, setPteAt } from "./pageTable.ts";
import { setPageDirty } from "./pageWriteback.ts";
import { vmPageProt } from "./pgprot.ts";
import { pteAlloc } from "./pteAlloc.ts";
import { folioInode, pageAddNewAnonRmap, pageAddRmap } from "./rmap.ts";
import { rssAdd } from "./rss.ts";
import { guards } from "./rules.ts";
import { shmemFault } from "./shmem.ts";
import { folioPut } from "./swap.ts";

/** do_fault. 0 or -errno. mmap_lock held. */
export function* doFault(k: Kernel, vma: Vma, vpn: Vpn, flags: number): Task<number> {
  if ((flags & FAULT_WRITE) === 0) return yield* doReadFault(k, vma, vpn);
  return (vma.flags & VM_SHARED) === 0 ? yield* doCowFault(k, vma, vpn) : yield* doSharedFault(k, vma, vpn);
}

/** __do_fault: the page, locked and with a reference; or -errno. */
function* vmOpsFault(k: Kernel, vma: Vma, vpn: Vpn): Task<Pfn | number> {
  const inode = vma.inode as Inode;
  const index = linearPageIndex(vma, vpn);
  const alone = (vma.flags & VM_RAND_READ) !== 0;
  return inode.kind === EXT4
    ? yield* filemapFault(k, inode, index, alone, (vma.mm as Mm).memcg)
    : yield* shmemFault(k, inode, index, vma.mm as Mm);
}

function* doReadFault(k: Kernel, vma: Vma, vpn: Vpn): Task<number> {
  if (k.faultAround > 1 && (yield* doFaultAround(k, vma, vpn))) return 0;
  const pfn = yield* vmOpsFault(k, vma, vpn);
  if (pfn < 0) return pfn === FAULT_RETRY ? 0 : pfn;
  const mapped = yield* finishFault(k, vma, vpn, pfn, false);
  yield* unlockFolio(folioLockWord(k, pfn));
  if (!mapped) yield* folioPut(k, pfn);
  return mapped || !isUnstable(vma) ? 0 : -EFAULT;
}

/** do_fault_around, filemap_map_pages: maps what is cached and unlocked. True when that was enough. */
function* doFaultAround(k: Kernel, vma: Vma, vpn: Vpn): Task<boolean> {
  const mm = vma.mm as Mm;
  const inode = vma.inode as Inode;
  const around = Math.min(k.faultAround, pmdPages(k));
  const start = Math.max(vpn & ~(around - 1), vma.start);
  const end = Math.min((vpn & ~(around - 1)) + around, vma.end, vma.start + (pagesOf(inode.size) - vma.pgoff));
  let enough = false;
  for (let at = start; at < end; at++) {
    const pfn = yield* nextUptodatePage(k, inode, linearPageIndex(vma, at));
    if (pfn < 0) continue;
    if (inode.mmapMiss > 0) inode.mmapMiss--;
    yield* lock(mm.ptl);
    const free = pteAt(k, mm, at) === 0;
    if (free) yield* doSetPte(k, vma, at, pfn, false);
    yield* unlock(mm.ptl);
    yield* unlockFolio(folioLockWord(k, pfn));
    if (!free) yield* folioPut(k, pfn);
    if (at === vpn) enough = true;
  }
  return enough;
}

/** Locked, with a reference; -1 when there is none that may be mapped as it is. A marked page is left to a fault of its own. */
function* nextUptodatePage(k: Kernel, inode: Inode, index: number): Task<Pfn> {
  const pfn = yield* findGetPage(k, inode, index);
  if (pfn < 0) return -1;
  if (hasFlag(k, pfn, PG_uptodate) && !hasFlag(k, pfn, PG_readahead) && (yield* trylockFolio(folioLockWord(k, pfn)))) {
    if (folioInode(k, pfn) === inode) return pfn;
    yield* unlockFolio(folioLockWord(k, pfn));
  }
  yield* folioPut(k, pfn);
  return -1;
}

/** do_set_pte: the reference of the caller becomes the entry's. Page-table lock held. */
function* doSetPte(k: Kernel, vma: Vma, vpn: Vpn, pfn: Pfn, write: boolean): Task {
  const bare = mkPte(pfn, vmPageProt(vma) | PTE_YOUNG);
  rssAdd(k, vma.mm as Mm, pfn, 1);
  yield* pageAddRmap(k, pfn);
  yield* mlockVmaPage(k, pfn, vma);
  yield* setPteAt(k, vma.mm as Mm, vpn, write ? maybeMkwrite(bare, vma) : bare);
}

/** check_stable_address_space: private pages that the OOM reaper has taken must not come back from the file. */
const isUnstable = (vma: Vma): boolean => (vma.flags & VM_SHARED) === 0 && (vma.mm as Mm).unstable;

/** finish_fault: false when somebody was faster, or the memory is gone for good. */
function* finishFault(k: Kernel, vma: Vma, vpn: Vpn, pfn: Pfn, write: boolean): Task<boolean> {
  const mm = vma.mm as Mm;
  if (!(yield* pteAlloc(k, mm, vpn))) return false;
  yield* lock(mm.ptl);
  const free = !isUnstable(vma) && pteAt(k, mm, vpn) === 0;
  if (free) yield* doSetPte(k, vma, vpn, pfn, write);
  yield* unlock(mm.ptl);
  return free;
}

/** do_cow_fault: the private copy is made before anything is mapped. */
function* doCowFault(k: Kernel, vma: Vma, vpn: Vpn): Task<number> {
  const mm = vma.mm as Mm;
  if (!(yield* anonVmaPrepare(k, vma))) return -ENOMEM;
  const fresh = yield* allocCharged(k, mm, 0);
  if (fresh < 0) return -ENOMEM;
  const pfn = yield* vmOpsFault(k, vma, vpn);
  if (pfn < 0) {
    yield* folioPut(k, fresh);
    return pfn === FAULT_RETRY ? 0 : pfn;
  }
  k.frames.content[fresh] = k.frames.content[pfn];
  setFlag(k, fresh, PG_uptodate);
  yield* lock(mm.ptl);
  const free = !isUnstable(vma) && pteAt(k, mm, vpn) === 0;
  if (free) {
    mm.rssAnon++;
    yield* pageAddNewAnonRmap(k, fresh, vma, vpn);
    yield* lruCacheAdd(k, fresh, vma);
    yield* setPteAt(k, mm, vpn, maybeMkwrite(mkPte(fresh, vmPageProt(vma) | PTE_YOUNG), vma));
  }
  yield* unlock(mm.ptl);
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* folioPut(k, pfn);
  if (!free) yield* folioPut(k, fresh);
  return free || !isUnstable(vma) ? 0 : -EFAULT;
}

/** do_shared_fault. */
function* doSharedFault(k: Kernel, vma: Vma, vpn: Vpn): Task<number> {
  const inode = vma.inode as Inode;
  const pfn = yield* vmOpsFault(k, vma, vpn);
  if (pfn < 0) return pfn === FAULT_RETRY ? 0 : pfn;
  if (inode.kind === EXT4) {
    yield* unlockFolio(folioLockWord(k, pfn));
    if (!(yield* doPageMkwrite(k, inode, pfn))) {
      yield* folioPut(k, pfn);
      return 0;
    }
  }
  const mapped = yield* finishFault(k, vma, vpn, pfn, true);
  yield* faultDirtySharedPage(k, pfn);
  if (!mapped) yield* folioPut(k, pfn);
  return 0;
}

/** do_page_mkwrite: the file system makes room. The page comes back locked; false when it was truncated meanwhile. */
function* doPageMkwrite(k: Kernel, inode: Inode, pfn: Pfn): Task<boolean> {
  yield* lockFolio(folioLockWord(k, pfn));
  if (folioInode(k, pfn) === inode || !guards(k.rules, "mkwriteRecheck")) {
    yield* setPageDirty(k, pfn);
    return true;
  }
  yield* unlockFolio(folioLockWord(k, pfn));
  return false;
}

/** fault_dirty_shared_page: the page is locked, and unlocked here. */
function* faultDirtySharedPage(k: Kernel, pfn: Pfn): Task {
  yield* setPageDirty(k, pfn);
  yield* unlockFolio(folioLockWord(k, pfn));
  yield* balanceDirtyPagesRatelimited(k);
}

/** wp_page_shared: a clean page of a shared mapping is written. Page-table lock held, dropped here. */
export function* wpPageShared(k: Kernel, vma: Vma, vpn: Vpn, pte: Pte): Task<number> {
  const mm = vma.mm as Mm;
  const inode = vma.inode as Inode;
  const pfn = pte >>> 9;
  yield* folioGet(k, pfn);
  if (inode.kind !== EXT4) {
    yield* wpPageReuse(k, vma, vpn, pte);
    yield* unlock(mm.ptl);
    yield* lockFolio(folioLockWord(k, pfn));
    yield* faultDirtySharedPage(k, pfn);
    yield* folioPut(k, pfn);
    return 0;
  }
  yield* unlock(mm.ptl);
  if (yield* doPageMkwrite(k, inode, pfn)) {
    yield* lock(mm.ptl);
    if (pteAt(k, mm, vpn) === pte) yield* wpPageReuse(k, vma, vpn, pte);
    yield* unlock(mm.ptl);
    yield* faultDirtySharedPage(k, pfn);
  }
  yield* folioPut(k, pfn);
  return 0;
}
