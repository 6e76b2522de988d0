/** Mistakes in a case: each gives a number, a place and a remedy. */
import { expect, test } from "vitest";
import { type Cell, cell, cellField, readOnce, writeOnce } from "./cell.ts";
import {
  inAtomic,
  memallocRestore,
  memallocSave,
  nonBlockEnd,
  nonBlockStart,
  PF_MEMALLOC_NOIO,
  PF_MEMALLOC_PIN,
} from "./context.ts";
import { explore, failureOf } from "./explore.testkit.ts";
import { assert } from "./finding.ts";
import {
  __GFP_FS,
  __GFP_IO,
  __GFP_MOVABLE,
  currentGfpContext,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_TRANSHUGE,
  GFP_TRANSHUGE_LIGHT,
  gfpAllowsBlocking,
} from "./gfp.ts";
import { fsReclaim, lockMapAcquire } from "./lockMap.ts";
import { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, mutexField, spinlock, unlock } from "./mutex.ts";
import { int, ref, struct } from "./struct.ts";
import { until } from "./wait.ts";

function* keepsObject(c: Cell) {
  const list = [1, 2, 3];
  yield* readOnce(c);
  return list.length;
}
function* keepsBigNumber(c: Cell) {
  const big = 2 ** 31;
  yield* readOnce(c);
  return big;
}
function* forgetsYield(a: Mutex, b: Mutex) {
  lock(a);
  yield* lock(b);
}
function* forgetsYieldAtEnd(a: Mutex, b: Mutex) {
  yield* lock(b);
  lock(a);
}
function* neverSuspends(a: Mutex) {
  yield* lock(a);
  for (;;) {
    yield* unlock(a);
    yield* pass();
  }
}
function* pass() {}
function* endless() {
  for (;;) yield* pass();
}

test.each([
  ["an object kept across a suspension", "MF0201", (m: Machine) => m.spawn("t", keepsObject, [cell("c")])],
  ["a number that is too large", "MF0202", (m: Machine) => m.spawn("t", keepsBigNumber, [cell("c")])],
  ["an operation without yield*", "MF0211", (m: Machine) => m.spawn("t", forgetsYield, [mutex("a"), mutex("b")])],
  [
    "the last operation without yield*",
    "MF0211",
    (m: Machine) => m.spawn("t", forgetsYieldAtEnd, [mutex("a"), mutex("b")]),
  ],
  ["a loop that never suspends", "MF0208", (m: Machine) => m.spawn("t", endless, [])],
] as const)("%s", (_what, code, setup) => {
  const message = failureOf(() => explore((m) => void setup(m)));
  expect(message).toMatch(new RegExp(`^${code}: .*misuse\\.test\\.ts:\\d+:\\d+: .*\\. .*\\.$`));
});

test("a release on every turn ends where the lock is gone", () => {
  expect(explore((m) => m.spawn("t", neverSuspends, [mutex("a")])).verdicts).toEqual(["assertion"]);
});

test("objects are made in the set-up", () => {
  expect(() => mutex("late")).toThrow("MF0209");
  const m = Machine.build(() => undefined);
  expect(() => m.layout.take(1, "late", "int")).toThrow("MF0206");
  expect(() =>
    Machine.build((m) => {
      for (let i = 0; i < 65; i++) m.spawn(`t${i}`, pass, []);
    }),
  ).toThrow("MF0210");
});

function* throwsUp(c: Cell) {
  yield* readOnce(c);
  throw new Error("boom");
}

test("an exception of task code is a finding", () => {
  expect(explore((m) => m.spawn("t", throwsUp, [cell("c")])).findings).toEqual(["assertion: uncaught Error: boom"]);
});

function* sleepsNonBlockable(c: Cell, ends: boolean) {
  nonBlockStart();
  if (ends) nonBlockEnd();
  yield* lock2(c);
}
function* lock2(c: Cell) {
  yield* writeOnce(c, 1);
}
function* untilNonBlockable(l: Mutex, ends: boolean) {
  nonBlockStart();
  nonBlockStart();
  nonBlockEnd();
  if (ends) nonBlockEnd();
  yield* lock(l);
  yield* unlock(l);
}

test("non-blockable sections nest", () => {
  expect(explore((m) => m.spawn("t", untilNonBlockable, [mutex("l"), false])).findings).toEqual([
    "atomic-sleep: t may sleep (lock l) in a non-blockable section",
  ]);
  expect(explore((m) => m.spawn("t", untilNonBlockable, [mutex("l"), true])).verdicts).toEqual(["ok"]);
  expect(explore((m) => m.spawn("t", sleepsNonBlockable, [cell("c"), false])).verdicts).toEqual(["ok"]);
});

function* scopes(c: Cell, l: Mutex) {
  const outer = memallocSave(PF_MEMALLOC_NOIO);
  const inner = memallocSave(PF_MEMALLOC_NOIO | PF_MEMALLOC_PIN);
  const mask = currentGfpContext(GFP_HIGHUSER_MOVABLE);
  assert((mask & (__GFP_IO | __GFP_FS | __GFP_MOVABLE)) === 0, "no I/O, no file systems, not movable");
  yield* readOnce(c);
  memallocRestore(PF_MEMALLOC_NOIO | PF_MEMALLOC_PIN, inner);
  assert(currentGfpContext(GFP_KERNEL) === (GFP_KERNEL & ~(__GFP_IO | __GFP_FS)), "the outer scope remains");
  assert((currentGfpContext(GFP_HIGHUSER_MOVABLE) & __GFP_MOVABLE) !== 0, "movable again");
  memallocRestore(PF_MEMALLOC_NOIO, outer);
  assert(currentGfpContext(GFP_KERNEL) === GFP_KERNEL, "no scope");
  assert(!inAtomic(), "not atomic");
  yield* lock(l);
  assert(inAtomic(), "atomic");
  yield* unlock(l);
}

test("GFP scopes nest", () => {
  expect(explore((m) => m.spawn("t", scopes, [cell("c"), spinlock("l")])).verdicts).toEqual(["ok"]);
});

test("composed masks", () => {
  expect([GFP_KERNEL, GFP_ATOMIC, GFP_TRANSHUGE, GFP_TRANSHUGE_LIGHT].map(gfpAllowsBlocking)).toEqual([
    true,
    false,
    true,
    false,
  ]);
});

function* waitsUnderSpinlock(l: Mutex, c: Cell) {
  yield* lock(l);
  yield* until(() => c.value === 1);
}

test("waiting for a condition under a spinlock", () => {
  const r = explore((m) => m.spawn("t", waitsUnderSpinlock, [spinlock("l"), cell("c", 1)]));
  expect(r.verdicts).toEqual(["atomic-sleep"]);
});

function* catches(l: Mutex, c: Cell) {
  let caught = 0;
  try {
    for (let i = 0; i < 5; i++) lockMapAcquire(fsReclaim);
    yield* readOnce(c);
  } catch {
    caught = 1;
  }
  yield* writeOnce(c, caught);
  yield* readOnce(c);
  try {
    yield* unlock(l);
  } catch {
    yield* writeOnce(c, 2);
  }
}

test("task code can catch neither findings nor the wish for a larger machine", () => {
  const r = explore((m) => {
    const c = cell("c");
    m.spawn("t", catches, [mutex("l"), c]);
    m.invariant("nothing was caught", () => c.value === 0);
  });
  expect(r.findings).toEqual(["assertion: t unlocks l without holding it: lock it first, on every path"]);
});

const Holder = struct("holder", {
  lock: mutexField(),
  word: int({ ordered: "test" }),
  other: ref<{ id: number; at: number; name: string }>({ ordered: "test" }),
  odd: int({ guardedBy: () => null as unknown as Mutex }),
});
type Holder = ReturnType<typeof Holder.create>;

function* storesTooMuch(o: Holder, c: Cell) {
  yield* readOnce(c);
  o.word = 2 ** 31;
}
function* storesStranger(o: Holder, c: Cell) {
  yield* readOnce(c);
  o.other = { id: 0, at: 0, name: "stranger" };
}
function* writesTooMuch(_o: Holder, c: Cell) {
  yield* writeOnce(c, 0.5);
}
function* usesOdd(o: Holder, c: Cell) {
  yield* readOnce(c);
  o.odd = 1;
}

test.each([
  [
    "a number that is no word",
    storesTooMuch,
    /^MF0214: .*misuse\.test\.ts:\d+:\d+: o\.word was given 2147483648, which/,
  ],
  ["an object that nobody declared", storesStranger, /^MF0214: .*misuse\.test\.ts:\d+:\d+: o\.other was given a value/],
  ["a fraction in a cell", writesTooMuch, /^MF0214: .*misuse\.test\.ts:\d+:\d+: c was given 0\.5, which/],
  ["a guard that is none", usesOdd, /^MF0207: .*misuse\.test\.ts:\d+:\d+: The field holder\.odd names the guard/],
])("%s", (_what, f, message) => {
  expect(failureOf(() => explore((m) => m.spawn("t", f, [Holder.create("o"), cell("c")])))).toMatch(message);
});

test("a guard that is no lock", () => {
  const Bad = struct("bad", { count: cellField(), n: int({ guardedBy: "count" }) });
  expect(() => Machine.build(() => Bad.create("b"))).toThrow('MF0207: The field bad.n names the guard "count"');
});
