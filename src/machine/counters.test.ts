import { expect, test } from "vitest";
import { type Cell, cell, readOnce, writeOnce } from "./cell.ts";
import { explore, exploreBoth } from "./explore.testkit.ts";
import { assert, must } from "./finding.ts";
import type { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, unlock } from "./mutex.ts";
import { type Refcount, refcount, refGet, refGetUnlessZero, refHandOver, refPut, refUntil } from "./refcount.ts";
import {
  readSeqcountBegin,
  readSeqcountRetry,
  type Seqcount,
  seqcount,
  writeSeqcountBegin,
  writeSeqcountEnd,
} from "./seqcount.ts";

function* writes(s: Seqcount, a: Cell, b: Cell, value: number) {
  yield* writeSeqcountBegin(s);
  yield* writeOnce(a, value);
  yield* writeOnce(b, value);
  yield* writeSeqcountEnd(s);
}
function* reads(s: Seqcount, a: Cell, b: Cell, check: boolean) {
  const start = yield* readSeqcountBegin(s);
  const x = yield* readOnce(a);
  const y = yield* readOnce(b);
  if (check && (yield* readSeqcountRetry(s, start))) return;
  assert(x === y, "a consistent pair");
}

const pair = (check: boolean, writers: number) => (m: Machine) => {
  const s = seqcount("s");
  const [a, b] = [cell("a"), cell("b")];
  m.spawn("r", reads, [s, a, b, check]);
  for (let i = 0; i < writers; i++) m.spawn(`w${i}`, writes, [s, a, b, i + 1]);
};

test("what passes the check is consistent", () => {
  expect(exploreBoth(pair(true, 1)).verdicts).toEqual(["ok"]);
  expect(exploreBoth(pair(false, 1)).verdicts).toEqual(["assertion"]);
});

test("two writers at once", () => {
  const r = explore(pair(true, 2));
  expect(r.findings).toEqual([
    "data-race: two writers of s at once, the other is w0: let them share a lock",
    "data-race: two writers of s at once, the other is w1: let them share a lock",
  ]);
});

function* endsOnly(s: Seqcount) {
  yield* writeSeqcountEnd(s);
}
function* readsInside(s: Seqcount) {
  yield* writeSeqcountBegin(s);
  yield* readSeqcountBegin(s);
  yield* writeSeqcountEnd(s);
}

test("misuse of a seqcount", () => {
  expect(explore((m) => m.spawn("t", endsOnly, [seqcount("s")])).verdicts).toEqual(["assertion"]);
  expect(explore((m) => m.spawn("t", readsInside, [seqcount("s")])).findings).toEqual([
    "deadlock: t waits (read section of s) for itself",
  ]);
});

function* puts(r: Refcount, freed: Cell) {
  if (yield* refPut(r)) yield* writeOnce(freed, 1);
}
function* getsAndUses(r: Refcount, freed: Cell) {
  if (!(yield* refGetUnlessZero(r))) return;
  must((yield* readOnce(freed)) === 0, "use-after-free", "freed while referenced");
  yield* puts(r, freed);
}
function* getsBlindly(r: Refcount) {
  yield* refGet(r);
  yield* refPut(r);
}

test("the last put, and only it, says so", () => {
  const r = exploreBoth((m) => {
    const c = refcount("c", { initial: 2 });
    const freed = cell("freed");
    m.spawn("a", puts, [c, freed]);
    m.spawn("b", puts, [c, freed]);
    m.spawn("u", getsAndUses, [c, freed]);
    m.atEnd("freed", () => freed.value === 1);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

test("a get after the last put, and one put too many", () => {
  const late = explore((m) => {
    const c = refcount("c");
    m.spawn("a", puts, [c, cell("freed")]);
    m.spawn("b", getsBlindly, [c]);
  });
  expect(late.findings).toEqual(["use-after-free: a reference of c is taken after the last put"]);
  const many = explore((m) => {
    const c = refcount("c");
    m.spawn("a", puts, [c, cell("f1")]);
    m.spawn("b", puts, [c, cell("f2")]);
  });
  expect(many.findings).toEqual(["assertion: c drops below zero"]);
});

function* pinsThenLocks(r: Refcount, l: Mutex) {
  yield* refGet(r);
  yield* lock(l);
  yield* unlock(l);
  yield* refPut(r);
}
function* drains(r: Refcount, l: Mutex, down: number) {
  yield* lock(l);
  yield* refUntil(r, down);
  yield* unlock(l);
}

test("waiting for references: a cycle when their holders are known", () => {
  const run = (tracked: boolean) =>
    exploreBoth((m) => {
      const r = refcount("r", { initial: tracked ? 0 : 1, tracked });
      const l = mutex("l");
      if (tracked) r.hold(m.spawn("p", pinsThenLocks, [r, l]));
      else m.spawn("p", pinsThenLocks, [r, l]);
      m.spawn("d", drains, [r, l, tracked ? 0 : 1]);
    });
  expect(run(true).findings[0]).toMatch(/^deadlock: /);
  expect(run(false).verdicts).toEqual(["deadlock"]);
});

function* pinsAndDrains(r: Refcount) {
  yield* refGet(r);
  yield* refUntil(r, 0);
}
function* putsOnly(r: Refcount) {
  yield* refPut(r);
}

test("waiting for one's own reference is found while others run", () => {
  const r = exploreBoth((m) => {
    const c = refcount("c", { initial: 0, tracked: true });
    m.spawn("t", pinsAndDrains, [c]);
    const x = cell("x");
    m.spawn("o", writesTwice, [x]);
    c.hold(m.tasks[1]);
  });
  expect(r.verdicts).toEqual(["deadlock"]);
  expect(r.earlyCycles).toEqual(["t"]);
});

function* writesTwice(x: Cell) {
  yield* writeOnce(x, 1);
  yield* writeOnce(x, 2);
}

test("tracked references are put by their holders", () => {
  const r = explore((m) => {
    const c = refcount("c", { initial: 0, tracked: true });
    c.hold(m.spawn("a", writesTwice, [cell("x")]));
    m.spawn("b", putsOnly, [c]);
  });
  expect(r.findings).toEqual(["assertion: b puts a reference of c that it does not hold"]);
});

function* handsOver(r: Refcount, to: number) {
  yield* refGet(r);
  refHandOver(r, to);
}
function* putsWhenHeld(r: Refcount, go: Cell) {
  while ((yield* readOnce(go)) === 0) {}
  yield* refPut(r);
}

test("a reference that is handed over is put by its new holder", () => {
  const m = explore((m) => {
    const c = refcount("c", { initial: 0, tracked: true, zeroIsFinal: false });
    const go = cell("go", 1);
    const b = m.spawn("b", putsTwice, [c, go]);
    c.hold(b);
    m.spawn("a", handsOver, [c, b.slot]);
    m.atEnd("none left", () => m.words[c.at] === 0);
  });
  expect(m.findings).toEqual(["assertion: b puts a reference of c that it does not hold"]);
  expect(m.ends).toEqual([""]);
});

function* putsTwice(r: Refcount, go: Cell) {
  yield* putsWhenHeld(r, go);
  yield* putsWhenHeld(r, go);
}
