/**
 * hmm_range_fault against invalidations that come again and again: a driver must start over whenever one came in between,
 * and it must come to an end when they stop.
 *
 *   seq = read_begin ─▶ pages ─▶ lock: seq still the same? map : again, with a new seq
 */
import type { Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../madvise.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess } from "../mmUsers.ts";
import {
  createIntervalNotifier,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
} from "../mmuIntervalNotifier.ts";
import type { IntervalNotifier } from "../mmuNotifierTypes.ts";
import { lruAddDrain } from "../swap.ts";
import {
  createDevice,
  type Device,
  deviceStop,
  deviceWrite,
  mirrorCollect,
  mirrorMap,
  mirrorOps,
  programDevice,
} from "../world/devices.ts";
import { A, smallKernel } from "../world/small.ts";

const PROPER = 0;
/** Takes the sequence once, before the loop. */
const OLD_SEQ = 1;
/** Forgets what it asked for: it maps a page that it may only read, and writes. */
const NO_RETRY = 2;

function* main(k: Kernel, p: Process, sub: IntervalNotifier, how: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  yield* mmuIntervalNotifierInsert(k, sub, p.mm as Mm, A, 1);
  const a = spawn(driver, k, sub, how);
  const b = spawn(dropper, k, p);
  yield* join(a);
  yield* join(b);
  yield* mmuIntervalNotifierRemove(k, sub);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* driver(k: Kernel, sub: IntervalNotifier, how: number): Task {
  const dev = sub.driver as Device;
  yield* choose(1); // anybody may begin
  const error = how === OLD_SEQ ? yield* mapWithOldSeq(k, sub) : yield* mirrorMap(k, sub, A, true, how === PROPER);
  must(error === 0, "assertion", `the driver could not map the page: ${error}`);
  yield* deviceWrite(k, dev, 2);
  yield* deviceStop(dev);
}

function* dropper(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}

function* mapWithOldSeq(k: Kernel, sub: IntervalNotifier): Task<number> {
  const dev = sub.driver as Device;
  const seq = yield* mmuIntervalReadBegin(sub);
  for (;;) {
    if ((yield* mirrorCollect(k, sub, seq, A, 1)) !== 0) continue;
    yield* lock(dev.lock);
    const retry = yield* mmuIntervalReadRetry(sub, seq);
    if (!retry) programDevice(k, dev, A, 1);
    yield* unlock(dev.lock);
    if (!retry) return 0;
  }
}

export const hmmRetry = defineCase<{ how: number }>({
  id: "mm-hmm-retry",
  title: "hmm_range_fault against repeated invalidations",
  variants: {
    "linux-6.1": { how: PROPER, expect: "ok" },
    "old-sequence": { how: OLD_SEQ, expect: "livelock" },
    "without-retry": { how: NO_RETRY, expect: "missed-notification" },
  },
  setup(m, v) {
    const k = smallKernel(m);
    const p = createProcess(k);
    const sub = createIntervalNotifier(m, k, "interval", mirrorOps, createDevice(m, k, p.mm as Mm, A));
    m.spawn("main", main, [k, p, sub, v.how], { children: 2 });
  },
});
