/**
 * exit and exec against a driver: the address space goes away while a device still uses a page of it, because the driver
 * has pinned it, or because it has mapped it by notifier.
 *
 *   pin       the page outlives the address space                 mirror   RELEASE, then UNMAP: the device forgets the page
 *   classic   release, then off the list: nothing is heard of the unmapping
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { mmput, sysExec, sysExit } from "../exit.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess, mmgetNotZero } from "../mmUsers.ts";
import {
  createIntervalNotifier,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
} from "../mmuIntervalNotifier.ts";
import { createNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../mmuNotifier.ts";
import type { IntervalNotifier, IntervalNotifierOps, MmuNotifier, MmuNotifierOps } from "../mmuNotifierTypes.ts";
import { PG_buddy } from "../page.ts";
import { lruAddDrain } from "../swap.ts";
import {
  classicMap,
  classicOps,
  createDevice,
  type Device,
  deviceStop,
  mirrorMap,
  mirrorOps,
} from "../world/devices.ts";
import { A, smallKernel } from "../world/small.ts";

const FLAGS = FOLL_PIN | FOLL_WRITE;
const PINS = 0;
const MIRRORS = 1;
const CLASSIC = 2;

function* main(
  k: Kernel,
  p: Process,
  pages: Pages,
  sub: IntervalNotifier,
  classic: MmuNotifier,
  what: number,
  exec: boolean,
  careful: boolean,
): Task {
  const mm = p.mm as Mm;
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  if (what === PINS) {
    yield* getUserPagesFast(k, mm, A, 1, FLAGS, pages);
    if (!careful) yield* unpinUserPages(k, pages, 1, FLAGS, false);
  } else if (what === MIRRORS) yield* mmuIntervalNotifierInsert(k, sub, mm, A, 1);
  else yield* mmuNotifierRegister(k, classic, mm);
  const a = what === PINS ? spawn(dma, k, pages, careful) : spawn(mapper, k, mm, sub, classic, what, careful);
  const b = spawn(ender, k, p, exec);
  yield* join(a);
  yield* join(b);
  if (exec) yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* ender(k: Kernel, p: Process, exec: boolean): Task {
  yield* choose(1); // anybody may begin
  if (exec) yield* sysExec(k, p);
  else yield* sysExit(k, p);
}

/** The device writes to what it was told, which is its own only while it is pinned. */
function* dma(k: Kernel, pages: Pages, pinned: boolean): Task {
  yield* choose(1);
  const pfn = pages.pfn[0];
  must((k.frames.flags[pfn] & PG_buddy) === 0, "use-after-free", `the device writes to frame ${pfn}, which is free`);
  k.frames.content[pfn] = 2;
  if (pinned) yield* unpinUserPages(k, pages, 1, FLAGS, true);
}

/** Faults pages in, which needs users of the address space: a subscriber has a reference to the struct only. */
function* mapper(k: Kernel, mm: Mm, sub: IntervalNotifier, classic: MmuNotifier, what: number, careful: boolean): Task {
  const dev = sub.driver as Device;
  yield* choose(1);
  const alive = !careful || (yield* mmgetNotZero(mm));
  if (alive && what === MIRRORS) yield* mirrorMap(k, sub, A, true);
  if (alive && what === CLASSIC) yield* classicMap(k, mm, dev, A);
  if (alive && careful) yield* mmput(k, mm);
  yield* choose(1); // the device runs
  yield* deviceStop(dev);
  if (what === MIRRORS) yield* mmuIntervalNotifierRemove(k, sub);
  else yield* mmuNotifierUnregister(k, classic);
}

/** Believes that a dying process needs no teardown. */
const ignorant: IntervalNotifierOps = {
  *invalidate(): Task<boolean> {
    return true;
  },
};
const noRelease: MmuNotifierOps = { ...classicOps, release: undefined };

interface Parameters {
  readonly what: number;
  readonly exec?: boolean;
  readonly careful?: boolean;
  readonly interval?: IntervalNotifierOps;
  readonly classic?: MmuNotifierOps;
}

export const exitDriver = defineCase<Parameters>({
  id: "mm-exit-driver",
  title: "the end of an address space against devices that use it",
  variants: {
    "linux-6.1-pin-exit": { what: PINS, expect: "ok" },
    "linux-6.1-pin-exec": { what: PINS, exec: true, expect: "ok" },
    "linux-6.1-interval-exit": { what: MIRRORS, expect: "ok" },
    "linux-6.1-interval-exec": { what: MIRRORS, exec: true, expect: "ok" },
    "linux-6.1-classic-exit": { what: CLASSIC, expect: "ok" },
    "address-without-pin": { what: PINS, careful: false, expect: "use-after-free" },
    "interval-without-users": { what: MIRRORS, careful: false, expect: "assertion" },
    "interval-ignores-release": { what: MIRRORS, interval: ignorant, expect: "missed-notification" },
    "classic-without-release": { what: CLASSIC, classic: noRelease, expect: "missed-notification" },
  },
  setup(m, v) {
    const k = smallKernel(m, { tables: 10 });
    const p = createProcess(k);
    const dev = createDevice(m, k, p.mm as Mm, A);
    const sub = createIntervalNotifier(m, k, "interval", v.interval ?? mirrorOps, dev);
    const classic = createNotifier(m, "classic", v.classic ?? classicOps, dev);
    const pages = createPages("pinned", 1);
    m.spawn("main", main, [k, p, pages, sub, classic, v.what, v.exec ?? false, v.careful ?? true], { children: 2 });
  },
});
