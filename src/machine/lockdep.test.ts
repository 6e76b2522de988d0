import { afterEach, beforeEach, expect, test } from "vitest";
import { memallocRestore, memallocSave, PF_MEMALLOC } from "./context.ts";
import { explore } from "./explore.testkit.ts";
import { type FolioLock, folioLock, lockFolio, unlockFolio } from "./folioLock.ts";
import { fsReclaimAcquire, fsReclaimRelease, GFP_KERNEL, GFP_NOIO, GFP_NOWAIT, mightAlloc } from "./gfp.ts";
import { exportEdges, importEdges, lockdepReports, observeLockdep, resetLockdep } from "./lockdep.ts";
import { lockMapAcquire, lockMapRelease, mmuNotifierInvalidateRangeStart } from "./lockMap.ts";
import type { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, mutexField, trylock, unlock } from "./mutex.ts";
import { downRead, downWrite, type RwSem, rwsem, upRead, upWrite } from "./rwsem.ts";
import { type Srcu, srcu, srcuReadLock, srcuReadUnlock } from "./srcu.ts";
import { struct } from "./struct.ts";
import { join, spawn } from "./wait.ts";
import { flushWork, type Work, work, workqueue } from "./workqueue.ts";
import {
  type AcquireCtx,
  acquireCtx,
  type WwMutex,
  wwAcquireFini,
  wwAcquireInit,
  wwClass,
  wwLock,
  wwMutex,
  wwUnlock,
} from "./wwMutex.ts";

beforeEach(() => {
  resetLockdep();
  observeLockdep(true);
});
afterEach(() => observeLockdep(false));

function* both(a: Mutex, b: Mutex) {
  yield* lock(a);
  yield* lock(b);
  yield* unlock(b);
  yield* unlock(a);
}
/** One after the other: nothing deadlocks in any run. */
function* ordersOneAfterTheOther(a: Mutex, b: Mutex) {
  const t = spawn(both, a, b);
  yield* join(t);
  const u = spawn(both, b, a);
  yield* join(u);
}

test("an inversion that no run shows is reported with both witnesses", () => {
  const r = explore((m) => m.spawn("main", ordersOneAfterTheOther, [mutex("a"), mutex("b")]));
  expect(r.verdicts).toEqual(["ok"]);
  const [report, ...others] = lockdepReports();
  expect(others).toEqual([]);
  expect(report.classes).toEqual(["a", "b"]);
  expect(report.edges.map((e) => [e.from, e.to, e.kind, e.witness.task, e.witness.held, e.witness.wanted])).toEqual([
    ["a", "b", "EN", "main/0", ["a"], "b"],
    ["b", "a", "EN", "main/1", ["b"], "a"],
  ]);
  expect(report.edges[0].witness).toMatchObject({ function: "both", text: expect.stringContaining("lock(b)") });
  expect(report.edges[0].witness.place).toMatch(/lockdep\.test\.ts:\d+$/);
  expect(report.text).toMatch(/^2 lock classes are taken in a circle: b is taken under a by main\/0 at /);
});

test("one order everywhere is no report", () => {
  explore((m) => {
    const [a, b] = [mutex("a"), mutex("b")];
    m.spawn("t1", both, [a, b]);
    m.spawn("t2", both, [a, b]);
  });
  expect(exportEdges().map((e) => `${e.from} ${e.to}`)).toEqual(["a b"]);
  expect(lockdepReports()).toEqual([]);
});

function* triesSecond(a: Mutex, b: Mutex, c: Mutex) {
  yield* lock(a);
  if (yield* trylock(b)) {
    yield* lock(c);
    yield* unlock(c);
    yield* unlock(b);
  }
  yield* unlock(a);
}

test("a trylock makes no edge to its lock, only from it", () => {
  explore((m) => m.spawn("t", triesSecond, [mutex("a"), mutex("b"), mutex("c")]));
  expect(exportEdges().map((e) => `${e.from} ${e.to}`)).toEqual(["a c", "b c"]);
});

const Obj = struct("object", { lock: mutexField() });

function* nested(a: Mutex, b: Mutex, subclass: number) {
  yield* lock(a);
  yield* lock(b, subclass);
  yield* unlock(b);
  yield* unlock(a);
}

test("two locks of one class need a subclass", () => {
  const run = (subclass: number) => {
    resetLockdep();
    explore((m) => m.spawn("t", nested, [Obj.create("o1").lock, Obj.create("o2").lock, subclass]));
    return lockdepReports();
  };
  expect(run(0).map((r) => r.text)[0]).toMatch(
    /^object\.lock is taken while a lock of the same class is held, by t at /,
  );
  expect(run(1)).toEqual([]);
  expect(exportEdges().map((e) => `${e.from} ${e.to}`)).toEqual(["object.lock object.lock/1"]);
});

function* selfLock(a: Mutex) {
  yield* lock(a);
  yield* lock(a);
}

test("a lock that is never got counts: the order is learnt before the wait", () => {
  const r = explore((m) => m.spawn("t", selfLock, [mutex("a")]));
  expect(r.verdicts).toEqual(["deadlock"]);
  expect(lockdepReports().map((x) => x.classes)).toEqual([["a"]]);
});

function* readThenMutex(l: RwSem, a: Mutex) {
  yield* downRead(l);
  yield* lock(a);
  yield* unlock(a);
  yield* upRead(l);
}
function* mutexThenRead(l: RwSem, a: Mutex) {
  yield* lock(a);
  yield* downRead(l);
  yield* upRead(l);
  yield* unlock(a);
}
function* writeThenMutex(l: RwSem, a: Mutex) {
  yield* downWrite(l);
  yield* lock(a);
  yield* unlock(a);
  yield* upWrite(l);
}

test("recursive readers do not wait for readers, queueing ones do", () => {
  const run = (queue: boolean, first: typeof readThenMutex) => {
    resetLockdep();
    explore((m) => {
      const l = rwsem("l", { queue });
      const a = mutex("a");
      m.spawn("t1", first, [l, a]);
      m.spawn("t2", mutexThenRead, [l, a]);
    });
    return lockdepReports().map((r) => r.edges.map((e) => e.kind).join(" "));
  };
  expect(run(false, readThenMutex)).toEqual([]);
  expect(run(true, readThenMutex)).toEqual(["EN SN"]);
  expect(run(false, writeThenMutex)).toEqual(["ER EN"]);
});

function* contextBoth(ctx: AcquireCtx, a: WwMutex, b: WwMutex) {
  yield* wwAcquireInit(ctx);
  yield* wwLock(a, ctx);
  yield* wwLock(b, ctx);
  yield* wwUnlock(b);
  yield* wwUnlock(a);
  yield* wwAcquireFini(ctx);
}
function* plainWwBoth(a: WwMutex, b: WwMutex) {
  yield* wwLock(a);
  yield* wwLock(b);
  yield* wwUnlock(b);
  yield* wwUnlock(a);
}

test("ww mutexes of one class nest under a context only", () => {
  explore((m) => m.spawn("t", contextBoth, [acquireCtx("c", wwClass("resv")), wwMutex("a"), wwMutex("b")]));
  expect(lockdepReports()).toEqual([]);
  explore((m) => m.spawn("t", plainWwBoth, [wwMutex("a"), wwMutex("b")]));
  expect(lockdepReports().map((r) => r.classes)).toEqual([["wwMutex"]]);
});

function* folioThenMutex(f: FolioLock, a: Mutex) {
  yield* lockFolio(f);
  yield* lock(a);
  yield* unlock(a);
  yield* unlockFolio(f);
}
function* mutexThenFolio(f: FolioLock, a: Mutex) {
  yield* lock(a);
  yield* lockFolio(f);
  yield* unlockFolio(f);
  yield* unlock(a);
}

test("folio locks are invisible to it, their deadlocks are not", () => {
  const r = explore((m) => {
    const f = folioLock("f");
    const a = mutex("a");
    m.spawn("t1", folioThenMutex, [f, a]);
    m.spawn("t2", mutexThenFolio, [f, a]);
  });
  expect(r.verdicts).toEqual(["deadlock"]);
  expect(exportEdges()).toEqual([]);
});

function* allocatesUnder(a: Mutex, gfp: number, flags: number) {
  const scope = memallocSave(flags);
  yield* lock(a);
  mightAlloc(gfp);
  yield* unlock(a);
  memallocRestore(flags, scope);
}
function* callbackLocks(a: Mutex) {
  lockMapAcquire(mmuNotifierInvalidateRangeStart);
  yield* lock(a);
  yield* unlock(a);
  lockMapRelease(mmuNotifierInvalidateRangeStart);
}

test("allocating under a lock that a notifier takes, by mask and scope", () => {
  const run = (gfp: number, flags = 0) => {
    resetLockdep();
    explore((m) => {
      const a = mutex("user_lock");
      m.spawn("alloc", allocatesUnder, [a, gfp, flags]);
      m.spawn("callback", callbackLocks, [a]);
    });
    return lockdepReports().map((r) => r.classes.join(" > "));
  };
  const cycle = "mmu_notifier_invalidate_range_start > user_lock";
  expect(run(GFP_KERNEL)).toEqual([cycle]);
  expect(exportEdges().map((e) => `${e.from} > ${e.to}`)).toContain("fs_reclaim > mmu_notifier_invalidate_range_start");
  expect(run(GFP_NOIO)).toEqual([cycle]);
  expect(run(GFP_NOWAIT)).toEqual([]);
  expect(run(GFP_KERNEL, PF_MEMALLOC)).toEqual([]);
});

function* reclaims(a: Mutex) {
  fsReclaimAcquire(GFP_KERNEL);
  yield* lock(a);
  yield* unlock(a);
  fsReclaimRelease(GFP_KERNEL);
}

test("a lock taken in reclaim and held around an allocation", () => {
  explore((m) => {
    const a = mutex("a");
    m.spawn("r", reclaims, [a]);
    m.spawn("t", allocatesUnder, [a, GFP_KERNEL, 0]);
  });
  expect(lockdepReports().map((r) => r.classes.join(" > "))).toEqual(["a > fs_reclaim"]);
});

function* locksOnly(a: Mutex) {
  yield* lock(a);
  yield* unlock(a);
}
function* flushesUnder(a: Mutex, w: Work) {
  yield* lock(a);
  yield* flushWork(w);
  yield* unlock(a);
}
function* queueless() {}

test("a flush under a lock that the work takes, although the work never runs then", () => {
  explore((m) => {
    const a = mutex("a");
    const w = work("w", workqueue("wq"), locksOnly, a);
    m.spawn("f", flushesUnder, [a, w]);
    m.spawn("q", queueless, []);
  });
  expect(exportEdges().map((e) => `${e.from} > ${e.to}`)).toEqual(["a > work w"]);
});

test("tables of several threads make the same reports, whatever the order", () => {
  const part = (setup: (m: Machine) => void) => {
    resetLockdep();
    explore(setup);
    return exportEdges();
  };
  const one = part((m) => {
    const [a, b] = [mutex("a"), mutex("b")];
    m.spawn("t2", both, [a, b]);
  });
  const two = part((m) => {
    const [a, b] = [mutex("a"), mutex("b")];
    m.spawn("t1", both, [a, b]);
    m.spawn("t3", both, [b, a]);
  });
  const merged = (...parts: (typeof one)[]) => {
    resetLockdep();
    for (const p of parts) importEdges(p);
    return lockdepReports();
  };
  expect(merged(one, two)).toEqual(merged(two, one));
  expect(merged(one, two)[0].edges.map((e) => e.witness.task)).toEqual(["t1", "t3"]);
  expect(merged(one)).toEqual([]);
});

function* locksInReadSection(s: Srcu, a: Mutex) {
  const index = yield* srcuReadLock(s);
  yield* lock(a);
  yield* unlock(a);
  yield* srcuReadUnlock(s, index);
}

test("read sections of SRCU are held, but no part of the order", () => {
  explore((m) => m.spawn("t", locksInReadSection, [srcu("s"), mutex("a")]));
  expect(exportEdges()).toEqual([]);
});
