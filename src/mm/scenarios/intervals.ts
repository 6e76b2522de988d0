/**
 * Intervals against invalidation: a section over the range is opened and closed while a driver inserts its interval, fills
 * its own page table from what it finds, and removes the interval again.
 *
 *   driver: insert ─▶ read_begin ─▶ look at the page ─▶ lock, read_retry? again : map ─▶ … ─▶ remove ─▶ free
 *   other:  munmap: start ─▶ callback (lock: set_seq, unmap) ─▶ page tables ─▶ end
 *
 * In every state: what the device maps, the process maps; except under the page-table lock, never. After the removal no
 * callback runs.
 */
import type { Handle, Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import { lock, type Mutex, mutexField, unlock } from "../../machine/mutex.ts";
import { downRead, upRead } from "../../machine/rwsem.ts";
import { defineCase } from "../../machine/scenario.ts";
import { bool, int, struct } from "../../machine/struct.ts";
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
  mmuIntervalReadBegin,
  mmuIntervalReadRetry,
  mmuIntervalSetSeq,
} from "../mmuIntervalNotifier.ts";
import type { IntervalNotifier, IntervalNotifierOps } from "../mmuNotifierTypes.ts";
import { pteAt } from "../pageTable.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { A, smallKernel } from "../world/small.ts";

interface Device extends Handle {
  readonly lock: Mutex;
  /** The entry that the device uses; 0 = none. */
  mapped: number;
  /** The memory of the subscriber was freed. */
  freed: boolean;
}
const deviceStruct = struct("device", {
  lock: mutexField(),
  mapped: int({ guardedBy: "lock" }),
  freed: bool({ ordered: "the removal of the interval" }),
});

const ops: IntervalNotifierOps = {
  *invalidate(_k, sub, _start, _end, _flags, seq): Task<boolean> {
    const dev = sub.driver as Device;
    must(!dev.freed, "use-after-free", "the callback runs after the interval was removed");
    yield* lock(dev.lock);
    yield* mmuIntervalSetSeq(sub, seq);
    dev.mapped = 0;
    yield* unlock(dev.lock);
    return true;
  },
};
/** Tears down, and does not say so to readers. */
const opsWithoutSeq: IntervalNotifierOps = {
  *invalidate(_k, sub): Task<boolean> {
    const dev = sub.driver as Device;
    yield* lock(dev.lock);
    dev.mapped = 0;
    yield* unlock(dev.lock);
    return true;
  },
};

const PROPER = 0;
const NO_RETRY = 1;

function* main(k: Kernel, p: Process, sub: IntervalNotifier, how: number): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* lruAddDrain(k);
  const a = spawn(driver, k, p.mm as Mm, sub, how);
  const b = spawn(unmapper, k, p);
  yield* join(a);
  yield* join(b);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* driver(k: Kernel, mm: Mm, sub: IntervalNotifier, how: number): Task {
  const dev = sub.driver as Device;
  yield* choose(1); // anybody may begin
  yield* mmuIntervalNotifierInsert(k, sub, mm, A, 1);
  for (;;) {
    const seq = yield* mmuIntervalReadBegin(sub);
    yield* downRead(mm.mmapLock);
    yield* lock(mm.ptl);
    const found = pteAt(k, mm, A);
    yield* unlock(mm.ptl);
    yield* upRead(mm.mmapLock);
    yield* lock(dev.lock);
    if (how === PROPER && (yield* mmuIntervalReadRetry(sub, seq))) {
      yield* unlock(dev.lock);
      continue;
    }
    dev.mapped = found;
    yield* unlock(dev.lock);
    break;
  }
  yield* lock(dev.lock);
  dev.mapped = 0;
  yield* unlock(dev.lock);
  yield* mmuIntervalNotifierRemove(k, sub);
  dev.freed = true;
}

function* unmapper(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMunmap(k, p, A, 1);
}

export const intervals = defineCase<{ inForce: Rules; how: number; seq: boolean }>({
  id: "mm-intervals",
  title: "insertion and removal of an interval against invalidation",
  variants: {
    "linux-6.1": { inForce: rules("linux-6.1"), how: PROPER, seq: true, expect: "ok" },
    "without-retry": { inForce: rules("linux-6.1"), how: NO_RETRY, seq: true, expect: "missed-notification" },
    "callback-without-set-seq": { inForce: rules("linux-6.1"), how: PROPER, seq: false, expect: "missed-notification" },
    "remove-without-recheck": {
      inForce: rules("linux-6.1", { intervalRemoveRecheck: false }),
      how: PROPER,
      seq: true,
      expect: "use-after-free",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce });
    const p = createProcess(k);
    const mm = p.mm as Mm;
    const dev: Device = deviceStruct.create("device");
    const sub = createIntervalNotifier(m, k, "interval", v.seq ? ops : opsWithoutSeq, dev);
    m.invariant(
      "the device maps what the process maps",
      () => {
        const { mapped } = dev;
        if (mapped === 0 || mm.ptl.holders().length > 0) return true;
        const pte = pteAt(k, mm, A);
        return pte === mapped || `the device uses entry ${mapped}, and the process has ${pte}`;
      },
      "missed-notification",
    );
    m.spawn("main", main, [k, p, sub, v.how], { children: 2 });
  },
});
