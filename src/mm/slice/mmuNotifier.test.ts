import { expect, test } from "vitest";
import type { Cell } from "../../machine/cell.ts";
import { cellField } from "../../machine/cell.ts";
import type { Handle, Task } from "../../machine/core.ts";
import { must } from "../../machine/finding.ts";
import type { Machine } from "../../machine/machine.ts";
import { lock, type Mutex, mutex, mutexField, unlock } from "../../machine/mutex.ts";
import { int, struct } from "../../machine/struct.ts";
import { explore } from "../explore.testkit.ts";
import { rules } from "../rules.ts";
import type { Kernel } from "./kernel.ts";
import { madviseDontneed } from "./memory.ts";
import type { Mm } from "./mm.ts";
import { createIntervalNotifier, type IntervalNotifier } from "./mmuIntervalNotifier.ts";
import {
  createNotifier,
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_UNMAP,
  type MmuNotifier,
  type MmuNotifierOps,
  mmuNotifierRegister,
  mmuNotifierUnregister,
  RANGE_BLOCKABLE,
  RANGE_MAYFAIL,
  REFUSED,
} from "./mmuNotifier.ts";
import { oomReapArea } from "./oomKill.ts";
import { clearPte, PTE_NONE } from "./pageTable.ts";
import { kfreeObject, useObject } from "./slab.ts";
import { countingNotifier, smallWorld } from "./world.testkit.ts";

const linux = rules("linux-6.1");
const onePage = { pages: 1, resident: 1, frames: 1 };

/** Who was called, in order: one digit each. */
interface Log extends Handle {
  order: number;
}
const logStruct = struct("log", { order: int({ ordered: "one task raises sections" }) });
interface Named {
  readonly digit: number;
  readonly log: Log;
}

function note({ digit, log }: Named): void {
  log.order = log.order * 10 + digit;
}

const loggingOps = { invalidateRangeStart: logStart, invalidateRangeEnd: logEnd };
const refusingOps = { invalidateRangeStart: logRefusal };
const refusingOpsWithEnd = { invalidateRangeStart: logRefusal, invalidateRangeEnd: logEnd };
const intervalOps = { invalidate: logInterval };

function* logStart(_k: Kernel, sub: MmuNotifier): Task<number> {
  note(sub.driver as Named);
  return 0;
}
function* logEnd(_k: Kernel, sub: MmuNotifier): Task {
  note(sub.driver as Named);
}
function* logRefusal(_k: Kernel, sub: MmuNotifier): Task<number> {
  note(sub.driver as Named);
  return REFUSED;
}
function* logInterval(_k: Kernel, sub: IntervalNotifier): Task<boolean> {
  note(sub.driver as Named);
  return true;
}

/** Runs one section of `flags` over page 0 with classic subscribers 1, 2 … of these ops, and an interval one: 9. */
function callsOf(ops: readonly MmuNotifierOps[], flags: number, interval = false, r = linux) {
  const seen = { order: -1 };
  const { verdict, message } = explore((m) => {
    const { k, mm } = smallWorld(m, r, onePage);
    const log: Log = logStruct.create("log");
    for (const [i, o] of ops.entries()) createNotifier(m, mm, `n${i + 1}`, o, m.keep({ digit: i + 1, log }));
    if (interval) createIntervalNotifier(m, mm, "interval", [0, 1], intervalOps, m.keep({ digit: 9, log }));
    m.spawn("t", section, [k, mm, flags]);
    m.atEnd("seen", () => {
      seen.order = log.order;
      return true;
    });
  });
  return { order: seen.order, verdict, message };
}

function* section(k: Kernel, mm: Mm, flags: number): Task {
  const error = yield* invalidateRangeStart(k, mm, 0, 1, flags);
  if (error === 0 || (flags & RANGE_MAYFAIL) !== 0) yield* invalidateRangeEnd(k, mm, 0, 1, flags);
}

test("start: intervals first, then the list, newest first; end in the same order, not reversed", () => {
  const r = callsOf([loggingOps, loggingOps], MMU_NOTIFY_UNMAP | RANGE_BLOCKABLE, true);
  expect(r).toMatchObject({ verdict: "ok", order: 92121 });
});

test("a refused non-blockable start: everybody is called, and since v5.12 those with an end get it", () => {
  expect(callsOf([loggingOps, refusingOps], MMU_NOTIFY_UNMAP)).toMatchObject({ verdict: "ok", order: 211 });
  expect(callsOf([refusingOps, loggingOps], MMU_NOTIFY_UNMAP)).toMatchObject({ verdict: "ok", order: 212 });
  const before = callsOf([loggingOps, refusingOps], MMU_NOTIFY_UNMAP, false, rules("linux-5.11"));
  expect(before).toMatchObject({ verdict: "missed-notification" });
  expect(before.message).toContain("n1 accepted a start");
});

test("who may refuse must not implement the end", () => {
  const r = callsOf([refusingOpsWithEnd], MMU_NOTIFY_UNMAP);
  expect(r).toMatchObject({ verdict: "missed-notification" });
  expect(r.message).toContain("may refuse a start");
});

test("a blockable range cannot be refused; one that may fail is, and all get their end, the refusing one too", () => {
  const blockable = MMU_NOTIFY_UNMAP | RANGE_BLOCKABLE;
  expect(callsOf([refusingOps], blockable)).toMatchObject({ verdict: "ok", order: 1 });
  expect(callsOf([refusingOpsWithEnd, loggingOps], blockable | RANGE_MAYFAIL)).toMatchObject({
    verdict: "ok",
    order: 2121,
  });
});

test("rights that are lost outside of an announced range are a missed notification", () => {
  const r = explore((m) => {
    const { mm } = smallWorld(m, linux, onePage);
    m.spawn("t", clearsUnannounced, [mm]);
  });
  expect(r).toMatchObject({ verdict: "missed-notification" });
});

function* clearsUnannounced(mm: Mm): Task {
  yield* lock(mm.ptl);
  clearPte(mm.ptes[0], PTE_NONE);
  yield* unlock(mm.ptl);
}

const sleepingOps = { invalidateRangeStart: sleepStart };

function* sleepStart(_k: Kernel, sub: MmuNotifier): Task<number> {
  const { m } = sub.driver as { m: Mutex };
  yield* lock(m);
  yield* unlock(m);
  return 0;
}

test("a callback that sleeps in a non-blockable range is found", () => {
  const verdictOf = (start: typeof madviseDontneed | typeof oomReapArea) =>
    explore((m) => {
      const { k, mm } = smallWorld(m, linux, onePage);
      createNotifier(m, mm, "sleeper", sleepingOps, m.keep({ m: mutex("driver.mutex") }));
      m.spawn("t", start as typeof oomReapArea, [k, mm, 0, 1]);
    }).verdict;
  expect(verdictOf(madviseDontneed)).toBe("ok");
  expect(verdictOf(oomReapArea)).toBe("atomic-sleep");
});

/** A driver object that is freed when the driver goes away; its callbacks use it. */
interface Mortal extends Handle {
  readonly life: Cell;
  readonly lock: Mutex;
}
const mortalStruct = struct("mortal", { life: cellField(1), lock: mutexField() });
const mortalOps = { invalidateRangeStart: useStart, invalidateRangeEnd: useEnd };

function* useStart(_k: Kernel, sub: MmuNotifier): Task<number> {
  yield* useObject(sub.driver as Mortal);
  return 0;
}
function* useEnd(_k: Kernel, sub: MmuNotifier): Task {
  yield* useObject(sub.driver as Mortal);
}

function* unregisterAndFree(mm: Mm, sub: MmuNotifier): Task {
  yield* mmuNotifierUnregister(mm, sub);
  yield* kfreeObject(sub.driver as Mortal);
}

function* freeAndUnregister(mm: Mm, sub: MmuNotifier): Task {
  yield* kfreeObject(sub.driver as Mortal);
  yield* mmuNotifierUnregister(mm, sub);
}

test("after unregister no callback runs, so the driver may free what they use; before, it may not", () => {
  const verdictOf = (goAway: typeof unregisterAndFree) =>
    explore((m: Machine) => {
      const { k, mm } = smallWorld(m, linux, onePage);
      const mortal: Mortal = mortalStruct.create("mortal");
      countingNotifier(m, mm, "older");
      const sub = createNotifier(m, mm, "n", mortalOps, mortal);
      countingNotifier(m, mm, "newer");
      m.spawn("invalidator", madviseDontneed, [k, mm, 0, 1]);
      m.spawn("driver", goAway, [mm, sub]);
    }).verdict;
  expect(verdictOf(unregisterAndFree)).toBe("ok");
  expect(verdictOf(freeAndUnregister)).toBe("use-after-free");
});

test("registration excludes open sections: nobody sees an end without its start", () => {
  const r = explore((m) => {
    const { k, mm } = smallWorld(m, linux, onePage);
    const counter = struct("counter", { calls: int({ ordered: "one task raises sections" }) }).create("c");
    const sub = createNotifier(m, mm, "late", balancedOps, counter, false);
    m.spawn("invalidator", madviseDontneed, [k, mm, 0, 1]);
    m.spawn("driver", mmuNotifierRegister, [mm, sub]);
  });
  expect(r).toMatchObject({ verdict: "ok", message: "" });
});

const balancedOps = { invalidateRangeStart: countUp, invalidateRangeEnd: countDown };
interface Balance {
  calls: number;
}
function* countUp(_k: Kernel, sub: MmuNotifier): Task<number> {
  (sub.driver as Balance).calls++;
  return 0;
}
function* countDown(_k: Kernel, sub: MmuNotifier): Task {
  (sub.driver as Balance).calls--;
  must((sub.driver as Balance).calls === 0, "missed-notification", "an end without a start");
}
