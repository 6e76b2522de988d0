import {
  createIntervalUserptr,
  type I915IntervalOptions,
  type IntervalObject,
  submitInit,
} from "../drivers/i915UserptrInterval.ts";
import type { Task } from "../machine/core.ts";
import { EAGAIN, ENOMEM } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { lock, unlock } from "../machine/mutex.ts";
import { defineCase } from "../machine/scenario.ts";
import { choose, join, spawn } from "../machine/wait.ts";
import type { Kernel } from "../mm/kernel.ts";
import { sysMunmap } from "../mm/mmap.ts";
import type { Mm, Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import type { IntervalNotifier } from "../mm/mmuNotifierTypes.ts";
import { rules } from "../mm/rules.ts";
import { createMirror, type Device, deviceStop, mirrorMap } from "../mm/world/devices.ts";
import { anonPages, frameAt } from "../mm/world/pages.ts";
import { A, smallKernel } from "../mm/world/small.ts";

const PAGES = 2;

/** A client submits once and never again; the process unmaps the memory. How many pages does the device keep from everybody? */
function* pinning(k: Kernel, p: Process, object: IntervalObject, notifier: IntervalNotifier): Task {
  const a = spawn(submitter, k, object, notifier);
  const b = spawn(unmapper, k, p);
  yield* join(a);
  yield* join(b);
  yield* lock(object.lock);
  const held = object.hasPages ? heldBy(k, p, object) : 0;
  const { charged } = object;
  yield* unlock(object.lock);
  must(held <= charged, "policy", `${held} pages that nobody maps stay pinned, and ${charged} are charged to somebody`);
}

function heldBy(k: Kernel, p: Process, object: IntervalObject): number {
  let n = 0;
  for (let i = 0; i < PAGES; i++) if (frameAt(k, p, A + i) !== object.pages.pfn[i]) n++;
  return n;
}

function* submitter(k: Kernel, object: IntervalObject, notifier: IntervalNotifier): Task {
  yield* choose(1); // anybody may begin
  const error = yield* submitInit(k, object, notifier);
  must(error === 0 || error === -EAGAIN || error === -ENOMEM, "assertion", `submit failed with ${error}`);
}

function* unmapper(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMunmap(k, p, A, PAGES);
}

/** The same with a device that can fault: it has no pages, only entries. */
function* faulting(k: Kernel, p: Process, sub: IntervalNotifier): Task {
  const a = spawn(mapper, k, sub);
  const b = spawn(unmapper, k, p);
  yield* join(a);
  yield* join(b);
  const held = k.state.pagesInUse - 1;
  must(held <= 0, "policy", `${held} pages that nobody maps stay in use`);
  yield* deviceStop(sub.driver as Device);
}
function* mapper(k: Kernel, sub: IntervalNotifier): Task {
  yield* choose(1);
  for (let i = 0; i < PAGES; i++) yield* mirrorMap(k, sub, A + i, true);
}

interface Parameters {
  readonly driver: I915IntervalOptions | "mirror";
}
const mirror: Parameters = { driver: "mirror" };

export default defineCase<Parameters>({
  id: "unaccounted-notifier-immune-pin",
  title: "the driver ignores the notification and keeps the pages, charged to nobody",
  class: "policy",
  text: `Since v6.9 the callback of i915 userptr moves a sequence and does nothing else: the pages are pinned, so there is nothing to
wait for, and none of the deadlocks of the case gup-reclaim-recursive-wait is left. But the pin outlives the mapping. A client
submits once; its process unmaps the memory; the pages are in no address space, no counter of the process has them, and they
stay until somebody submits with the object again, the shrinker takes it, or it is closed. Until then they can be neither
reclaimed nor migrated, compacted or taken offline.

*Bound:* when both tasks are done, pages that the device holds and no process maps ≤ pages charged to somebody.

The rows for v5.13 break it as well: the wait of its callback did not release a page either, which is what the authors answered
on the list. What differs is only the latency. *Alternatives:* charge them (as RDMA and vfio do for long-term pins, RLIMIT_MEMLOCK):
as many pages stay, but they are somebody's and there is a limit, over which a submission fails. Or a device that can fault and
holds no pages: then none stays. The first pays with failing submissions, the second needs the hardware.`,
  sources: [
    { ref: "86ceaaaec597", what: "drm/i915/gem: Atomically invalidate userptr on mmu-notifier, v6.9" },
    {
      ref: "intel-gfx, 16 February 2024",
      what: "dri-devel, February 2024: Dave Airlie on pinning without accounting, Thomas Hellstroem's answer",
    },
  ],
  variants: {
    buggy: { driver: { waitInCallback: false }, about: "v6.9: the callback moves the sequence", expect: "policy" },
    "waits-5.13": {
      driver: { waitInCallback: true },
      about: "v5.13: and waits for the GPU; it keeps the pages too",
      expect: "policy",
    },
    charged: { driver: { waitInCallback: false, memlock: PAGES }, about: "v6.9, and pages are charged", expect: "ok" },
    "over-the-limit": {
      driver: { waitInCallback: false, memlock: PAGES - 1 },
      about: "v6.9, and the limit is less than the object: it gets no pages",
      expect: "ok",
    },
    fixed: { ...mirror, about: "a device that can fault: entries, no pins", expect: "ok" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: rules("linux-6.1"), watchPtes: false });
    const p = createProcess(k);
    const mm = p.mm as Mm;
    if (v.driver === "mirror") {
      const { notifier } = createMirror(m, k, mm, A, PAGES);
      m.boot(anonPages, [k, p, A, PAGES]);
      m.spawn("client", faulting, [k, p, notifier], { children: 2 });
    } else {
      const { object, notifier } = createIntervalUserptr(m, k, mm, A, PAGES, v.driver);
      m.boot(anonPages, [k, p, A, PAGES]);
      m.spawn("client", pinning, [k, p, object, notifier], { children: 2 });
    }
  },
});
