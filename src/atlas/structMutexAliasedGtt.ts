import type { Handle, Task } from "../machine/core.ts";
import { EBUSY } from "../machine/errno.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutexField, trylock, unlock } from "../machine/mutex.ts";
import { defineCase } from "../machine/scenario.ts";
import { bool, int, struct } from "../machine/struct.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import { flushWork, queueWork, type Work, workField, workqueue } from "../machine/workqueue.ts";
import { sysExit } from "../mm/exit.ts";
import type { Inode } from "../mm/fs.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../mm/gup.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userWrite } from "../mm/memory.ts";
import { unmapMappingPages, ZAP_ALL } from "../mm/memoryZap.ts";
import { sysMmap, sysMunmap } from "../mm/mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_SHARED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import {
  createNotifier,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  mmuNotifierUnregister,
} from "../mm/mmuNotifier.ts";
import { pteAt, ptePfn, pteReadable } from "../mm/pageTable.ts";
import { rules } from "../mm/rules.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { A, smallKernel } from "../mm/world/small.ts";

/** How the callback gets struct_mutex: waits; leaves it to a work item (v4.4); the same, and waits for that; tries (v5.1). */
type Callback = "lock" | "work" | "flushedWork" | "trylock";

interface Driver extends Handle {
  readonly structMutex: Mutex;
  /** The userptr object's pages are in the GPU's address space. */
  bound: boolean;
  /** Sections open now: nothing is claimed meanwhile. */
  sections: number;
  readonly cancelWork: Work;
  readonly pages: Pages;
  readonly callback: Callback;
}
const driverStruct = struct("i915", {
  structMutex: mutexField(),
  bound: bool({ guardedBy: "structMutex" }),
  sections: int({ ordered: "the spinlock of the notifier" }),
  cancelWork: workField(),
});
const PIN = FOLL_PIN | FOLL_WRITE;

const i915Ops: MmuNotifierOps = {
  *invalidateRangeStart(k, sub): Task<number> {
    const i915 = sub.driver as Driver;
    i915.sections++;
    switch (i915.callback) {
      case "lock":
        yield* lock(i915.structMutex);
        break;
      case "trylock":
        if (!(yield* trylock(i915.structMutex))) return -EBUSY;
        break;
      default:
        yield* queueWork(i915.cancelWork);
        if (i915.callback === "flushedWork") yield* flushWork(i915.cancelWork);
        return 0;
    }
    yield* unbind(k, i915);
    yield* unlock(i915.structMutex);
    return 0;
  },
  *invalidateRangeEnd(_k, sub): Task {
    (sub.driver as Driver).sections--;
  },
};

/** cancel_userptr. */
function* cancelUserptr(k: Kernel, i915: Driver): Task {
  yield* lock(i915.structMutex);
  yield* unbind(k, i915);
  yield* unlock(i915.structMutex);
}

/** struct_mutex held. */
function* unbind(k: Kernel, i915: Driver): Task {
  if (!i915.bound) return;
  i915.bound = false;
  yield* unpinUserPages(k, i915.pages, 1, PIN, false);
}

/** A view of the aperture is mapped over the object's range; then the driver takes the view back, with struct_mutex held. */
function* aliased(k: Kernel, p: Process, sub: MmuNotifier<Driver>): Task {
  const i915 = sub.driver;
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS | MAP_SHARED, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  yield* lock(i915.structMutex);
  const view = k.inodes.find((inode) => inode.nrpages > 0) as Inode;
  yield* unmapMappingPages(k, view, 0, 1, ZAP_ALL); // i915_gem_release_mmap
  yield* unlock(i915.structMutex);
  yield* finish(k, p, sub);
}

/** The object has a page of the process, which unmaps it, while another ioctl has struct_mutex now and then. */
function* plain(k: Kernel, p: Process, sub: MmuNotifier<Driver>): Task {
  const i915 = sub.driver;
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  yield* lock(i915.structMutex);
  yield* getUserPagesFast(k, p.mm as Mm, A, 1, PIN, i915.pages);
  i915.bound = true;
  yield* unlock(i915.structMutex);
  const other = spawn(ioctl, i915);
  yield* sysMunmap(k, p, A, 1);
  yield* join(other);
  yield* finish(k, p, sub);
}

function* ioctl(i915: Driver): Task {
  yield* choose(1); // anybody may begin
  yield* lock(i915.structMutex);
  yield* choose(1);
  yield* unlock(i915.structMutex);
}

function* finish(k: Kernel, p: Process, sub: MmuNotifier<Driver>): Task {
  yield* cancelUserptr(k, sub.driver);
  yield* mmuNotifierUnregister(k, sub);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

/** The GPU uses no page at A but the one that the process has there. */
function claimCoherence(m: Machine, k: Kernel, mm: Mm, i915: Driver): void {
  m.invariant(
    "GPU and process agree",
    () => {
      if (!i915.bound || i915.sections > 0) return true;
      const pte = pteAt(k, mm, A);
      return (
        (pteReadable(pte) && ptePfn(pte) === i915.pages.pfn[0]) ||
        "the GPU has a page that the process has not any more"
      );
    },
    "stale-mapping",
  );
}

export default defineCase<{ callback: Callback; alias: boolean }>({
  id: "struct-mutex-aliased-gtt",
  title: "the driver unmaps a view of its own and is called back under its own mutex",
  class: "deadlock",
  text: `Userspace maps a view of the GPU's aperture (MAP_FIXED) over the range of one of its userptr objects. When the driver takes
the view back, with struct_mutex held, the unmapping calls the driver's own callback, which wants struct_mutex: one thread.

- *Fix 1* leaves the unbinding to a work item and returns: the section ends and the GPU still uses the page. Since it is pinned
  that is no use after free (the catalogue allows for both), but the GPU and the process part: stale mapping. To wait for the
  work item brings the deadlock back, now in two tasks.
- *Fix 2* tries the mutex and returns an error. A start that may block must not fail: the core ignores the error and goes on, so
  another ioctl that just has the mutex is enough for a stale mapping. (The catalogue calls it a missed notification: the
  section was announced, and the driver did not act.)

Neither is clean; i915 got rid of it when callbacks no longer needed a driver-wide mutex.`,
  sources: [
    { ref: "380996aa", what: "drm/i915: Use a task to cancel the userptr, v4.4: fix 1" },
    {
      ref: "484d9a844d0d",
      what: "drm/i915/userptr: avoid struct_mutex recursion for mmu_invalidate_range_start, v5.1: fix 2",
    },
  ],
  variants: {
    buggy: { callback: "lock", alias: true, expect: "deadlock", about: "the callback waits for struct_mutex" },
    "buggy-plain": { callback: "lock", alias: false, expect: "ok", about: "the same, no view over the range" },
    "work-aliased": { callback: "work", alias: true, expect: "ok", about: "fix 1: left to a work item" },
    "work-plain": { callback: "work", alias: false, expect: "stale-mapping", about: "fix 1, no view: too late" },
    "flushed-aliased": {
      callback: "flushedWork",
      alias: true,
      expect: "deadlock",
      about: "fix 1 that waits for the work",
    },
    "flushed-plain": { callback: "flushedWork", alias: false, expect: "ok", about: "the same, no view" },
    "trylock-aliased": { callback: "trylock", alias: true, expect: "ok", about: "fix 2: trylock, error ignored" },
    "trylock-plain": {
      callback: "trylock",
      alias: false,
      expect: "stale-mapping",
      about: "fix 2 against another ioctl",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: rules("linux-5.7") });
    const p = createProcess(k);
    const pages = createPages("object.pages", 1);
    const i915: Driver = Object.assign(driverStruct.create("i915"), { pages, callback: v.callback });
    i915.cancelWork.init(workqueue("i915-userptr"), cancelUserptr, k, i915);
    claimCoherence(m, k, p.mm as Mm, i915);
    const sub = createNotifier(m, "userptr", i915Ops, i915);
    m.spawn("main", v.alias ? aliased : plain, [k, p, sub], { children: 1 });
  },
});
