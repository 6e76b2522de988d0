import { expect, test } from "vitest";
import { onMachine, setupProgram } from "../search/program.ts";
import { searchStateful } from "../search/stateful.ts";
import { type Cell, cell, fetchAdd } from "./cell.ts";
import { explore, exploreBoth } from "./explore.testkit.ts";
import { assert } from "./finding.ts";
import {
  type FolioLock,
  folioHandOver,
  folioLock,
  folioLocked,
  folioLockField,
  lockFolio,
  trylockFolio,
  unlockFolio,
  waitFolioLocked,
} from "./folioLock.ts";
import type { Machine, TaskInfo } from "./machine.ts";
import { lock, type Mutex, mutex, spinlock, unlock } from "./mutex.ts";
import { int, type StructOf, struct } from "./struct.ts";
import { until } from "./wait.ts";

const folioFields = { locked: folioLockField(), dirty: int({ guardedBy: "locked" }) };
const Folio = struct("folio", folioFields);
type FolioObject = StructOf<typeof folioFields>;

function* dirties(f: FolioObject) {
  yield* lockFolio(f.locked);
  const n = f.dirty;
  f.dirty = n + 1;
  yield* unlockFolio(f.locked);
}
function* dirtiesWithout(f: FolioObject) {
  f.dirty = 1;
}

test("it guards fields", () => {
  const r = exploreBoth((m) => {
    const f = Folio.create("f0");
    m.spawn("a", dirties, [f]);
    m.spawn("b", dirties, [f]);
    m.atEnd("both", () => f.dirty === 2);
  });
  expect(r.verdicts).toEqual(["ok"]);
  expect(explore((m) => m.spawn("a", dirtiesWithout, [Folio.create("f0")])).verdicts).toEqual(["data-race"]);
});

/** Submits I/O under the folio lock; the device unlocks the folio. */
function* submits(f: FolioLock, device: TaskInfo, go: Cell) {
  yield* lockFolio(f);
  folioHandOver(f, device);
  yield* fetchAdd(go, 1);
  yield* waitFolioLocked(f);
}
function* deviceUnlocks(f: FolioLock, go: Cell) {
  yield* until(() => go.value > 0);
  yield* unlockFolio(f);
}
function* deviceNeeds(f: FolioLock, go: Cell, l: Mutex) {
  yield* until(() => go.value > 0);
  yield* lock(l);
  yield* unlock(l);
  yield* unlockFolio(f);
}
function* submitsUnder(f: FolioLock, device: TaskInfo, go: Cell, l: Mutex) {
  yield* lock(l);
  yield* submits(f, device, go);
  yield* unlock(l);
}

test("the device unlocks what was handed over to it", () => {
  const r = exploreBoth((m) => {
    const f = folioLock("f");
    const go = cell("go");
    const device = m.spawn("device", deviceUnlocks, [f, go]);
    m.spawn("t", submits, [f, device, go]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

test("a wait for the folio is then a wait for the device", () => {
  const r = exploreBoth((m) => {
    const f = folioLock("f");
    const go = cell("go");
    const l = mutex("l");
    const device = m.spawn("device", deviceNeeds, [f, go, l]);
    m.spawn("t", submitsUnder, [f, device, go, l]);
  });
  expect(r.findings).toEqual([
    "deadlock: device waits (lock l) for t; t waits (wait until folio f is unlocked) for device",
  ]);
});

function* locksOnly(f: FolioLock) {
  yield* lockFolio(f);
}
function* unlocksOnly(f: FolioLock) {
  yield* until(() => folioLocked(f));
  yield* unlockFolio(f);
}
function* handsToAnybody(f: FolioLock) {
  yield* lockFolio(f);
  folioHandOver(f, null);
}

test("unlocking what another task locked", () => {
  const run = (f: typeof locksOnly) => (m: Machine) => {
    const l = folioLock("f");
    m.spawn("a", f, [l]);
    m.spawn("b", unlocksOnly, [l]);
  };
  expect(explore(run(locksOnly)).findings).toEqual([
    "assertion: b unlocks folio f, which a locked: name who unlocks it with folioHandOver",
  ]);
  expect(exploreBoth(run(handsToAnybody)).verdicts).toEqual(["ok"]);
});

function* unlocksTwice(f: FolioLock) {
  yield* lockFolio(f);
  yield* unlockFolio(f);
  yield* unlockFolio(f);
}
function* handsOverTwice(f: FolioLock, to: TaskInfo) {
  yield* lockFolio(f);
  folioHandOver(f, to);
  folioHandOver(f, to);
}
function* locksAtomic(f: FolioLock, l: Mutex) {
  yield* lock(l);
  yield* lockFolio(f);
}

test("misuse", () => {
  expect(explore((m) => m.spawn("t", unlocksTwice, [folioLock("f")])).findings).toEqual([
    "assertion: t unlocks folio f, which is not locked",
  ]);
  const twice = explore((m) => {
    const other = m.spawn("o", locksOnly, [folioLock("g")]);
    m.spawn("t", handsOverTwice, [folioLock("f"), other]);
  });
  expect(twice.verdicts).toEqual(["assertion"]);
  expect(explore((m) => m.spawn("t", locksAtomic, [folioLock("f"), spinlock("l")])).verdicts).toEqual(["atomic-sleep"]);
});

function* tries(f: FolioLock, got: Cell, bit: number) {
  if (!(yield* trylockFolio(f))) return;
  yield* fetchAdd(got, bit);
  yield* unlockFolio(f);
}
function* holdsForAWhile(f: FolioLock, x: Cell) {
  yield* lockFolio(f);
  assert(folioLocked(f), "the holder may look");
  yield* fetchAdd(x, 1);
  yield* unlockFolio(f);
}

test("trylock succeeds and fails", () => {
  const r = exploreBoth(
    (m) => {
      const f = folioLock("f");
      m.spawn("a", tries, [f, cell("got"), 1]);
      m.spawn("b", holdsForAWhile, [f, cell("x")]);
    },
    (m) => String((m.handles.find((h) => (h as Cell).name === "got") as Cell).value),
  );
  expect(r.ends).toEqual(["0", "1"]);
});

/** Locks, hands over, and goes on with something that can be done at any time. */
function* handsOverAndGoesOn(f: FolioLock, device: TaskInfo, go: Cell, x: Cell) {
  yield* fetchAdd(go, 1);
  yield* lockFolio(f);
  folioHandOver(f, device);
  yield* fetchAdd(x, 1);
}
function* unlocksAndLooks(f: FolioLock, go: Cell, x: Cell, seen: Cell) {
  yield* until(() => folioLocked(f) && go.value > 0);
  yield* unlockFolio(f);
  yield* fetchAdd(seen, 1 + (yield* fetchAdd(x, 0)));
}

test("the reduced search sees what the new holder does before the old one goes on", () => {
  const setup = (m: Machine) => {
    const f = folioLock("f");
    const [go, x, seen] = [cell("go"), cell("x"), cell("seen")];
    const device = m.spawn("device", unlocksAndLooks, [f, go, x, seen]);
    m.spawn("t", handsOverAndGoesOn, [f, device, go, x]);
    m.atEnd("the device came first", () => seen.value !== 1, "policy");
  };
  expect(explore(setup).verdicts).toEqual(["policy"]);
  const reduced = onMachine(setupProgram(setup), {}, (m) => searchStateful(m));
  expect(reduced.violations[0]?.finding.verdict).toBe("policy");
});
