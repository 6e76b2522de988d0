/**
 * mprotect against devices: one thread makes a page read-only while a driver maps it for writing, and a device writes.
 *
 *   mprotect: mmap_lock write, flags ─▶ start ─▶ callbacks ─▶ page-table lock: entry read-only ─▶ end
 *   driver:   its entry must lose the right to write before the process does
 *
 * Once mprotect has returned, nobody writes: neither through an entry of a device nor by a new pin.
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import { createPages, FOLL_PIN, FOLL_WRITE, getUserPagesFast, type Pages, unpinUserPages } from "../gup.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import {
  createIntervalNotifier,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
} from "../mmuIntervalNotifier.ts";
import { createNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../mmuNotifier.ts";
import type { IntervalNotifier, IntervalNotifierOps, MmuNotifier, MmuNotifierOps } from "../mmuNotifierTypes.ts";
import { MMU_NOTIFY_PROTECTION_VMA, rangeEvent } from "../mmuNotifierTypes.ts";
import { sysMprotect } from "../mprotect.ts";
import { lruAddDrain } from "../swap.ts";
import {
  classicMap,
  classicOps,
  createDevice,
  type Device,
  deviceStop,
  deviceWrite,
  mirrorMap,
  mirrorOps,
  mirrorOpsWithoutSeq,
} from "../world/devices.ts";
import { A, smallKernel } from "../world/small.ts";

const FLAGS = FOLL_PIN | FOLL_WRITE;

function* prepare(k: Kernel, p: Process): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
}

/** The page is read-only from now on; the next pin for writing must fail. */
function* protector(k: Kernel, p: Process, pages: Pages): Task {
  yield* choose(1); // anybody may begin
  yield* sysMprotect(k, p, A, 1, PROT_READ);
  const got = yield* getUserPagesFast(k, p.mm as Mm, A, 1, FLAGS, pages);
  must(got < 0, "assertion", `the page is read-only, and a pin for writing gets ${got}`);
}

function* mainMirror(k: Kernel, p: Process, sub: IntervalNotifier, pages: Pages, careful: boolean): Task {
  yield* prepare(k, p);
  yield* mmuIntervalNotifierInsert(k, sub, p.mm as Mm, A, 1);
  const a = spawn(mirrorDriver, k, sub, careful);
  const b = spawn(protector, k, p, pages);
  yield* join(a);
  yield* join(b);
  yield* mmuIntervalNotifierRemove(k, sub);
  yield* sysExit(k, p);
}

function* mirrorDriver(k: Kernel, sub: IntervalNotifier, careful: boolean): Task {
  yield* choose(1);
  yield* mirrorMap(k, sub, A, true, careful);
  yield* deviceWrite(k, sub.driver as Device, 2);
  yield* deviceStop(sub.driver as Device);
}

function* mainClassic(k: Kernel, p: Process, sub: MmuNotifier, pages: Pages, careful: boolean): Task {
  yield* prepare(k, p);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  const a = spawn(classicDriver, k, p, sub, careful);
  const b = spawn(protector, k, p, pages);
  yield* join(a);
  yield* join(b);
  yield* mmuNotifierUnregister(k, sub);
  yield* sysExit(k, p);
}

function* classicDriver(k: Kernel, p: Process, sub: MmuNotifier, careful: boolean): Task {
  const dev = sub.driver as Device;
  yield* choose(1);
  yield* classicMap(k, p.mm as Mm, dev, A, careful);
  yield* deviceWrite(k, dev, 2);
  yield* deviceStop(dev);
}

function* mainPin(k: Kernel, p: Process, pages: Pages, mine: Pages): Task {
  yield* prepare(k, p);
  const a = spawn(pinner, k, p, mine);
  const b = spawn(protector, k, p, pages);
  yield* join(a);
  yield* join(b);
  yield* sysExit(k, p);
}

function* pinner(k: Kernel, p: Process, pages: Pages): Task {
  yield* choose(1);
  const got = yield* getUserPagesFast(k, p.mm as Mm, A, 1, FLAGS, pages);
  if (got === 1) yield* unpinUserPages(k, pages, 1, FLAGS, true);
}

/** Ignores changes of protection, as if the page stayed the same. */
const ignorant: IntervalNotifierOps = {
  *invalidate(k, sub, start, end, flags, seq): Task<boolean> {
    if (rangeEvent(flags) === MMU_NOTIFY_PROTECTION_VMA) return true;
    return yield* mirrorOps.invalidate(k, sub, start, end, flags, seq);
  },
};
/** Only the end is heard of: too late. */
const endOnly: MmuNotifierOps = { ...classicOps, invalidateRangeStart: undefined, invalidateRangeEnd: endTearsDown };
function* endTearsDown(_k: Kernel, sub: MmuNotifier): Task {
  yield* deviceStop(sub.driver as Device);
}

interface Parameters {
  readonly interval?: IntervalNotifierOps;
  readonly classic?: MmuNotifierOps;
  readonly careful: boolean;
}

export const mprotectMirror = defineCase<Parameters>({
  id: "mm-mprotect-mirror",
  title: "taking away write permission against devices that write",
  variants: {
    "linux-6.1-interval": { interval: mirrorOps, careful: true, expect: "ok" },
    "linux-6.1-classic": { classic: classicOps, careful: true, expect: "ok" },
    "linux-6.1-pin": { careful: true, expect: "ok" },
    "interval-without-retry": { interval: mirrorOps, careful: false, expect: "missed-notification" },
    "interval-without-set-seq": { interval: mirrorOpsWithoutSeq, careful: true, expect: "missed-notification" },
    "interval-ignores-protection": { interval: ignorant, careful: true, expect: "missed-notification" },
    "classic-without-retry": { classic: classicOps, careful: false, expect: "missed-notification" },
    "classic-end-only": { classic: endOnly, careful: true, expect: "missed-notification" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    const p = createProcess(k);
    const pages = createPages("pages", 1);
    if (v.interval) {
      const sub = createIntervalNotifier(m, k, "interval", v.interval, createDevice(m, k, p.mm as Mm, A));
      m.spawn("main", mainMirror, [k, p, sub, pages, v.careful], { children: 2 });
    } else if (v.classic) {
      const sub = createNotifier(m, "classic", v.classic, createDevice(m, k, p.mm as Mm, A));
      m.spawn("main", mainClassic, [k, p, sub, pages, v.careful], { children: 2 });
    } else {
      m.spawn("main", mainPin, [k, p, pages, createPages("pinned", 1)], { children: 2 });
    }
  },
});
