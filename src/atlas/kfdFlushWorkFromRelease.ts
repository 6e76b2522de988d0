import {
  createKfdProcess,
  type KfdProcess,
  kfdOpen,
  type SvmOptions,
  svmRangeAddListWork,
} from "../drivers/amdkfdSvm.ts";
import type { Task } from "../machine/core.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose } from "../machine/wait.ts";
import { queueWork } from "../machine/workqueue.ts";
import { sysExit } from "../mm/exit.ts";
import type { Kernel } from "../mm/kernel.ts";
import type { Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { smallKernel } from "../mm/world/small.ts";

/** The process has something for both works to do, and goes. */
function* main(k: Kernel, p: Process, kfd: KfdProcess): Task {
  yield* kfdOpen(k, kfd);
  yield* svmRangeAddListWork(kfd);
  yield* queueWork(kfd.restoreWork);
  yield* choose(1); // the works may run
  yield* sysExit(k, p);
}

const row = (flushedBy: SvmOptions["flushedBy"], restoreHasUser: boolean) => ({ flushedBy, restoreHasUser });

export default defineCase({
  id: "kfd-flush-work-from-release",
  title: "a release callback waits for a work item that waits for the one it runs in",
  class: "deadlock",
  text: `Whoever drops the last user of an mm runs exit_mmap, and with it every driver's release callback: also a work item that
only wanted to be sure that the mm stays. What a release callback waits for must therefore not wait for any place that may
drop a user.

*Buggy run:* the process is gone, and the work for deferred ranges has the last user. Its mmput calls release, which waits for
the restore work; that flushes the work for deferred ranges, the one that is running.

*Fix:* two halves. The flush goes from the release callback to the work item that frees the process structure. Then the mm may
be gone while the restore work is at it, so that takes a user too; with the first half alone it locks the mmap_lock of an mm
that was freed.`,
  sources: [
    {
      ref: "6225bb3a88d2",
      what: "drm/amdkfd: svm range restore work deadlock when process exit, v5.18; CVE-2022-49133",
    },
  ],
  variants: {
    buggy: { ...row("release", false), expect: "deadlock", about: "release waits for the restore work" },
    "buggy-with-user": { ...row("release", true), expect: "deadlock", about: "only the second half of the fix" },
    "moved-without-user": {
      ...row("processWork", false),
      expect: "use-after-free",
      about: "only the first half of the fix",
    },
    fixed: { ...row("processWork", true), expect: "ok", about: "v5.18: both halves" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    const p = createProcess(k);
    const kfd = createKfdProcess(m, k, p, v);
    m.spawn("main", main, [k, p, kfd]);
  },
});
