/**
 * Pages that a case finds in memory when it begins: for boots (`m.boot(anonPages, [k, p, A, 2])`). Each has content 1, is on
 * the LRU lists and not in a batch, and was not used since: reclaim takes pages in the order in which they were made.
 *
 *   anonPages   private memory      swapCachePages  the same with a place in swap, as after a swap-in that was read only
 *   shmemPages  shared memory       filePages       a file on disk, mapped shared and clean
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { lockFolio, unlockFolio } from "../../machine/folioLock.ts";
import { GFP_ATOMIC } from "../../machine/gfp.ts";
import { type File, type Inode, O_CREAT } from "../fs.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages } from "../gup.ts";
import { closeFile, nameFile, openFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_COLD, sysMadvise } from "../madvise.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { fsyncFile } from "../msync.ts";
import { folioLockWord, type Pfn, type Vpn } from "../page.ts";
import { allocPage } from "../pageAlloc.ts";
import { pteAt, ptePfn, ptePresent } from "../pageTable.ts";
import { folioPut, lruAddDrain } from "../swap.ts";
import { addToSwap } from "../swapState.ts";
import { claimReferences } from "./claims.ts";

/** Private memory; private memory that has a place in swap; shared memory; a file. */
export const ANON = 0;
export const SWAP_CACHE = 1;
export const SHMEM = 2;
export const FILE = 3;
export type PageKind = typeof ANON | typeof SWAP_CACHE | typeof SHMEM | typeof FILE;

/** The frame that `p` has at `vpn`; -1 when none is present. */
export function frameAt(k: Kernel, p: Process, vpn: Vpn): Pfn {
  const pte = pteAt(k, p.mm as Mm, vpn);
  return ptePresent(pte) ? ptePfn(pte) : -1;
}

/** Maps [at, at + n) as `kind`, the first `resident` of them in memory. */
export function* mapPages(k: Kernel, p: Process, at: Vpn, n: number, kind: PageKind, resident = n): Task {
  const type = kind === SHMEM || kind === FILE ? MAP_SHARED : MAP_PRIVATE;
  const file = kind === FILE ? yield* newFile(k, n) : null;
  yield* sysMmap(k, p, at, n, PROT_READ | PROT_WRITE, type | (file ? 0 : MAP_ANONYMOUS), file, 0);
  for (let i = 0; i < resident; i++) {
    const error = yield* userWrite(k, p, at + i, 1);
    must(error === 0, "assertion", `page ${at + i} cannot be had: ${error}`);
    yield* lruAddDrain(k);
  }
  if (kind === SWAP_CACHE) yield* intoSwapCache(k, p, at, resident);
  if (file) {
    yield* fsyncFile(k, file);
    yield* closeFile(k, file);
  }
  yield* forget(k, p, at, resident);
}

export const anonPages = (k: Kernel, p: Process, at: Vpn, n: number): Task => mapPages(k, p, at, n, ANON);
export const swapCachePages = (k: Kernel, p: Process, at: Vpn, n: number): Task => mapPages(k, p, at, n, SWAP_CACHE);
export const shmemPages = (k: Kernel, p: Process, at: Vpn, n: number): Task => mapPages(k, p, at, n, SHMEM);
export const filePages = (k: Kernel, p: Process, at: Vpn, n: number): Task => mapPages(k, p, at, n, FILE);

/** The last use of [at, at + n) was long ago. */
export function* forget(k: Kernel, p: Process, at: Vpn, n: number): Task {
  if (n > 0) yield* sysMadvise(k, p, at, n, MADV_COLD);
  yield* lruAddDrain(k);
}

function* newFile(k: Kernel, pages: number): Task<File> {
  const file = (yield* openFile(k, nameFile(k, "/mnt/file"), O_CREAT)) as File;
  (file.inode as Inode).size = pages << 12;
  return file;
}

/** As reclaim leaves a page that it could not unmap, or a fault one that it has read: with a place in swap, and mapped. */
export function* intoSwapCache(k: Kernel, p: Process, at: Vpn, n: number): Task {
  for (let i = 0; i < n; i++) {
    const pfn = frameAt(k, p, at + i);
    yield* lockFolio(folioLockWord(k, pfn));
    must(yield* addToSwap(k, pfn), "assertion", "there is no room in swap");
    yield* unlockFolio(folioLockWord(k, pfn));
  }
}

/** Boot: pins [at, at + n) for writing into `pages`. */
export function* pinPages(k: Kernel, p: Process, at: Vpn, n: number, pages: Pages): Task {
  const got = yield* getUserPagesFast(k, p.mm as Mm, at, n, FOLL_PIN | FOLL_WRITE, pages);
  must(got === n, "assertion", `${got} of ${n} pages are pinned`);
}

/** Frames that are somebody's for good: they keep memory short. */
export type Hog = Pages;

/** Set-up: somebody who may have all frames of `k`, and still has them at the end. */
export function createHog(k: Kernel): Hog {
  const hog = createPages("hog", k.frames.count);
  claimReferences(k, { memory: () => [...hog.pfn] });
  return hog;
}

/** Boot: takes all free frames but `left`. */
export function* fillMemory(k: Kernel, hog: Hog, left = 0): Task {
  let n = 0;
  for (let pfn = yield* allocPage(k, GFP_ATOMIC); pfn >= 0; pfn = yield* allocPage(k, GFP_ATOMIC)) hog.pfn[n++] = pfn;
  must(n >= left, "assertion", `${n} frames were free, and ${left} shall stay free`);
  yield* spare(k, hog, n, left);
}

function* spare(k: Kernel, hog: Hog, n: number, left: number): Task {
  for (let i = 1; i <= left; i++) {
    yield* folioPut(k, hog.pfn[n - i]);
    hog.pfn[n - i] = 0;
  }
}
