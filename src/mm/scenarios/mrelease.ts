/**
 * process_mrelease: the memory of a killed process is reaped from outside, with mmap_lock for reading only and without
 * blocking, while the process still faults, unmaps or exits, and while a driver keeps a second page table.
 *
 *   reaper: task_lock: mm, +1 reference ─▶ mmap_lock read ─▶ per VMA: start, not blockable ─refused─▶ next VMA
 *                                                                     └─▶ zap ─▶ end
 */
import type { Task } from "../../machine/core.ts";
import { EAGAIN, EINVAL } from "../../machine/errno.ts";
import { must } from "../../machine/finding.ts";
import { lock, trylock, unlock } from "../../machine/mutex.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { userWrite } from "../memory.ts";
import { sysMmap, sysMunmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import {
  createIntervalNotifier,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalSetSeq,
} from "../mmuIntervalNotifier.ts";
import { createNotifier, mmuNotifierRegister, mmuNotifierUnregister } from "../mmuNotifier.ts";
import type { IntervalNotifier, IntervalNotifierOps, MmuNotifier, MmuNotifierOps } from "../mmuNotifierTypes.ts";
import { rangeBlockable } from "../mmuNotifierTypes.ts";
import { processMrelease } from "../oomReaper.ts";
import { type Guard, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import {
  classicMap,
  classicOps,
  createDevice,
  type Device,
  deviceStop,
  mirrorMap,
  unmapDevice,
} from "../world/devices.ts";
import { A, smallKernel } from "../world/small.ts";

const FAULTS = 0;
const UNMAPS = 1;
const EXITS = 2;
const MIRRORS = 3;
const CLASSIC = 4;

function* main(k: Kernel, p: Process, sub: IntervalNotifier, classic: MmuNotifier, what: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  p.killed = true;
  const mm = p.mm as Mm;
  if (what === MIRRORS) yield* mmuIntervalNotifierInsert(k, sub, mm, A, 1);
  if (what === CLASSIC) yield* mmuNotifierRegister(k, classic, mm);
  const a = spawn(reaper, k, p);
  const b = spawn(other, k, p, sub, classic, what);
  yield* join(a);
  yield* join(b);
  if (what === MIRRORS) yield* mmuIntervalNotifierRemove(k, sub);
  if (what === CLASSIC) yield* mmuNotifierUnregister(k, classic);
  if (what !== EXITS) yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* reaper(k: Kernel, p: Process): Task {
  yield* choose(1); // anybody may begin
  const ret = yield* processMrelease(k, p);
  must(ret === 0 || ret === -EAGAIN || ret === -EINVAL, "assertion", `process_mrelease returns ${ret}`);
}

function* other(k: Kernel, p: Process, sub: IntervalNotifier, classic: MmuNotifier, what: number): Task {
  yield* choose(1);
  if (what === FAULTS) yield* userWrite(k, p, A, 2);
  else if (what === UNMAPS) yield* sysMunmap(k, p, A, 1);
  else if (what === EXITS) yield* sysExit(k, p);
  else if (what === MIRRORS) {
    yield* mirrorMap(k, sub, A, true);
    yield* deviceStop(sub.driver as Device);
  } else {
    yield* classicMap(k, p.mm as Mm, classic.driver as Device, A);
    yield* deviceStop(classic.driver as Device);
  }
}

/** Refuses what it cannot do at once. */
const polite: IntervalNotifierOps = {
  *invalidate(_k, sub, start, end, flags, seq): Task<boolean> {
    const dev = sub.driver as Device;
    if (rangeBlockable(flags)) yield* lock(dev.lock);
    else if (!(yield* trylock(dev.lock))) return false;
    yield* mmuIntervalSetSeq(sub, seq);
    unmapDevice(dev, start, end);
    yield* unlock(dev.lock);
    return true;
  },
};

/** Says that it refuses, and has torn down nothing; but the caller goes on for those who cannot be refused by. */
const refusesWithEnd: MmuNotifierOps = {
  ...classicOps,
  *invalidateRangeStart(_k, sub, start, end, flags): Task<number> {
    const dev = sub.driver as Device;
    if (!rangeBlockable(flags)) return -EAGAIN;
    yield* lock(dev.lock);
    dev.inProgress++;
    unmapDevice(dev, start, end);
    yield* unlock(dev.lock);
    return 0;
  },
};
/** A callback that takes no lock, so that it may run anywhere; its driver maps nothing. */
const atomic: MmuNotifierOps = {
  *invalidateRangeStart(): Task<number> {
    return 0;
  },
};

interface Parameters {
  readonly what: number;
  readonly classic?: MmuNotifierOps;
  readonly without?: readonly Guard[];
}

export const mrelease = defineCase<Parameters>({
  id: "mm-mrelease",
  title: "reaping a killed process against what still goes on in it",
  variants: {
    "linux-6.1-fault": { what: FAULTS, expect: "ok" },
    "linux-6.1-munmap": { what: UNMAPS, expect: "ok" },
    "linux-6.1-exit": { what: EXITS, expect: "ok" },
    "linux-6.1-interval": { what: MIRRORS, expect: "ok" },
    "without-mm-reference": { what: EXITS, without: ["mreleaseRef"], expect: "use-after-free" },
    "classic-sleeps": { what: CLASSIC, classic: classicOps, expect: "atomic-sleep" },
    "classic-refuses-with-end": { what: CLASSIC, classic: refusesWithEnd, expect: "missed-notification" },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: rules("linux-6.1", { without: v.without ?? [] }) });
    const p = createProcess(k);
    const dev = createDevice(m, k, p.mm as Mm, A);
    const sub = createIntervalNotifier(m, k, "interval", polite, dev);
    const classic = createNotifier(m, "classic", v.classic ?? atomic, dev);
    m.spawn("main", main, [k, p, sub, classic, v.what], { children: 2 });
  },
});
