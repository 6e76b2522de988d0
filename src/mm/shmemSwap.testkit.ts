/** For tests: a page of shared memory that is in swap. */
import type { Task } from "../machine/core.ts";
import { EFAULT } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { sysExit } from "./exit.ts";
import { fileRead, fileWrite } from "./filemap.ts";
import { type File, O_CREAT } from "./fs.ts";
import { nameFile, openFile } from "./inode.ts";
import type { Kernel } from "./kernel.ts";
import { MADV_PAGEOUT, sysMadvise } from "./madvise.ts";
import { userRead, userWrite } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { pteAt } from "./pageTable.ts";
import { lruAddDrain } from "./swap.ts";
import { READS_FAIL } from "./swapTypes.ts";

/** Writes to the page and has it swapped out. */
function* swapsOut(k: Kernel, p: Process, at: number): Task {
  yield* userWrite(k, p, at, 7);
  yield* lruAddDrain(k);
  // Its first look finds the page used.
  for (let i = 0; i < 3; i++) yield* sysMadvise(k, p, at, 1, MADV_PAGEOUT);
  must(pteAt(k, p.mm as Mm, at) === 0, "assertion", "the page is still mapped");
}

export function* readsBrokenSwap(k: Kernel, p: Process): Task {
  const at = 1 << k.windowShift;
  yield* sysMmap(k, p, at, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* swapsOut(k, p, at);
  k.swap.state.broken = READS_FAIL;
  for (let i = 0; i < 2; i++) {
    const content = yield* userRead(k, p, at);
    must(content === -EFAULT, "lost-write", `${content} is read where nothing can be read`);
  }
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
  must(k.state.pagesInUse === 0, "leak", `${k.state.pagesInUse} frames are not free`);
}

/** A file in tmpfs whose page comes back from swap, first for read(2), then for a fault. */
export function* readsSwappedFile(k: Kernel, p: Process): Task {
  const at = 1 << k.windowShift;
  nameFile(k, "/tmp/a");
  const file = (yield* openFile(k, 1, O_CREAT)) as File;
  yield* fileWrite(k, file, 0, 7);
  yield* sysMmap(k, p, at, 1, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  const { global } = k.stat;
  for (const [reads, faults] of [
    [true, 0],
    [false, 1],
  ] as const) {
    yield* swapsOut(k, p, at);
    const before = global.pgmajfault;
    const pages = global.pswpin;
    const content = reads ? yield* fileRead(k, file, 0) : yield* userRead(k, p, at);
    must(content === 7, "lost-write", `${content} is read`);
    must(global.pswpin === pages + 1, "assertion", "the page was not read from swap");
    const major = global.pgmajfault - before;
    must(major === faults, "assertion", `${major} major faults instead of ${faults}`);
  }
}
