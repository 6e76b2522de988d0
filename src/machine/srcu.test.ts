import { expect, test } from "vitest";
import { type Cell, cell, readOnce, writeOnce } from "./cell.ts";
import { explore, exploreBoth } from "./explore.testkit.ts";
import { must } from "./finding.ts";
import { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, unlock } from "./mutex.ts";
import {
  callSrcu,
  type Srcu,
  srcu,
  srcuBarrier,
  srcuCallback,
  srcuReadLock,
  srcuReadUnlock,
  synchronizeSrcu,
} from "./srcu.ts";
import { type Work, workqueue } from "./workqueue.ts";

/** Uses the object that `live` says is there. */
function* reader(s: Srcu, listed: Cell, freed: Cell) {
  const index = yield* srcuReadLock(s);
  if ((yield* readOnce(listed)) === 1) must((yield* readOnce(freed)) === 0, "use-after-free", "used after the free");
  yield* srcuReadUnlock(s, index);
}
function* remover(s: Srcu, listed: Cell, freed: Cell, wait: boolean) {
  yield* writeOnce(listed, 0);
  if (wait) yield* synchronizeSrcu(s);
  yield* writeOnce(freed, 1);
}

const removal = (wait: boolean, readers: number) => (m: Machine) => {
  const s = srcu("s");
  const [listed, freed] = [cell("listed", 1), cell("freed", 0)];
  for (let i = 0; i < readers; i++) m.spawn(`r${i}`, reader, [s, listed, freed]);
  m.spawn("w", remover, [s, listed, freed, wait]);
};

test("what readers may use is freed after a grace period", () => {
  expect(exploreBoth(removal(true, 1)).verdicts).toEqual(["ok"]);
  expect(explore(removal(true, 2)).verdicts).toEqual(["ok"]);
  expect(exploreBoth(removal(false, 1)).verdicts).toEqual(["use-after-free"]);
});

test("two grace periods at once", () => {
  const r = exploreBoth((m) => {
    const s = srcu("s");
    const [listed, freed] = [cell("listed", 1), cell("freed", 0)];
    m.spawn("r", reader, [s, listed, freed]);
    m.spawn("w1", remover, [s, listed, freed, true]);
    m.spawn("w2", synchronizes, [s]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

function* synchronizes(s: Srcu) {
  yield* synchronizeSrcu(s);
}
function* synchronizesInside(s: Srcu) {
  const index = yield* srcuReadLock(s);
  yield* synchronizeSrcu(s);
  yield* srcuReadUnlock(s, index);
}

test("a grace period inside of a read section waits for itself", () => {
  const r = exploreBoth((m) => m.spawn("t", synchronizesInside, [srcu("s")]));
  expect(r.findings).toEqual(["deadlock: t waits (wait for the readers of s) for itself"]);
});

function* readsThenLocks(s: Srcu, l: Mutex) {
  const index = yield* srcuReadLock(s);
  yield* lock(l);
  yield* unlock(l);
  yield* srcuReadUnlock(s, index);
}
function* synchronizesUnderLock(s: Srcu, l: Mutex) {
  yield* lock(l);
  yield* synchronizeSrcu(s);
  yield* unlock(l);
}

test("a grace period under a lock that readers take", () => {
  const r = exploreBoth((m) => {
    const s = srcu("s");
    const l = mutex("l");
    m.spawn("r", readsThenLocks, [s, l]);
    m.spawn("w", synchronizesUnderLock, [s, l]);
  });
  expect(r.findings).toEqual(["deadlock: r waits (lock l) for w; w waits (wait for the readers of s) for r"]);
});

function* wrongIndex(s: Srcu) {
  const index = yield* srcuReadLock(s);
  yield* srcuReadUnlock(s, 1 - index);
}

test("leaving a section in which one is not", () => {
  const r = explore((m) => m.spawn("t", wrongIndex, [srcu("s")]));
  expect(r.findings).toEqual(["assertion: t unlocks s without holding it: lock it first, on every path"]);
});

function* frees(freed: Cell) {
  yield* writeOnce(freed, 1);
}
function* removesLater(listed: Cell, callback: Work, freed: Cell) {
  yield* writeOnce(listed, 0);
  yield* callSrcu(callback);
  yield* srcuBarrier(callback);
  must((yield* readOnce(freed)) === 1, "assertion", "the barrier waits for the callback");
}

test("call_srcu runs the callback after a grace period, and the barrier waits for it", () => {
  const r = exploreBoth((m) => {
    const s = srcu("s");
    const [listed, freed] = [cell("listed", 1), cell("freed", 0)];
    m.spawn("r", reader, [s, listed, freed]);
    m.spawn("w", removesLater, [listed, srcuCallback("free", s, workqueue("srcu"), frees, freed), freed]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

test("readers that come later do not keep a grace period from ending", () => {
  const m = Machine.build((m) => {
    const s = srcu("s");
    const l = mutex("l");
    m.spawn("w", synchronizes, [s]);
    m.spawn("r1", readsThenLocks, [s, l]);
    m.spawn("r2", readsThenLocks, [s, l]);
  });
  m.step(1); // r1 inside
  m.step(0); // the grace period begins
  m.step(2); // r2 inside
  expect(m.enabled(0)).toBe(false);
  m.step(1); // r1 locks, unlocks and leaves
  expect(m.enabled(0)).toBe(true);
});
