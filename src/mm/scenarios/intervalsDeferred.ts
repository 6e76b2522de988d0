/**
 * Deferred insertion and removal: two threads have sections open at once (MADV_DONTNEED with mmap_lock for reading), one of
 * them over an interval that is in the tree. Meanwhile a driver inserts a second interval, uses it, and removes both.
 *
 *   seq even ─first section over an interval─▶ odd: the tree is frozen ─last section ends─▶ even: deferred changes happen
 */

import { touch, writeOnce } from "../../machine/cell.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { lock, unlock } from "../../machine/mutex.ts";
import { defineCase } from "../../machine/scenario.ts";
import { choose, join, spawn } from "../../machine/wait.ts";
import { sysExit } from "../exit.ts";
import type { Kernel } from "../kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "../madvise.ts";
import { userWrite } from "../memory.ts";
import { sysMmap } from "../mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, type Mm, PROT_READ, PROT_WRITE, type Process } from "../mmTypes.ts";
import { createProcess, mmgrab } from "../mmUsers.ts";
import {
  createIntervalNotifier,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
} from "../mmuIntervalNotifier.ts";
import type { IntervalNotifier } from "../mmuNotifierTypes.ts";
import { type Rules, rules } from "../rules.ts";
import { lruAddDrain } from "../swap.ts";
import { createDevice, type Device, deviceStop, mirrorMap, mirrorOps } from "../world/devices.ts";
import { A, smallKernel } from "../world/small.ts";

type Sub = IntervalNotifier & Handle;

function* main(k: Kernel, p: Process, first: Sub, second: Sub, deferred: boolean): Task {
  const mm = p.mm as Mm;
  yield* sysMmap(k, p, A, 2, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_ANONYMOUS, null, 0);
  yield* userWrite(k, p, A, 1);
  yield* userWrite(k, p, A + 1, 1);
  yield* lruAddDrain(k);
  yield* mmuIntervalNotifierInsert(k, first, mm, A, 1);
  const a = spawn(dropper, k, p, A);
  const b = spawn(dropper, k, p, A + 1);
  const c = spawn(driver, k, mm, first, second, deferred);
  yield* join(a);
  yield* join(b);
  yield* join(c);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

function* dropper(k: Kernel, p: Process, at: number): Task {
  yield* choose(1); // anybody may begin
  yield* sysMadvise(k, p, at, 1, MADV_DONTNEED);
}

function* driver(k: Kernel, mm: Mm, first: Sub, second: Sub, deferred: boolean): Task {
  yield* choose(1);
  if (deferred) yield* mmuIntervalNotifierInsert(k, second, mm, A + 1, 1);
  else yield* insertAtOnce(k, mm, second);
  yield* mirrorMap(k, second, A + 1, false);
  yield* deviceStop(second.driver as Device);
  yield* mmuIntervalNotifierRemove(k, second);
  yield* mmuIntervalNotifierRemove(k, first);
}

/** Into the tree although it may be frozen, and not marked as being invalidated by the sections that are open. */
function* insertAtOnce(k: Kernel, mm: Mm, sub: Sub): Task {
  const subs = mm.notifierSubscriptions;
  yield* mmgrab(mm);
  sub.mm = mm;
  sub.start = A + 1;
  sub.end = A + 2;
  yield* lock(subs.lock);
  yield* touch(subs.invalidateSeq);
  const seq = subs.invalidateSeq.value;
  sub.inTree = true;
  yield* writeOnce(sub.invalidateSeq, ((seq | 1) - 2) & k.seqMask);
  yield* unlock(subs.lock);
}

export const intervalsDeferred = defineCase<{ inForce: Rules; deferred: boolean }>({
  id: "mm-intervals-deferred",
  title: "insertion and removal of intervals while two sections are open",
  variants: {
    "linux-6.1": { inForce: rules("linux-6.1"), deferred: true, expect: "ok" },
    "insert-at-once": { inForce: rules("linux-6.1"), deferred: false, expect: "missed-notification" },
    "remove-without-recheck": {
      inForce: rules("linux-6.1", { intervalRemoveRecheck: false }),
      deferred: true,
      expect: "use-after-free",
    },
  },
  setup(m, v) {
    const k = smallKernel(m, { rules: v.inForce });
    const p = createProcess(k);
    const mm = p.mm as Mm;
    const first = createIntervalNotifier(m, k, "first", mirrorOps, createDevice(m, k, mm, A, "device1"));
    const second = createIntervalNotifier(m, k, "second", mirrorOps, createDevice(m, k, mm, A + 1, "device2"));
    m.spawn("main", main, [k, p, first, second, v.deferred], { children: 3 });
  },
});
