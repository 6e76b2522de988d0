/** Shared subscribers: get, put and the deferred free; owners of sections; young callbacks. In every interleaving. */
import { expect, test } from "vitest";
import { type Cell, cell, readOnce, writeOnce } from "../machine/cell.ts";
import type { Handle, Task } from "../machine/core.ts";
import { must } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { choose, join, spawn, until } from "../machine/wait.ts";
import { workqueue } from "../machine/workqueue.ts";
import { sysExit } from "./exit.ts";
import { explore } from "./explore.testkit.ts";
import type { Kernel } from "./kernel.ts";
import { MADV_DONTNEED, sysMadvise } from "./madvise.ts";
import { sysMmap } from "./mmap.ts";
import { MAP_ANONYMOUS, type Mm, PROT_NONE, PROT_READ, PROT_WRITE, type Process } from "./mmTypes.ts";
import { createProcess } from "./mmUsers.ts";
import {
  createIntervalNotifier,
  mmuIntervalNotifierInsert,
  mmuIntervalNotifierRemove,
  mmuIntervalSetSeq,
} from "./mmuIntervalNotifier.ts";
import {
  clearYoung,
  createNotifier,
  type IntervalNotifierOps,
  invalidateRangeEnd,
  invalidateRangeStart,
  MMU_NOTIFY_CLEAR,
  MMU_NOTIFY_EXCLUSIVE,
  MMU_NOTIFY_MIGRATE,
  MMU_NOTIFY_PROTECTION_VMA,
  type MmuNotifierOps,
  mmuNotifierRegister,
  mmuNotifierUnregister,
  RANGE_BLOCKABLE,
  rangeEvent,
  rangeIsOwn,
  rangeUpdateToReadOnly,
  rangeWithOwner,
  testYoung,
} from "./mmuNotifier.ts";
import {
  createSharedNotifier,
  mmuNotifierGet,
  mmuNotifierPut,
  mmuNotifierSynchronize,
  type SharedNotifier,
  type SharedNotifierOps,
} from "./mmuNotifierGet.ts";
import { sysMprotect } from "./mprotect.ts";
import { lruAddDrain } from "./swap.ts";
import { A, smallKernel } from "./world/small.ts";

/** The driver: its one subscriber, and whether that has been freed. */
interface Driver {
  readonly freed: Cell;
  readonly calls: Cell;
  readonly pool: { sub: SharedNotifier | null };
}

function* onStart(_k: Kernel, sub: { readonly driver: object }): Task<number> {
  const { calls, freed } = sub.driver as Driver;
  must((yield* readOnce(freed)) === 0, "use-after-free", "a callback begins after the subscriber was freed");
  yield* writeOnce(calls, 1);
  must((yield* readOnce(freed)) === 0, "use-after-free", "the subscriber is freed while a callback runs");
  return 0;
}

function driverOf(m: Machine, k: Kernel): { driver: Driver; ops: SharedNotifierOps } {
  const driver: Driver = m.keep({ freed: cell("freed"), calls: cell("calls"), pool: m.keep({ sub: null }) });
  const ops: SharedNotifierOps = m.keep({
    invalidateRangeStart: onStart,
    *allocNotifier(): Task<SharedNotifier | null> {
      return driver.pool.sub;
    },
    *freeNotifier(): Task {
      yield* writeOnce(driver.freed, 1);
    },
  });
  driver.pool.sub = createSharedNotifier(m, k, workqueue("srcu"), "shared", ops, driver);
  return { driver, ops };
}

function* main(k: Kernel, p: Process, ops: SharedNotifierOps, driver: Driver): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, null, 0);
  const first = (yield* mmuNotifierGet(k, ops, p.mm as Mm)) as SharedNotifier;
  const again = (yield* mmuNotifierGet(k, ops, p.mm as Mm)) as SharedNotifier;
  must(first === again && first.users === 2, "assertion", "both users share the subscriber");
  yield* mmuNotifierPut(first);
  must(first.hashed, "assertion", "one user is left");
  const a = spawn(drops, k, p);
  const b = spawn(puts, first);
  yield* join(a);
  yield* join(b);
  yield* mmuNotifierSynchronize(k);
  yield* until(() => driver.freed.value === 1);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}
function* drops(k: Kernel, p: Process): Task {
  yield* choose(1);
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
}
function* puts(sub: SharedNotifier): Task {
  yield* choose(1);
  yield* mmuNotifierPut(sub);
}

test("the last put frees the subscriber when no section can find it any more", () => {
  const r = explore((m) => {
    const k = smallKernel(m);
    const { driver, ops } = driverOf(m, k);
    m.spawn("main", main, [k, createProcess(k), ops, driver], { children: 2 });
  });
  expect(r.verdict).toBe("ok");
});

function* putsAtOnce(k: Kernel, sub: SharedNotifier): Task {
  yield* choose(1);
  yield* mmuNotifierPut(sub);
  yield* sub.ops.freeNotifier(k, sub);
}
function* careless(k: Kernel, p: Process, ops: SharedNotifierOps): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, null, 0);
  const sub = (yield* mmuNotifierGet(k, ops, p.mm as Mm)) as SharedNotifier;
  const a = spawn(drops, k, p);
  const b = spawn(putsAtOnce, k, sub);
  yield* join(a);
  yield* join(b);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

test("who frees it without waiting pulls it from under a callback", () => {
  const r = explore((m) => {
    const k = smallKernel(m);
    const { ops } = driverOf(m, k);
    m.spawn("main", careless, [k, createProcess(k), ops], { children: 2 });
  });
  expect(r.verdict).toBe("use-after-free");
});

/** A driver with device memory: what it opens itself (the cell stands for it) does not concern its own mirror. */
function* onInvalidate(
  _k: Kernel,
  sub: { readonly driver: object },
  _start: number,
  _end: number,
  flags: number,
  seq: number,
): Task<boolean> {
  const { told } = sub.driver as { told: Cell };
  const device = told as Handle;
  if (rangeEvent(flags) === MMU_NOTIFY_MIGRATE && rangeIsOwn(flags, device)) return true;
  yield* mmuIntervalSetSeq(sub as never, seq);
  yield* writeOnce(told, (yield* readOnce(told)) + 1);
  return true;
}
const MIRROR: IntervalNotifierOps = { invalidate: onInvalidate };

function* section(k: Kernel, mm: Mm, flags: number, told: Cell, expected: number): Task {
  yield* invalidateRangeStart(k, mm, A, A + 1, flags);
  yield* invalidateRangeEnd(k, mm, A, A + 1, flags);
  const times = yield* readOnce(told);
  must(times === expected, "assertion", `told ${times} times, not ${expected}`);
}
function* sections(k: Kernel, p: Process, sub: Parameters<typeof mmuIntervalNotifierInsert>[1], told: Cell): Task {
  const mm = p.mm as Mm;
  yield* mmuIntervalNotifierInsert(k, sub, mm, A, 1);
  yield* section(k, mm, rangeWithOwner(MMU_NOTIFY_MIGRATE, told), told, 0);
  yield* section(k, mm, rangeWithOwner(MMU_NOTIFY_MIGRATE, sub), told, 1);
  yield* section(k, mm, rangeWithOwner(MMU_NOTIFY_EXCLUSIVE, null), told, 2);
  yield* section(k, mm, MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE, told, 3);
  must(!rangeIsOwn(rangeWithOwner(MMU_NOTIFY_EXCLUSIVE, null), told), "assertion", "revoked by nobody in particular");
  yield* mmuIntervalNotifierRemove(k, sub);
  yield* sysExit(k, p);
}

test("a driver passes over the sections that it opens itself, and no others", () => {
  const r = explore((m) => {
    const k = smallKernel(m);
    const told = cell("told");
    const sub = createIntervalNotifier(m, k, "mirror", m.keep(MIRROR), m.keep({ told }));
    m.spawn("t", sections, [k, createProcess(k), sub, told]);
  });
  expect([r.verdict, r.message]).toEqual(["ok", ""]);
});

function* looksAtOwner(device: Handle): Task {
  yield* choose(1);
  rangeIsOwn(MMU_NOTIFY_CLEAR | RANGE_BLOCKABLE, device);
}

test("the owner of an event that has none must not be looked at", () => {
  const r = explore((m) => m.spawn("t", looksAtOwner, [cell("device")]));
  expect(r.verdict).toBe("assertion");
  expect(r.message).toMatch(/CLEAR does not set/);
});

const asked = (sub: { readonly driver: object }): Cell => (sub.driver as { asked: Cell }).asked;
const YES: MmuNotifierOps = {
  *testYoung(_k, sub) {
    yield* writeOnce(asked(sub), 1);
    return 1;
  },
  *clearYoung(_k, sub) {
    yield* writeOnce(asked(sub), 2);
    return 1;
  },
};

function* youngs(k: Kernel, p: Process, newer: Parameters<typeof mmuNotifierUnregister>[1], older: typeof newer): Task {
  const mm = p.mm as Mm;
  must(!(yield* testYoung(k, mm, A)) && !(yield* clearYoung(k, mm, A, A + 1)), "assertion", "nobody to ask");
  yield* mmuNotifierRegister(k, older, mm);
  yield* mmuNotifierRegister(k, newer, mm);
  must(yield* testYoung(k, mm, A), "assertion", "somebody says yes");
  must((yield* readOnce(asked(older))) === 0, "assertion", "the first yes is enough for test_young");
  must(yield* clearYoung(k, mm, A, A + 1), "assertion", "somebody says yes");
  must((yield* readOnce(asked(older))) === 2, "assertion", "clear_young asks everybody");
  yield* mmuNotifierUnregister(k, newer);
  yield* mmuNotifierUnregister(k, older);
  yield* sysExit(k, p);
}

test("test_young stops at the first yes, clear_young asks all", () => {
  const r = explore((m) => {
    const k = smallKernel(m);
    const sub = (name: string) => createNotifier(m, name, YES, m.keep({ asked: cell(`${name}.asked`) }));
    m.spawn("t", youngs, [k, createProcess(k), sub("newer"), sub("older")]);
  });
  expect([r.verdict, r.message]).toEqual(["ok", ""]);
});

const SEEN: MmuNotifierOps = {
  *invalidateRangeStart(_k, sub, start, _end, flags) {
    const readOnly = rangeUpdateToReadOnly(sub.mm as Mm, start, flags);
    yield* writeOnce(asked(sub), rangeEvent(flags) === MMU_NOTIFY_PROTECTION_VMA ? (readOnly ? 1 : 2) : 3);
    return 0;
  },
};
function* protects(k: Kernel, p: Process, sub: Parameters<typeof mmuNotifierUnregister>[1]): Task {
  yield* sysMmap(k, p, A, 1, PROT_READ | PROT_WRITE, MAP_ANONYMOUS, null, 0);
  yield* sysMadvise(k, p, A, 1, 23);
  yield* mmuNotifierRegister(k, sub, p.mm as Mm);
  yield* sysMprotect(k, p, A, 1, PROT_READ);
  must((yield* readOnce(asked(sub))) === 1, "assertion", "it may still be read");
  yield* sysMprotect(k, p, A, 1, PROT_NONE);
  must((yield* readOnce(asked(sub))) === 2, "assertion", "it may not be read any more");
  yield* sysMadvise(k, p, A, 1, MADV_DONTNEED);
  must((yield* readOnce(asked(sub))) === 3, "assertion", "no change of rights");
  yield* mmuNotifierUnregister(k, sub);
  yield* sysExit(k, p);
  yield* lruAddDrain(k);
}

test("range_update_to_read_only: mprotect that leaves the right to read", () => {
  const r = explore((m) => {
    const k = smallKernel(m);
    const sub = createNotifier(m, "sub", SEEN, m.keep({ asked: cell("asked") }));
    m.spawn("t", protects, [k, createProcess(k), sub]);
  });
  expect([r.verdict, r.message]).toEqual(["ok", ""]);
});
