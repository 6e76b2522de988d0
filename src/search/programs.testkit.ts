/** Small programs with known figures, for the tests of the searchers. */
import { type Cell, cell, readOnce, touch, writeOnce } from "../machine/cell.ts";
import type { Task } from "../machine/core.ts";
import { assert } from "../machine/finding.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutex, trylock, unlock } from "../machine/mutex.ts";
import { until } from "../machine/wait.ts";

function* takeBoth(first: Mutex, second: Mutex): Task {
  yield* lock(first);
  yield* lock(second);
  yield* unlock(second);
  yield* unlock(first);
}

/** Two tasks, two locks, two orders. */
export function abba(m: Machine): void {
  const a = mutex("a");
  const b = mutex("b");
  m.spawn("t0", takeBoth, [a, b]);
  m.spawn("t1", takeBoth, [b, a]);
}

export function abbaSameOrder(m: Machine): void {
  const a = mutex("a");
  const b = mutex("b");
  m.spawn("t0", takeBoth, [a, b]);
  m.spawn("t1", takeBoth, [a, b]);
}

/** Everybody takes the left fork first. */
export function philosophers(n: number): (m: Machine) => void {
  return (m) => {
    const forks = Array.from({ length: n }, (_, i) => mutex(`fork${i}`, "fork"));
    forks.forEach((fork, i) => {
      m.spawn(`p${i}`, takeBoth, [fork, forks[(i + 1) % n]]);
    });
  };
}

function* reclaimOther(own: Mutex, other: Mutex, page: Cell): Task {
  yield* lock(own);
  yield* touch(page);
  const there = page.value === 1;
  page.value = 0;
  if (there) {
    yield* lock(other);
    yield* unlock(other);
  }
  yield* unlock(own);
}

/** Two processes, each holding its object while it reclaims a page of the other's. */
export function crossing(m: Machine): void {
  const a = mutex("objA");
  const b = mutex("objB");
  const pageA = cell("pageA", 1);
  const pageB = cell("pageB", 1);
  m.spawn("A", reclaimOther, [a, b, pageB]);
  m.spawn("B", reclaimOther, [b, a, pageA]);
}

function* reclaimTry(own: Mutex, other: Mutex, page: Cell): Task {
  yield* lock(own);
  yield* touch(page);
  const there = page.value === 1;
  page.value = 0;
  if (there) {
    if (yield* trylock(other)) yield* unlock(other);
    else yield* writeOnce(page, 1);
  }
  yield* unlock(own);
}

/** The same with a trylock: never a deadlock, 7 traces. */
export function crossingTry(m: Machine): void {
  const a = mutex("objA");
  const b = mutex("objB");
  const pageA = cell("pageA", 1);
  const pageB = cell("pageB", 1);
  m.spawn("A", reclaimTry, [a, b, pageB]);
  m.spawn("B", reclaimTry, [b, a, pageA]);
}

/** mmu_interval_notifier in the form that was counted: `subs` is invalidate_seq * 16 + number of active invalidations. */
interface Interval {
  readonly subsLock: Mutex;
  readonly subs: Cell;
  readonly pte: Cell;
  readonly device: readonly Mutex[];
  readonly seq: readonly Cell[];
  readonly map: readonly Cell[];
}

function* invalidate(s: Interval, checked: boolean): Task {
  yield* lock(s.subsLock);
  yield* touch(s.subs);
  s.subs.value = (((s.subs.value >> 4) | 1) << 4) | ((s.subs.value & 15) + 1);
  const seq = s.subs.value >> 4;
  yield* unlock(s.subsLock);
  for (let d = 0; d < s.device.length; d++) {
    yield* lock(s.device[d]);
    yield* writeOnce(s.seq[d], seq);
    yield* writeOnce(s.map[d], 0);
    yield* unlock(s.device[d]);
  }
  if (checked) {
    for (let d = 0; d < s.device.length; d++) {
      const mapped = yield* readOnce(s.map[d]);
      assert(mapped === 0, "device still maps the page");
    }
  }
  yield* touch(s.pte);
  s.pte.value++;
  yield* lock(s.subsLock);
  yield* touch(s.subs);
  s.subs.value--;
  if ((s.subs.value & 15) === 0) s.subs.value += 16;
  yield* unlock(s.subsLock);
}

/** Checks the sequence before it takes the lock: the classic mistake. */
function* mapTooEarly(s: Interval, d: number): Task {
  yield* lock(s.subsLock);
  const seq = yield* readOnce(s.seq[d]);
  const subs = yield* readOnce(s.subs);
  yield* unlock(s.subsLock);
  if (seq === subs >> 4) yield* until(() => s.subs.value >> 4 !== seq);
  const page = yield* readOnce(s.pte);
  const now = yield* readOnce(s.seq[d]);
  if (now !== seq) return;
  yield* lock(s.device[d]);
  yield* writeOnce(s.map[d], page);
  yield* unlock(s.device[d]);
}

function* mapWithRetry(s: Interval, d: number, retries: number): Task {
  for (let i = 0; i < retries; i++) {
    yield* lock(s.subsLock);
    const seq = yield* readOnce(s.seq[d]);
    const subs = yield* readOnce(s.subs);
    yield* unlock(s.subsLock);
    if (seq === subs >> 4) yield* until(() => s.subs.value >> 4 !== seq);
    const page = yield* readOnce(s.pte);
    yield* lock(s.device[d]);
    const now = yield* readOnce(s.seq[d]);
    if (now !== seq) {
      yield* unlock(s.device[d]);
      continue;
    }
    yield* writeOnce(s.map[d], page);
    yield* unlock(s.device[d]);
    return;
  }
}

function intervalState(devices: number): Interval {
  const each = Array.from({ length: devices }, (_, d) => d);
  return {
    subsLock: mutex("subs.lock"),
    subs: cell("subs", 2 << 4),
    pte: cell("pte", 1),
    device: each.map((d) => mutex(`device${d}.lock`, "device.lock")),
    seq: each.map((d) => cell(`device${d}.seq`, 1)),
    map: each.map((d) => cell(`device${d}.map`, 0)),
  };
}

export function intervalBug(devices: number, invalidators: number): (m: Machine) => void {
  return (m) => {
    const s = intervalState(devices);
    for (let i = 0; i < invalidators; i++) m.spawn(`inv${i}`, invalidate, [s, true]);
    for (let d = 0; d < devices; d++) m.spawn(`dev${d}`, mapTooEarly, [s, d]);
  };
}

export function interval(devices: number, invalidators: number, retries = 2): (m: Machine) => void {
  return (m) => {
    const s = intervalState(devices);
    for (let i = 0; i < invalidators; i++) m.spawn(`inv${i}`, invalidate, [s, false]);
    for (let d = 0; d < devices; d++) m.spawn(`dev${d}`, mapWithRetry, [s, d, retries]);
  };
}

function* readIt(x: Cell): Task {
  yield* readOnce(x);
}

function* writeIt(x: Cell, value: number): Task {
  yield* writeOnce(x, value);
}

/** 2^n traces. */
export function readers(n: number): (m: Machine) => void {
  return (m) => {
    const x = cell("x");
    m.spawn("writer", writeIt, [x, 42]);
    for (let i = 0; i < n; i++) m.spawn(`reader${i}`, readIt, [x]);
  };
}

function* copyUp(from: Cell, to: Cell): Task {
  const v = yield* readOnce(from);
  yield* writeOnce(to, v + 1);
}

function* findZero(cells: readonly Cell[]): Task {
  let i = cells.length - 1;
  while ((yield* readOnce(cells[i])) !== 0) i--;
}

/** (n + 3) 2^(n - 2) traces. */
export function lastZero(n: number): (m: Machine) => void {
  return (m) => {
    const cells = Array.from({ length: n + 1 }, (_, i) => cell(`a${i}`));
    m.spawn("reader", findZero, [cells]);
    for (let j = 0; j < n; j++) m.spawn(`writer${j}`, copyUp, [cells[j], cells[j + 1]]);
  };
}
