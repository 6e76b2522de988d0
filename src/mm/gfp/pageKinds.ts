/** Pages of each kind that reclaim tells apart, mapped by a process, on the LRU lists. */
import type { Task } from "../../machine/core.ts";
import { lockFolio, unlockFolio } from "../../machine/folioLock.ts";
import { fileWrite } from "../filemap.ts";
import { type File, type Inode, O_CREAT } from "../fs.ts";
import { FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages } from "../gup.ts";
import { nameFile, openFile } from "../inode.ts";
import type { Kernel } from "../kernel.ts";
import { userRead, userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_PRIVATE, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { folioLockWord, type Pfn, type Vpn } from "../page.ts";
import { pteAt, ptePfn } from "../pageTable.ts";
import { writeAndWait } from "../pageWriteback.ts";
import { lruAddDrain } from "../swap.ts";
import { addToSwap } from "../swapState.ts";
import type { PageKind } from "./names.ts";

/** First page of the process's memory. */
export const BASE: Vpn = 8;

/** The frame that maps page `i`. */
export const frameOf = (k: Kernel, p: Process, i: number): Pfn => ptePfn(pteAt(k, p.mm as Mm, BASE + i));

/** Maps `n` pages of a kind at BASE, on the lists and not in batches. `pins`: room for those that are pinned. */
export function* mapPages(k: Kernel, p: Process, kind: PageKind, n: number, pins: Pages): Task {
  switch (kind) {
    case "anon":
    case "swapcache":
    case "anon-pinned":
      yield* mapAnonymous(k, p, MAP_PRIVATE, n);
      break;
    case "shmem":
    case "shmem-pinned":
      yield* mapAnonymous(k, p, MAP_SHARED, n);
      break;
    default:
      yield* mapFile(k, p, kind, n);
  }
  if (kind === "anon-pinned" || kind === "shmem-pinned") {
    yield* getUserPagesFast(k, p.mm as Mm, BASE, n, FOLL_PIN | FOLL_WRITE, pins);
  }
  yield* lruAddDrain(k);
  if (kind === "swapcache") yield* intoSwapCache(k, p, n);
}

function* mapAnonymous(k: Kernel, p: Process, type: number, n: number): Task {
  yield* sysMmap(k, p, BASE, n, PROT_READ | PROT_WRITE, type | MAP_ANONYMOUS, null, 0);
  for (let i = 0; i < n; i++) yield* userWrite(k, p, BASE + i, i + 1);
}

function* mapFile(k: Kernel, p: Process, kind: PageKind, n: number): Task {
  const file = (yield* openFile(k, nameFile(k, "/disk/file"), O_CREAT)) as File;
  const inode = file.inode as Inode;
  // What a file gets by write(2) has buffers; what is only read has none.
  inode.size = n << 12;
  if (kind === "private") {
    for (let i = 0; i < n; i++) yield* fileWrite(k, file, i, i + 1);
    yield* writeAndWait(k, inode, 0, n);
  }
  yield* sysMmap(k, p, BASE, n, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  for (let i = 0; i < n; i++) {
    if (kind === "dirty") yield* userWrite(k, p, BASE + i, i + 1);
    else yield* userRead(k, p, BASE + i);
  }
}

/** As reclaim leaves a page that it could not unmap, or a fault one that it has read: with a place in swap, and mapped. */
function* intoSwapCache(k: Kernel, p: Process, n: number): Task {
  for (let i = 0; i < n; i++) {
    const pfn = frameOf(k, p, i);
    yield* lockFolio(folioLockWord(k, pfn));
    yield* addToSwap(k, pfn);
    yield* unlockFolio(folioLockWord(k, pfn));
  }
}
