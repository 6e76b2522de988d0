/**
 * Migration entries (try_to_migrate in mm/rmap.c, remove_migration_ptes in mm/migrate.c): while a page is moved, its
 * page-table entries say so, and whoever faults on one waits for the folio lock.
 */
import type { Task } from "../machine/core.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { downRead, upRead } from "../machine/rwsem.ts";
import { choose } from "../machine/wait.ts";
import type { Kernel } from "./kernel.ts";
import { isDevicePage } from "./memremap.ts";
import { mlockVmaPage } from "./mlockPage.ts";
import { type Mm, VM_WRITE, type Vma } from "./mmTypes.ts";
import { invalidateRangeEnd, invalidateRangeStart, MMU_NOTIFY_CLEAR, RANGE_BLOCKABLE } from "./mmuNotifier.ts";
import {
  folioGet,
  folioMapcount,
  hasFlag,
  type Pfn,
  PG_anon,
  PG_anonExclusive,
  PG_dirty,
  setFlag,
  type Vpn,
} from "./page.ts";
import {
  isDevicePrivateType,
  isMigrationType,
  mkPte,
  mkSwp,
  PTE_DIRTY,
  PTE_SOFT_DIRTY,
  PTE_UFFD_WP,
  PTE_WRITE,
  PTE_YOUNG,
  type Pte,
  pteAt,
  pteDirty,
  ptePresent,
  pteProtnone,
  ptepGetAndClear,
  pteWrite,
  pteYoung,
  SWP_DEVICE_READ,
  SWP_DEVICE_WRITE,
  SWP_DIRTY,
  SWP_MIGRATION_READ,
  SWP_MIGRATION_READ_EXCLUSIVE,
  SWP_MIGRATION_WRITE,
  SWP_YOUNG,
  setPteAt,
  swpOffset,
  swpType,
} from "./pageTable.ts";
import { vmPageProt } from "./pgprot.ts";
import {
  folioAnonVma,
  folioInode,
  mapsPage,
  nextAnonVmaOf,
  nextFileVmaOf,
  pageAddAnonRmap,
  pageAddRmap,
  pageRemoveRmap,
  pageTryShareAnonRmap,
  vmaAddress,
} from "./rmap.ts";
import { guards } from "./rules.ts";
import { folioPut } from "./swap.ts";
import { flushTlbPage } from "./tlb.ts";

/** try_to_migrate: all mappings become migration entries, unless one may be pinned. Folio locked; we have a reference. */
export function* tryToMigrate(k: Kernel, pfn: Pfn): Task {
  const index = k.frames.index[pfn];
  const root = folioAnonVma(k, pfn)?.root ?? null;
  const inode = folioInode(k, pfn);
  if (root) {
    yield* downRead(root.rwsem);
    let avc = nextAnonVmaOf(folioAnonVma(k, pfn)?.chains ?? null, index);
    while (avc && (yield* tryToMigrateOne(k, avc.vma as Vma, pfn)) && (yield* folioMapcount(k, pfn)) > 0) {
      avc = nextAnonVmaOf(avc.sameAnonVma, index);
    }
    yield* upRead(root.rwsem);
  } else if (inode) {
    yield* downRead(inode.immapRwsem);
    let vma = nextFileVmaOf(inode.immap, index);
    while (vma && (yield* tryToMigrateOne(k, vma, pfn)) && (yield* folioMapcount(k, pfn)) > 0) {
      vma = nextFileVmaOf(vma.nextShared, index);
    }
    yield* upRead(inode.immapRwsem);
  }
}

/** try_to_migrate_one: false = give up. The section is opened whether the VMA maps the page or not. */
function* tryToMigrateOne(k: Kernel, vma: Vma, pfn: Pfn): Task<boolean> {
  const mm = vma.mm as Mm;
  const vpn = vmaAddress(vma, k.frames.index[pfn]);
  const flags = MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE;
  const tells = guards(k.rules, "migrateNotifies") || isWritable(pteAt(k, mm, vpn));
  if (tells) yield* invalidateRangeStart(k, mm, vpn, vpn + 1, flags);
  yield* lock(mm.ptl);
  const mapped = mapsPage(k, mm, vpn, pfn) || mapsDevicePage(k, mm, vpn, pfn);
  const moved = mapped && (yield* makeMigrationEntry(k, vma, vpn, pfn));
  yield* unlock(mm.ptl);
  if (tells) yield* invalidateRangeEnd(k, mm, vpn, vpn + 1, flags);
  if (moved) yield* folioPut(k, pfn);
  return moved || !mapped;
}

/** Page-table lock held. False = restored, because the page may be pinned. */
function* makeMigrationEntry(k: Kernel, vma: Vma, vpn: Vpn, pfn: Pfn): Task<boolean> {
  const mm = vma.mm as Mm;
  const exclusive = hasFlag(k, pfn, PG_anon) && hasFlag(k, pfn, PG_anonExclusive);
  // ptep_clear_flush: never batched.
  const cleared = yield* ptepGetAndClear(k, mm, vpn);
  const pte = guards(k.rules, "migrateKeepsDirty") ? cleared : cleared & ~PTE_DIRTY;
  flushTlbPage(k, mm, vpn, "migrate");
  if (ptePresent(pte) && pteDirty(pte)) setFlag(k, pfn, PG_dirty);
  if (exclusive && !(yield* pageTryShareAnonRmap(k, pfn))) {
    yield* setPteAt(k, mm, vpn, cleared);
    return false;
  }
  yield* setPteAt(k, mm, vpn, migrationEntry(yield* numaSavedWrite(k, pte), pfn, exclusive));
  yield* pageRemoveRmap(k, pfn);
  return true;
}

/** An entry that NUMA balancing has made inaccessible: without the guard, whether it may write is up to the environment. */
export function* numaSavedWrite(k: Kernel, pte: Pte): Task<Pte> {
  if (!pteProtnone(pte) || !pteWrite(pte) || guards(k.rules, "numaKeepsWrite")) return pte;
  return (yield* choose(2)) === 1 ? pte : pte & ~PTE_WRITE;
}

/** May one write through it, be it present or of device memory? */
export const isWritable = (pte: Pte): boolean => (ptePresent(pte) ? pteWrite(pte) : swpType(pte) === SWP_DEVICE_WRITE);

/** page_vma_mapped_walk, where the page is in device memory. Page-table lock held. */
function mapsDevicePage(k: Kernel, mm: Mm, vpn: Vpn, pfn: Pfn): boolean {
  const pte = pteAt(k, mm, vpn);
  return isDevicePrivateType(swpType(pte)) && swpOffset(pte) === pfn;
}

/** The entry that takes the place of `pte` while its page is moved. */
export function migrationEntry(pte: Pte, pfn: Pfn, exclusive: boolean): Pte {
  const type = isWritable(pte) ? SWP_MIGRATION_WRITE : exclusive ? SWP_MIGRATION_READ_EXCLUSIVE : SWP_MIGRATION_READ;
  const noted = ptePresent(pte) ? (pteYoung(pte) ? SWP_YOUNG : 0) | (pteDirty(pte) ? SWP_DIRTY : 0) : 0;
  return mkSwp(pfn, type | noted | (pte & (PTE_SOFT_DIRTY | PTE_UFFD_WP)));
}

/** remove_migration_ptes: entries for `from` map `to` again. No event: rights are only given back. Both locked. */
export function* removeMigrationPtes(k: Kernel, from: Pfn, to: Pfn): Task {
  const index = k.frames.index[to];
  const root = folioAnonVma(k, to)?.root ?? null;
  const inode = folioInode(k, to);
  if (root) {
    yield* downRead(root.rwsem);
    let avc = nextAnonVmaOf(folioAnonVma(k, to)?.chains ?? null, index);
    for (; avc; avc = nextAnonVmaOf(avc.sameAnonVma, index)) yield* removeMigrationPte(k, avc.vma as Vma, from, to);
    yield* upRead(root.rwsem);
  } else if (inode) {
    yield* downRead(inode.immapRwsem);
    let vma = nextFileVmaOf(inode.immap, index);
    for (; vma; vma = nextFileVmaOf(vma.nextShared, index)) yield* removeMigrationPte(k, vma, from, to);
    yield* upRead(inode.immapRwsem);
  }
}

function* removeMigrationPte(k: Kernel, vma: Vma, from: Pfn, to: Pfn): Task {
  const mm = vma.mm as Mm;
  const vpn = vmaAddress(vma, k.frames.index[to]);
  yield* lock(mm.ptl);
  const entry = pteAt(k, mm, vpn);
  if (isMigrationType(swpType(entry)) && swpOffset(entry) === from) {
    yield* folioGet(k, to);
    const type = swpType(entry);
    if (hasFlag(k, to, PG_anon)) yield* pageAddAnonRmap(k, to, vma, vpn, type !== SWP_MIGRATION_READ);
    else yield* pageAddRmap(k, to);
    yield* mlockVmaPage(k, to, vma);
    yield* setPteAt(k, mm, vpn, restoredPte(k, vma, entry, to));
  }
  yield* unlock(mm.ptl);
}

function restoredPte(k: Kernel, vma: Vma, entry: Pte, to: Pfn): Pte {
  if (isDevicePage(k, to)) {
    const writes = swpType(entry) === SWP_MIGRATION_WRITE && (vma.flags & VM_WRITE) !== 0;
    return mkSwp(to, (writes ? SWP_DEVICE_WRITE : SWP_DEVICE_READ) | (entry & (PTE_SOFT_DIRTY | PTE_UFFD_WP)));
  }
  let pte = mkPte(to, vmPageProt(vma) & ~PTE_YOUNG) | (entry & (PTE_SOFT_DIRTY | PTE_UFFD_WP));
  if ((entry & SWP_YOUNG) !== 0) pte |= PTE_YOUNG;
  if ((entry & SWP_DIRTY) !== 0 && hasFlag(k, to, PG_dirty)) pte |= PTE_DIRTY | PTE_SOFT_DIRTY;
  if (swpType(entry) === SWP_MIGRATION_WRITE && (vma.flags & VM_WRITE) !== 0) pte |= PTE_WRITE;
  return pte;
}
