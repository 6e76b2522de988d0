/** Entries in which somebody else has a notifier on the same memory, or the device has other users. */

import type { DeviceUnderTest } from "../../drivers/underTest.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { EAGAIN } from "../../machine/errno.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, type Mutex, mutexField, unlock } from "../../machine/mutex.ts";
import { bool, struct } from "../../machine/struct.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../../mm/gup.ts";
import type { Kernel } from "../../mm/kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../../mm/madvise.ts";
import { sysMunmap } from "../../mm/mmap.ts";
import type { Mm, Process } from "../../mm/mmTypes.ts";
import { createProcess } from "../../mm/mmUsers.ts";
import { createNotifier, type MmuNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../../mm/mmuNotifier.ts";
import { type MmuNotifierOps, rangeBlockable } from "../../mm/mmuNotifierTypes.ts";
import { processMrelease } from "../../mm/oomReaper.ts";
import { rules } from "../../mm/rules.ts";
import { ANON, mapPages } from "../../mm/world/pages.ts";
import { A } from "../../mm/world/small.ts";
import {
  createDevice,
  createScene,
  type Entry,
  ends,
  looksAway,
  opens,
  type Scene,
  type Subject,
  sees,
  useDevice,
  userspace,
} from "./bench.ts";

// ---------------------------------------------------------------------------------------------------------------------
// Another subscriber

/** Another driver of the process: it has page A pinned, and lets go of it in its callback, like i915 userptr up to v5.12. */
interface Holder extends Handle {
  readonly lock: Mutex;
  holds: boolean;
  readonly pages: Pages;
}
const holderStruct = struct("holder", { lock: mutexField(), holds: bool({ guardedBy: "lock" }) });
const PIN = FOLL_PIN | FOLL_WRITE;

const holderOps: MmuNotifierOps = {
  *invalidateRangeStart(k, sub): Task<number> {
    const holder = sub.driver as Holder;
    yield* lock(holder.lock);
    if (holder.holds) yield* unpinUserPages(k, holder.pages, 1, PIN, true);
    holder.holds = false;
    yield* unlock(holder.lock);
    return 0;
  },
};

/** One that refuses whatever may not block, as everybody may who has to sleep. */
const refusingOps: MmuNotifierOps = {
  *invalidateRangeStart(_k, _sub, _start, _end, flags): Task<number> {
    return rangeBlockable(flags) ? 0 : -EAGAIN;
  },
};

/** What stands in `other` of a scene that has a second subscriber: open = register, close = unregister. */
function subscriber(m: Machine, k: Kernel, p: Process, ops: MmuNotifierOps): DeviceUnderTest {
  const holder: Holder = Object.assign(holderStruct.create("other"), { pages: createPages("other.pages", 1) });
  const sub = createNotifier(m, "other.notifier", ops, holder);
  return m.keep({
    open: () => mmuNotifierRegister(k, sub, p.mm as Mm),
    map: (kernel: Kernel) => pins(kernel, p.mm as Mm, holder),
    access: (kernel: Kernel) => pins(kernel, p.mm as Mm, holder),
    close: (kernel: Kernel) => goes(kernel, sub, holder),
  });
}

function* pins(k: Kernel, mm: Mm, holder: Holder): Task<number> {
  yield* getUserPagesFast(k, mm, A, 1, PIN, holder.pages);
  yield* lock(holder.lock);
  holder.holds = true;
  yield* unlock(holder.lock);
  return 0;
}

function* goes(k: Kernel, sub: MmuNotifier, holder: Holder): Task {
  yield* mmuNotifierUnregister(k, sub);
  yield* lock(holder.lock);
  if (holder.holds) yield* unpinUserPages(k, holder.pages, 1, PIN, true);
  holder.holds = false;
  yield* unlock(holder.lock);
}

function* besideBefore(scene: Scene): Task {
  yield* beside(scene, true);
}

function* besideAfter(scene: Scene): Task {
  yield* beside(scene, false);
}

/** Whose subscription is first? Both have the page when it goes. */
function* beside(scene: Scene, first: boolean): Task {
  const { k, device, event } = scene;
  const other = scene.other as DeviceUnderTest;
  if (first) yield* opens(k, other);
  yield* opens(k, device);
  if (!first) yield* opens(k, other);
  yield* other.map(k, A, 1);
  const a = spawn(userspace, scene);
  const b = spawn(event, scene);
  yield* join(a);
  yield* join(b);
  yield* other.close(k);
  yield* device.close(k);
  yield* ends(scene);
}

function* unmaps({ k, p }: Scene): Task {
  yield* choose(1); // anybody may begin
  yield* sysMunmap(k, p, A, 1);
}

function* reaps({ k, p }: Scene): Task {
  yield* choose(1);
  p.killed = true;
  yield* processMrelease(k, p);
}

// ---------------------------------------------------------------------------------------------------------------------
// Another user of the device

function* drops({ k, p }: Scene): Task {
  yield* choose(1);
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}

function* uses({ k, other, pages }: Scene): Task {
  yield* choose(1);
  yield* useDevice(k, other as DeviceUnderTest, pages);
}

/** Two of them at work, while the memory of the first goes. */
function* both(scene: Scene): Task {
  const { k, device, event } = scene;
  const other = scene.other as DeviceUnderTest;
  yield* opens(k, device);
  yield* opens(k, other);
  yield* useDevice(k, device, 1);
  const a = spawn(uses, scene);
  const b = spawn(event, scene);
  yield* join(a);
  yield* join(b);
  if (scene.q) yield* sees(k, scene.q, 1);
  yield* device.close(k);
  yield* other.close(k);
  yield* ends(scene);
}

const another = (s: Subject, m: Machine, k: Kernel, p: Process, sibling: DeviceUnderTest): DeviceUnderTest =>
  createDevice(m, k, s, p, { name: "second", sibling });

function secondProcess(s: Subject, m: Machine, k: Kernel, sibling: DeviceUnderTest): Pick<Scene, "other" | "q"> {
  const q = createProcess(k);
  m.boot(mapPages, [k, q, A, 1, ANON]);
  return { q, other: another(s, m, k, q, sibling) };
}

const roomForTwo = { mms: 3, frames: 10, vmas: 6, tables: 12 };

export const OTHERS_ENTRIES: readonly Entry[] = [
  {
    name: "refused",
    about: "somebody else refuses to let go without blocking; the process was killed",
    tries: ["C05", "C06"],
    setup: (m, s) =>
      void createScene(m, s, reaps, {
        course: besideAfter,
        look: looksAway,
        // Of a kernel that has no bug of its own there: case interval-section-never-ends.
        kernel: { rules: rules("linux-6.1", { refusalEndsIntervals: true }) },
        more: (_m, k, p) => ({ other: subscriber(m, k, p, refusingOps) }),
      }),
  },
  {
    name: "order-first",
    about: "somebody else, who subscribed first, lets go of the page in his callback",
    tries: ["C02", "C14"],
    setup: (m, s) =>
      void createScene(m, s, unmaps, {
        course: besideBefore,
        more: (_m, k, p) => ({ other: subscriber(m, k, p, holderOps) }),
      }),
  },
  {
    name: "order-last",
    about: "somebody else, who subscribed last, lets go of the page in his callback",
    tries: ["C02", "C14"],
    setup: (m, s) =>
      void createScene(m, s, unmaps, {
        course: besideAfter,
        more: (_m, k, p) => ({ other: subscriber(m, k, p, holderOps) }),
      }),
  },
  {
    name: "two-devices",
    about: "two devices of one process at work while its memory goes",
    tries: ["C03", "C14"],
    setup: (m, s) =>
      void createScene(m, s, drops, {
        course: both,
        more: (_m, k, p, device) => ({ other: another(s, m, k, p, device) }),
      }),
  },
  {
    name: "two-processes",
    about: "two processes with the device at work while the memory of one goes",
    tries: ["C17"],
    setup: (m, s) =>
      void createScene(m, s, drops, {
        course: both,
        kernel: roomForTwo,
        more: (_m, k, _p, device) => secondProcess(s, m, k, device),
      }),
  },
];
