import { createSecondaryMmu, type SecondaryMmu } from "../drivers/secondaryMmu.ts";
import type { Handle, Task } from "../machine/core.ts";
import { EAGAIN } from "../machine/errno.ts";
import { must } from "../machine/finding.ts";
import { GFP_KERNEL } from "../machine/gfp.ts";
import { lock, type Mutex, mutexField, trylock, unlock } from "../machine/mutex.ts";
import { defineCase } from "../machine/scenario.ts";
import { struct } from "../machine/struct.ts";
import { choose, join, spawn, until } from "../machine/wait.ts";
import { becomeProcess } from "../mm/current.ts";
import { sysExit } from "../mm/exit.ts";
import type { Kernel } from "../mm/kernel.ts";
import { userWrite } from "../mm/memory.ts";
import { sysMmap } from "../mm/mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mm/mmTypes.ts";
import { createProcess } from "../mm/mmUsers.ts";
import {
  createNotifier,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  mmuNotifierUnregister,
  rangeBlockable,
} from "../mm/mmuNotifier.ts";
import { outOfMemory } from "../mm/oomKill.ts";
import { startOomReaper } from "../mm/oomReaper.ts";
import type { Rules } from "../mm/rules.ts";
import { lruAddDrain } from "../mm/swap.ts";
import { under } from "../mm/world/onePage.ts";
import { A, smallKernel } from "../mm/world/small.ts";

/** The driver's buffer is page A; B is memory of the process that the driver has nothing to do with. */
const B = A + 2;
interface Driver extends Handle {
  readonly lock: Mutex;
}
const driverStruct = struct("driver", { lock: mutexField() });

const blocking: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub, start, end, flags): Task<number> {
    const dev = sub.driver as Driver;
    if (start > A || end <= A) return 0;
    if (rangeBlockable(flags)) yield* lock(dev.lock);
    else if (!(yield* trylock(dev.lock))) return -EAGAIN;
    yield* unlock(dev.lock);
    return 0;
  },
};
/** One that has nothing to wait for, and says so. */
const harmless: MmuNotifierOps = {
  doesNotBlock: true,
  *invalidateRangeStart(): Task<number> {
    return 0;
  },
};

function* main(k: Kernel, p: Process, sub: MmuNotifier, counter: MmuNotifier<SecondaryMmu> | null): Task {
  for (let at = A; at <= B; at += 2) {
    yield* sysMmap(k, p, at, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
    yield* userWrite(k, p, at, 1);
  }
  yield* lruAddDrain(k);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  if (counter) yield* mmuNotifierRegister(k, counter, p.mm as Mm);
  const a = spawn(victim, k, p, sub);
  const b = spawn(killer, k);
  yield* join(a);
  yield* join(b);
  if (counter) yield* mustBePaired(counter);
  if (counter) yield* mmuNotifierUnregister(k, counter);
  yield* mmuNotifierUnregister(k, sub);
  yield* lruAddDrain(k);
}

/** An ioctl of the driver: with its lock held it waits for memory, until there is nothing more to be had from the victim. */
function* victim(k: Kernel, p: Process, sub: MmuNotifier): Task {
  const dev = sub.driver as Driver;
  const mm = p.mm as Mm;
  becomeProcess(p);
  yield* choose(1); // the killer may begin
  yield* lock(dev.lock);
  yield* until(() => mm.oomSkip);
  // Now the next process is killed. What the driver refused to give may be left, no more.
  must(
    mm.rssAnon <= 1,
    "policy",
    `${mm.rssAnon} pages of the victim were left when the reaper gave up: one more is killed`,
  );
  yield* unlock(dev.lock);
  yield* sysExit(k, p);
}

function* killer(k: Kernel): Task {
  yield* choose(1);
  yield* lock(k.oom.lock);
  yield* outOfMemory(k, GFP_KERNEL, 0, 1000);
  yield* unlock(k.oom.lock);
}

function* mustBePaired(counter: MmuNotifier<SecondaryMmu>): Task {
  yield* lock(counter.driver.lock);
  const open = counter.driver.inProgress;
  must(open === 0, "missed-notification", `${counter.name} waits for the end of ${open} sections`);
  yield* unlock(counter.driver.lock);
}

const blocks = { reaperNonBlock: false } as const;
interface Parameters {
  readonly inForce: Rules;
  readonly ops: MmuNotifierOps;
  /** Is there another subscriber, which counts open sections? */
  readonly counts?: true;
}

export default defineCase<Parameters>({
  id: "oom-reaper-vs-blocking-notifier",
  title: "the reaper needs a lock the victim holds",
  class: "deadlock",
  text: `A process holds the lock of a driver and waits for memory. The OOM killer chooses it; the reaper takes its memory away in its
place, calls the notifiers, and the driver's callback wants the lock.

No release did that: up to v4.13 the reaper told nobody (row \`untold\`), and when that was found, the deadlock was the reason not to call
notifiers simply (row \`buggy\`).

*Fix ladder:* v4.14 left address spaces with any notifier alone; v4.16 only those with a notifier that does not declare that it never
blocks; v4.19 tells every callback that it must not block, and leaves out the ranges for which one refuses. The bound that the first two
break: when the reaper gives up and the next process is killed, at most the driver's own buffer is left. A refused start needs an end for
the others who had one (case \`unpaired-start-on-eagain\`): without that v4.19 breaks something else (row \`fixed-unpaired\`).`,
  sources: [
    { ref: "4d4bbd8526a8", what: "mm, oom_reaper: skip mm structs with mmu notifiers, v4.14" },
    {
      ref: "5ff7091f5a2c",
      what: "mm, mmu_notifier: annotate mmu notifiers with blockable invalidate callbacks, v4.16",
    },
    { ref: "93065ac753e4", what: "mm, oom: distinguish blockable mode for mmu notifiers, v4.19" },
  ],
  variants: {
    buggy: {
      ...under("linux-5.7", blocks),
      ops: blocking,
      about: "sections as everywhere else: the reaper may block",
      expect: "deadlock",
    },
    untold: {
      ...under("linux-5.7", { without: ["reaperNotifies"] }),
      ops: blocking,
      about: "v4.6 … v4.13: the reaper tells nobody",
      expect: "missed-notification",
    },
    "skip-any": {
      ...under("linux-5.7", { ...blocks, reaperSkips: "anyNotifier" }),
      ops: blocking,
      about: "v4.14: nothing is reaped where somebody listens",
      expect: "policy",
    },
    "skip-any-harmless": {
      ...under("linux-5.7", { ...blocks, reaperSkips: "anyNotifier" }),
      ops: harmless,
      about: "the same with a driver that never blocks",
      expect: "policy",
    },
    "skip-blocking": {
      ...under("linux-5.7", { ...blocks, reaperSkips: "mayBlock" }),
      ops: blocking,
      about: "v4.16: nothing is reaped where somebody might block",
      expect: "policy",
    },
    "skip-blocking-harmless": {
      ...under("linux-5.7", { ...blocks, reaperSkips: "mayBlock" }),
      ops: harmless,
      about: "the same with a driver that never blocks",
      expect: "ok",
    },
    fixed: { ...under("linux-6.1"), ops: blocking, about: "v4.19: refused ranges are left out", expect: "ok" },
    "fixed-unpaired": {
      ...under("linux-5.7"),
      ops: blocking,
      counts: true,
      about: "v4.19 … v5.11 with one more subscriber, which counts sections",
      expect: "missed-notification",
    },
    "fixed-paired": { ...under("linux-6.1"), ops: blocking, counts: true, about: "the same since v5.12", expect: "ok" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce, oomReapRetries: 2 });
    const sub = createNotifier(m, "driver", v.ops, driverStruct.create("driver") as Driver);
    startOomReaper(m, k);
    const counter = v.counts ? createSecondaryMmu(m, "kvm") : null;
    m.spawn("main", main, [k, createProcess(k), sub, counter], { children: 2 });
  },
});
