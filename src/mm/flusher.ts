/** The flusher thread (fs/fs-writeback.c), as far as reclaim wakes it: dirty pages of files go to disk. */
import { writeOnce } from "../machine/cell.ts";
import { immediately, type Task } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { until } from "../machine/wait.ts";
import { EXT4 } from "./fs.ts";
import type { Kernel } from "./kernel.ts";
import { writeAndWait } from "./pageWriteback.ts";

/** wakeup_flusher_threads: nothing happens where no flusher was started. */
export function wakeupFlusherThreads(k: Kernel): Task {
  return k.state.hasFlusher ? writeOnce(k.state.flusherWork, 1) : (immediately(undefined) as never);
}

/** Set-up: the flusher. A daemon that waits for `wakeupFlusherThreads`. */
export function startFlusher(m: Machine, k: Kernel): void {
  k.state.hasFlusher = true;
  m.spawn("flusher", flusher, [k], { daemon: true });
}

function* flusher(k: Kernel): Task {
  for (;;) {
    yield* until(() => k.state.flusherWork.value !== 0);
    yield* writeOnce(k.state.flusherWork, 0);
    for (let i = 0; i < k.inodes.length; i++) {
      const inode = k.inodes[i];
      if (inode.kind === EXT4) yield* writeAndWait(k, inode, 0, k.filePages);
    }
  }
}
