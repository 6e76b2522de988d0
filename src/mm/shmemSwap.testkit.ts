/** For tests: a page of shared memory whose swap slot cannot be read. */
import type { Task } from "../machine/core.ts";
import { EFAULT } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { sysExit } from "./exit.ts";
import type { Kernel } from "./kernel.ts";
import { MADV_PAGEOUT, sysMadvise } from "./madvise.ts";
import { userRead, userWrite } from "./memory.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { pteAt } from "./pageTable.ts";
import { lruAddDrain } from "./swap.ts";
import { READS_FAIL } from "./swapTypes.ts";

export function* readsBrokenSwap(k: Kernel, p: Process): Task {
  const at = 1 << k.windowShift;
  yield* sysMmap(k, p, at, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, at, 7);
  yield* lruAddDrain(k);
  // Its first look finds the page used.
  for (let i = 0; i < 3; i++) yield* sysMadvise(k, p, at, 1, MADV_PAGEOUT);
  must(pteAt(k, p.mm as Mm, at) === 0, "assertion", "the page is still mapped");
  k.swap.state.broken = READS_FAIL;
  for (let i = 0; i < 2; i++) {
    const content = yield* userRead(k, p, at);
    must(content === -EFAULT, "lost-write", `${content} is read where nothing can be read`);
  }
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
  must(k.state.pagesInUse === 0, "leak", `${k.state.pagesInUse} frames are not free`);
}
