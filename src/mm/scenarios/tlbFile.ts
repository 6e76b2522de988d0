/**
 * Stale writable translations of file pages: a store that goes to a page which counts as clean never reaches the disk.
 *
 *   writeback: folio lock ─▶ mkclean: entry cleared, flushed, read-only ─▶ content to disk ─▶ a later store faults
 *   munmap:    entry cleared, dirty bit to the page ─▶ flush ─▶ page-table lock dropped: writeback may clean the page
 *   reclaim:   entry cleared, flush put off ─▶ flush before the page is written or freed; whoever looks at entries of that
 *              mm meanwhile flushes first
 */
import { type Cell, cell, readOnce, writeOnce } from "../../machine/cell.ts";
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { lockFolio, unlockFolio } from "../../machine/folioLock.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { defineCase } from "../../machine/scenario.ts";
import { join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { cleanupFolio, filemapRemoveFolio, fileWrite, findGetPage } from "../filemap.ts";
import { cacheSlot, type File, type Inode, O_CREAT } from "../fs.ts";
import { closeFile, nameFile, openFile, unlinkFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_SHARED,
  type Mm,
  PROT_READ,
  PROT_WRITE,
  type Process,
  type Vma,
} from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import { invalidateRangeEnd, invalidateRangeStart, MMU_NOTIFY_CLEAR, RANGE_BLOCKABLE } from "../mmuNotifier.ts";
import { folioLockWord, type Pfn, PG_dirty, setFlag } from "../page.ts";
import { pteDirty, ptepGetAndClear } from "../pageTable.ts";
import { writeAndWait } from "../pageWriteback.ts";
import { mapsPage, pageRemoveRmap } from "../rmap.ts";
import { rssAdd } from "../rss.ts";
import { folioPut, lruAddDrain } from "../swap.ts";
import type { TlbOption } from "../tlb.ts";
import { setTlbUbcFlushPending, tryToUnmapFlush, tryToUnmapFlushDirty } from "../tlbBatch.ts";
import { A, smallKernel } from "../world/small.ts";

/** Writeback while a thread stores. */
const WRITEBACK = 0;
/** The same, and a third thread unmaps the page. */
const MUNMAP = 1;
/** Reclaim takes the page away while a thread loads from it. */
const RECLAIM = 2;
/** The same, while another thread unmaps the page, which it must not see afterwards. */
const RECLAIM_MUNMAP = 3;
/** Reclaim writes the page back while a thread stores to it. */
const RECLAIM_DIRTY = 4;

const losesStores = (how: number): boolean => how < RECLAIM || how === RECLAIM_DIRTY;

const AT = A + 1;

function* main(k: Kernel, p: Process, path: number, done: Cell, how: number): Task {
  const file = (yield* openFile(k, path, O_CREAT)) as File;
  const inode = file.inode as Inode;
  yield* fileWrite(k, file, 0, 1);
  yield* writeAndWait(k, inode, 0, 1);
  yield* lruAddDrain(k);
  // The page in front keeps page tables alive, so that munmap does not flush on their behalf.
  yield* sysMmap(k, p, A, 1, PROT_READ, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* sysMmap(k, p, AT, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, file, 0);
  if (losesStores(how)) yield* userWrite(k, p, AT, 1);
  else yield* userRead(k, p, AT);
  const a = how < RECLAIM ? spawn(cleaner, k, inode) : spawn(reclaimer, k, inode, how === RECLAIM_DIRTY);
  const b = losesStores(how) ? spawn(writer, k, p, done) : spawn(how === RECLAIM ? reader : unmapper, k, p);
  const c = how === MUNMAP ? spawn(unmapper, k, p) : null;
  yield* join(a);
  yield* join(b);
  if (c) yield* join(c);
  yield* sysExit(k, p);
  if (losesStores(how)) yield* mustReachDisk(k, inode, done);
  yield* closeFile(k, file);
  yield* unlinkFile(k, path);
  yield* lruAddDrain(k);
}

function* mustReachDisk(k: Kernel, inode: Inode, done: Cell): Task {
  yield* writeAndWait(k, inode, 0, 1);
  const disk = k.cache.disk[cacheSlot(k, inode, 0)];
  const expected = (yield* readOnce(done)) === 1 ? 2 : 1;
  must(disk === expected, "lost-write", `${expected} was stored, and after writeback the disk has ${disk}`);
}

function* cleaner(k: Kernel, inode: Inode): Task {
  yield* writeAndWait(k, inode, 0, 1);
}

function* writer(k: Kernel, p: Process, done: Cell): Task {
  if ((yield* userWrite(k, p, AT, 2)) === 0) yield* writeOnce(done, 1);
}

function* reader(k: Kernel, p: Process): Task {
  const seen = yield* userRead(k, p, AT);
  must(seen === 1, "assertion", `the file has 1, and a load finds ${seen}`);
}

function* unmapper(k: Kernel, p: Process): Task {
  yield* sysMunmap(k, p, AT, 1);
  const seen = yield* userRead(k, p, AT);
  must(seen < 0, "assertion", `the page was unmapped by this thread, which then loads ${seen} from it`);
}

/**
 * What shrink_folio_list does: the page is unmapped with a flush put off; if it was dirty, it is flushed and written; else
 * it leaves the cache, and is flushed and freed.
 */
function* reclaimer(k: Kernel, inode: Inode, dirty: boolean): Task {
  const pfn = yield* findGetPage(k, inode, 0);
  yield* lockFolio(folioLockWord(k, pfn));
  yield* downRead(inode.immapRwsem);
  for (let vma = inode.immap; vma; vma = vma.nextShared) yield* unmapOne(k, vma, pfn);
  yield* upRead(inode.immapRwsem);
  if (dirty) {
    yield* tryToUnmapFlushDirty(k);
    yield* unlockFolio(folioLockWord(k, pfn));
    yield* writeAndWait(k, inode, 0, 1);
  } else {
    yield* cleanupFolio(k, pfn);
    yield* filemapRemoveFolio(k, inode, pfn);
    yield* unlockFolio(folioLockWord(k, pfn));
  }
  yield* tryToUnmapFlush(k);
  yield* folioPut(k, pfn);
}

/** try_to_unmap_one with TTU_BATCH_FLUSH. */
function* unmapOne(k: Kernel, vma: Vma, pfn: Pfn): Task {
  const mm = vma.mm as Mm;
  yield* invalidateRangeStart(k, mm, AT, AT + 1, MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE);
  yield* lock(mm.ptl);
  const mapped = mapsPage(k, mm, AT, pfn);
  if (mapped) {
    const old = yield* ptepGetAndClear(k, mm, AT);
    setTlbUbcFlushPending(k, mm, old);
    if (pteDirty(old)) setFlag(k, pfn, PG_dirty);
    rssAdd(k, mm, pfn, -1);
    yield* pageRemoveRmap(k, pfn);
  }
  yield* unlock(mm.ptl);
  yield* invalidateRangeEnd(k, mm, AT, AT + 1, MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE);
  if (mapped) yield* folioPut(k, pfn);
}

export const tlbFile = defineCase<{ readonly tlb: TlbOption; readonly how: number }>({
  id: "mm-tlb-file",
  title: "writeback and reclaim of file pages against threads whose CPUs have the translation",
  variants: {
    "linux-6.1-writeback": { tlb: true, how: WRITEBACK, expect: "ok" },
    "linux-6.1-writeback-munmap": { tlb: true, how: MUNMAP, expect: "ok" },
    "linux-6.1-reclaim": { tlb: true, how: RECLAIM, expect: "ok" },
    "linux-6.1-reclaim-munmap": { tlb: true, how: RECLAIM_MUNMAP, expect: "ok" },
    "linux-6.1-reclaim-dirty": { tlb: true, how: RECLAIM_DIRTY, expect: "ok" },
    "mkclean-without-flush": { tlb: { without: "mkclean" }, how: WRITEBACK, expect: "lost-write" },
    "zap-without-flush-under-lock": { tlb: { without: "gatherUnderPtl" }, how: MUNMAP, expect: "lost-write" },
    "reclaim-without-flush": { tlb: { without: "batch" }, how: RECLAIM, expect: "use-after-free" },
    "reclaim-writes-before-flush": { tlb: { without: "batch" }, how: RECLAIM_DIRTY, expect: "lost-write" },
    "munmap-ignores-batched-flush": { tlb: { without: "batchPending" }, how: RECLAIM_MUNMAP, expect: "assertion" },
  },
  setup(m, v) {
    const k = smallKernel(m, { tlb: v.tlb });
    const path = nameFile(k, "/mnt/f");
    m.spawn("main", main, [k, createProcess(k), path, cell("done"), v.how], { children: 3 });
  },
});
