import { createXeUserptr, type MarksDirty, type XeUserptr, xePopulate } from "../drivers/xeUserptr.ts";
import type { Task } from "../machine/core.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { sysExit } from "../mm/exit.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userWrite } from "../mm/memory.ts";
import { MPOL_MF_MOVE, sysMovePages } from "../mm/mempolicy.ts";
import { sysMmap } from "../mm/mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import { mmuIntervalNotifierInsert, mmuIntervalNotifierRemove } from "../mm/mmuIntervalNotifier.ts";
import type { IntervalNotifier } from "../mm/mmuNotifierTypes.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { A, smallKernel } from "../mm/world/small.ts";

function* main(k: Kernel, p: Process, sub: IntervalNotifier<XeUserptr>): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* mmuIntervalNotifierInsert(k, sub, p.mm as Mm, A, 1);
  const a = spawn(validator, k, sub);
  yield* choose(1); // anybody may begin
  yield* sysMovePages(k, p, A, 1, 1, MPOL_MF_MOVE);
  yield* join(a);
  yield* mmuIntervalNotifierRemove(k, sub);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* validator(k: Kernel, sub: IntervalNotifier<XeUserptr>): Task {
  yield* choose(1);
  yield* xePopulate(k, sub, A);
}

export default defineCase<{ marks: MarksDirty }>({
  id: "xe-notifier-vs-folio-lock",
  title: "a folio is locked under the lock of the callback, which is called with the folio locked",
  class: "deadlock",
  text: `page-lock-in-notifier again, with two threads. Migration locks a folio, unmaps it, and calls the driver, who wants
notifier_lock; the driver, with notifier_lock held, locks the folio to mark it dirty. lockdep says nothing: to it the folio lock
is no lock.

The three steps of its history are three bugs, each the cure of the one before. First the pages were marked without
notifier_lock: nobody has a reference to them, so they may be free by then (use after free). Then under notifier_lock:
deadlock. *Fix:* not at all: hmm_range_fault has asked for a writable entry, whose dirty bit goes to the page when it is
unmapped.`,
  sources: [
    { ref: "2577b202458c", what: "drm/xe/userptr: fix notifier vs folio deadlock, v6.15; CVE-2025-37868" },
    {
      ref: "0a98219bcc96",
      what: "drm/xe/hmm: Don't dereference struct page pointers without notifier lock: the cause",
    },
  ],
  variants: {
    "before-0a98219bcc96": { marks: "unlocked", expect: "use-after-free", about: "marked without notifier_lock" },
    buggy: { marks: "underLock", expect: "deadlock", about: "marked under notifier_lock" },
    fixed: { marks: "never", expect: "ok", about: "v6.15: not marked" },
  },
  setup(m, v) {
    const k = smallKernel(m, { nodes: 2, frames: 8 });
    m.spawn("main", main, [k, createProcess(k), createXeUserptr(m, k, v.marks)], { children: 1 });
  },
});
