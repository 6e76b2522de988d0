/**
 * Unregistering against the end of the address space: a driver gives up its subscription and frees it, while the process
 * unmaps a page and exits.
 *
 *   exit:       release of everybody on the list, under SRCU ─▶ list emptied ─▶ grace period ─▶ pages unmapped
 *   unregister: still on the list? release, under SRCU ─▶ off the list ─▶ grace period ─▶ mmdrop
 *
 * Whoever is first, release has run when unregister returns, and nothing calls the subscriber any more.
 */
import { readOnce, writeOnce } from "../../machine/cell.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { lock, type Mutex, mutexField, unlock } from "../../machine/mutex.ts";
import { defineCase } from "../../machine/scenario.ts";
import { bool, struct } from "../../machine/struct.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess, mmdrop } from "../mmUsers.ts";
import {
  createNotifier,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  mmuNotifierUnregister,
} from "../mmuNotifier.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

interface Device extends Handle {
  readonly lock: Mutex;
  released: boolean;
  /** The memory of the subscriber was freed. */
  freed: boolean;
}
const deviceStruct = struct("device", {
  lock: mutexField(),
  released: bool({ guardedBy: "lock" }),
  freed: bool({ ordered: "what unregistering promises, and is checked" }),
});

const mustLive = (dev: Device, op: string): void =>
  must(!dev.freed, "use-after-free", `${op} runs, and the subscriber was freed`);

const ops: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub): Task<number> {
    const dev = sub.driver as Device;
    mustLive(dev, "start");
    yield* lock(dev.lock);
    mustLive(dev, "start");
    yield* unlock(dev.lock);
    return 0;
  },
  *release(_k, sub): Task {
    const dev = sub.driver as Device;
    mustLive(dev, "release");
    yield* lock(dev.lock);
    mustLive(dev, "release");
    dev.released = true;
    yield* unlock(dev.lock);
  },
};

const PROPER = 0;
const NO_GRACE_PERIOD = 1;
const NO_RELEASE = 2;

function* main(k: Kernel, p: Process, sub: MmuNotifier, unmaps: number, how: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  const a = spawn(ender, k, p, unmaps);
  const b = spawn(driver, k, sub, how);
  yield* join(a);
  yield* join(b);
  if (unmaps !== 0) yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* ender(k: Kernel, p: Process, unmaps: number): Task {
  yield* choose(1); // anybody may begin
  if (unmaps !== 0) yield* sysMunmap(k, p, A, 1);
  else yield* sysExit(k, p);
}

function* driver(k: Kernel, sub: MmuNotifier, how: number): Task {
  const dev = sub.driver as Device;
  yield* choose(1);
  if (how === PROPER) yield* mmuNotifierUnregister(k, sub);
  else yield* unregisterCarelessly(k, sub, how);
  yield* lock(dev.lock);
  must(dev.released || how === NO_GRACE_PERIOD, "assertion", "unregister returns, and release has not run");
  dev.freed = true;
  yield* unlock(dev.lock);
}

/** mmu_notifier_unregister for the only subscriber, without the grace period, or without release. */
function* unregisterCarelessly(k: Kernel, sub: MmuNotifier, how: number): Task {
  const mm = sub.mm as Mm;
  const subs = mm.notifierSubscriptions;
  if (sub.hashed && how !== NO_RELEASE && sub.ops.release) yield* sub.ops.release(k, sub);
  yield* lock(subs.lock);
  if (sub.hashed) {
    yield* writeOnce(subs.first, yield* readOnce(sub.next));
    sub.hashed = false;
  }
  yield* unlock(subs.lock);
  yield* mmdrop(k, mm);
}

export const unregisterRelease = defineCase({
  id: "mm-unregister-release",
  title: "unregistering a notifier against the end of its address space",
  variants: {
    "linux-6.1-exit": { unmaps: 0, how: PROPER, expect: "ok" },
    "linux-6.1-munmap": { unmaps: 1, how: PROPER, expect: "ok" },
    "without-grace-period-exit": { unmaps: 0, how: NO_GRACE_PERIOD, expect: "use-after-free" },
    "without-grace-period-munmap": { unmaps: 1, how: NO_GRACE_PERIOD, expect: "use-after-free" },
    "without-release": { unmaps: 0, how: NO_RELEASE, expect: "assertion" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    const sub = createNotifier(m, "subscriber", ops, deviceStruct.create("device") as Device);
    m.spawn("main", main, [k, createProcess(k), sub, v.unmaps, v.how], { children: 2 });
  },
});
