import { createKfd, createKfdUserptr, createQueue, type Kfd } from "../drivers/amdkfd.ts";
import { PF_MEMALLOC, PF_MEMALLOC_NOFS, PF_MEMALLOC_NOIO } from "../machine/context.ts";
import type { Task } from "../machine/core.ts";
import { __GFP_RETRY_MAYFAIL, GFP_ATOMIC, GFP_KERNEL } from "../machine/gfp.ts";
import { defineCase } from "../machine/scenario.ts";
import { sysExit } from "../mm/exit.ts";
import { type File, type Inode, O_CREAT } from "../mm/fs.ts";
import { closeFile, nameFile, openFile, unlinkFile } from "../mm/inode.ts";
import type { Kernel } from "../mm/kernel.ts";
import { MADV_COLD, sysMadvise } from "../mm/madvise.ts";
import { userRead, userWrite } from "../mm/memory.ts";
import { sysMmap } from "../mm/mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { mmuIntervalNotifierInsert, mmuIntervalNotifierRemove } from "../mm/mmuIntervalNotifier.ts";
import type { IntervalNotifier } from "../mm/mmuNotifierTypes.ts";
import { folioPut, lruAddDrain } from "../mm/swap.ts";
import { swapKernel } from "../mm/world/reclaim.ts";
import { A } from "../mm/world/small.ts";

/** All memory is one page of the process, which the device uses too; then a queue is made. */
function* main(k: Kernel, p: Process, sub: IntervalNotifier<Kfd>, gfp: number, path: number): Task {
  yield* mmuIntervalNotifierInsert(k, sub, p.mm as Mm, A, 1);
  const file = path < 0 ? null : ((yield* openFile(k, path, O_CREAT)) as File);
  if (file) (file.inode as Inode).size = 4096;
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | (file ? MAP_SHARED : MAP_ANONYMOUS), file, 0);
  if (file) yield* userRead(k, p, A);
  else yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* sysMadvise(k, p, A, 1, MADV_COLD);
  const mqd = yield* createQueue(k, sub.driver, gfp);
  if (mqd >= 0) yield* folioPut(k, mqd);
  if (file) yield* closeFile(k, file);
  yield* mmuIntervalNotifierRemove(k, sub);
  yield* sysExit(k, p);
  if (file) yield* unlinkFile(k, path);
  yield* lruAddDrain(k);
}

const KERNEL = GFP_KERNEL | __GFP_RETRY_MAYFAIL;

export default defineCase({
  id: "gfp-noio-still-notifies",
  title: "no GFP scope but that without direct reclaim keeps one out of a notifier",
  class: "deadlock",
  text: `A callback stops the queues of a process under the lock of the device queue manager; so nothing may be reclaimed under that
lock. It was taken with a NOFS scope, which says that reclaim may not enter file systems. Reclaim that may not enter file
systems still unmaps clean pages of files, and tells their subscribers.

*Buggy run:* one thread: dqm lock, allocation, reclaim, a page of this very process is unmapped, callback, dqm lock. *Fix:* a
PF_MEMALLOC scope: no direct reclaim (the price: reserves may be used, or the allocation fails). GFP_ATOMIC is as safe.

What page reclaim meets decides too, and the catalogue does not say so: with NOIO a page of a file is as bad, but anonymous
memory that is not in the swap cache is left alone before it is unmapped, since to swap it would be I/O. NOFS does not help
there either, as swap is no file system.`,
  sources: [
    { ref: "1fb8b1fc4dd1", what: "drm/amdkfd: Fix recursive lock warnings, v5.12" },
    { ref: "f920e413ff9c", what: "lockdep is told that every direct reclaim may call notifiers, v5.11" },
  ],
  variants: {
    kernel: { scope: 0, gfp: KERNEL, file: true, expect: "deadlock", about: "GFP_KERNEL, page of a file" },
    "buggy-nofs": {
      scope: PF_MEMALLOC_NOFS,
      gfp: KERNEL,
      file: true,
      expect: "deadlock",
      about: "NOFS scope, page of a file",
    },
    noio: { scope: PF_MEMALLOC_NOIO, gfp: KERNEL, file: true, expect: "deadlock", about: "NOIO scope, page of a file" },
    "nofs-anon": {
      scope: PF_MEMALLOC_NOFS,
      gfp: KERNEL,
      file: false,
      expect: "deadlock",
      about: "NOFS scope, anonymous page",
    },
    "noio-anon": {
      scope: PF_MEMALLOC_NOIO,
      gfp: KERNEL,
      file: false,
      expect: "ok",
      about: "NOIO scope, anonymous page: left alone",
    },
    atomic: { scope: 0, gfp: GFP_ATOMIC, file: true, expect: "ok", about: "GFP_ATOMIC: fails instead" },
    fixed: {
      scope: PF_MEMALLOC,
      gfp: KERNEL,
      file: true,
      expect: "ok",
      about: "v5.12: PF_MEMALLOC scope, no direct reclaim",
    },
    "fixed-anon": { scope: PF_MEMALLOC, gfp: KERNEL, file: false, expect: "ok", about: "the same, anonymous page" },
  },
  setup(m, v) {
    const k = swapKernel(m, { frames: 2, reclaims: true });
    const sub = createKfdUserptr(m, k, createKfd(v.scope));
    m.spawn("ioctl", main, [k, createProcess(k), sub, v.gfp, v.file ? nameFile(k, "/mnt/f") : -1]);
  },
});
