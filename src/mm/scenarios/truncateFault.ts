/**
 * Truncation of a file against a fault on its only page, through a shared mapping.
 *
 *   truncate: size ─▶ page tables (unmap) ─▶ page cache: folio lock, still mapped? unmap; out ─▶ page tables once more
 *   fault:    size ─▶ page cache: folio lock, still in the cache? ─▶ page-table lock: map it ─▶ folio unlock
 *
 * A fault maps the page under the folio lock, so whoever takes the page out of the cache afterwards sees that it is
 * mapped; one that comes later sees the size. When both are done nothing beyond the end is mapped.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { lockFolio, unlockFolio } from "../../machine/folioLock.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { filemapRemoveFolio, fileWrite, findGetPage } from "../filemap.ts";
import { EXT4, type File, type Inode, O_CREAT, TMPFS } from "../fs.ts";
import { closeFile, nameFile, openFile, unlinkFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { userRead } from "../memory.ts";
import { unmapMappingPages, ZAP_ALL } from "../memoryZap.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_FIXED, MAP_SHARED, type Mm, PROT_READ, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { folioLockWord } from "../page.ts";
import { mkPte, PTE_YOUNG, pteAt, setPteAt } from "../pageTable.ts";
import { pteAlloc } from "../pteAlloc.ts";
import { pageAddRmap } from "../rmap.ts";
import { rssAdd } from "../rss.ts";
import { folioPut, lruAddDrain } from "../swap.ts";
import { truncateSetsize } from "../truncate.ts";
import { A, smallKernel } from "../world/small.ts";

const PROPER = 0;
/** The fault does not lock the folio, so it does not know whether the page is still in the cache. */
const NO_FOLIO_LOCK = 1;
/** The truncation unmaps once, before it empties the cache, and not what was mapped again meanwhile. */
const UNMAP_ONCE = 2;

function* main(k: Kernel, p: Process, path: number, fault: number, truncate: number): Task {
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  const inode = file.inode as Inode;
  yield* fileWrite(k, file, 0, 1);
  yield* lruAddDrain(k);
  yield* sysMmap(k, p, A, 1, PROT_READ, MAP_FIXED | MAP_SHARED, file, 0);
  const a = spawn(faulter, k, p, inode, fault);
  const b = spawn(truncater, k, inode, truncate);
  yield* join(a);
  yield* join(b);
  const pte = pteAt(k, p.mm as Mm, A);
  must(pte === 0, "assertion", `the file is empty, and entry ${pte} maps a page of it`);
  yield* closeFile(k, file);
  yield* unlinkFile(k, path);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* faulter(k: Kernel, p: Process, inode: Inode, how: number): Task {
  yield* choose(1); // anybody may begin
  if (how === PROPER) yield* userRead(k, p, A);
  else yield* faultWithoutFolioLock(k, p.mm as Mm, inode);
}

/** A read fault on a cached page that maps what it finds. */
function* faultWithoutFolioLock(k: Kernel, mm: Mm, inode: Inode): Task {
  yield* downRead(mm.mmapLock);
  const pfn = yield* findGetPage(k, inode, 0);
  if (pfn >= 0) {
    yield* pteAlloc(k, mm, A);
    yield* lock(mm.ptl);
    rssAdd(k, mm, pfn, 1);
    yield* pageAddRmap(k, pfn);
    yield* setPteAt(k, mm, A, mkPte(pfn, PTE_YOUNG));
    yield* unlock(mm.ptl);
  }
  yield* upRead(mm.mmapLock);
}

function* truncater(k: Kernel, inode: Inode, how: number): Task {
  yield* choose(1);
  if (how === PROPER) yield* truncateSetsize(k, inode, 0);
  else yield* truncateUnmappingOnce(k, inode);
}

function* truncateUnmappingOnce(k: Kernel, inode: Inode): Task {
  yield* lock(inode.rwsem);
  inode.size = 0;
  yield* unmapMappingPages(k, inode, 0, -1, ZAP_ALL);
  const pfn = yield* findGetPage(k, inode, 0);
  if (pfn >= 0) {
    yield* lockFolio(folioLockWord(k, pfn));
    yield* filemapRemoveFolio(k, inode, pfn);
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* folioPut(k, pfn);
  }
  yield* unlock(inode.rwsem);
}

export const truncateFault = defineCase({
  id: "mm-truncate-fault",
  title: "truncation against a fault",
  variants: {
    "linux-6.1-tmpfs": { kind: TMPFS, fault: PROPER, truncate: PROPER, expect: "ok" },
    "linux-6.1-ext4": { kind: EXT4, fault: PROPER, truncate: PROPER, expect: "ok" },
    "fault-without-folio-lock": { kind: TMPFS, fault: NO_FOLIO_LOCK, truncate: PROPER, expect: "assertion" },
    "truncate-unmaps-once": { kind: TMPFS, fault: PROPER, truncate: UNMAP_ONCE, expect: "assertion" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    const path = nameFile(k, v.kind === TMPFS ? "/tmp/f" : "/mnt/f");
    m.spawn("main", main, [k, createProcess(k), path, v.fault, v.truncate], { children: 2 });
  },
});
