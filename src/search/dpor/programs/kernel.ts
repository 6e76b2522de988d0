/** Locks, deadlocks, and protocols of the kernel in small. */
import {
  assert,
  type Cell,
  cell,
  exchange,
  fetchAdd,
  lock,
  type Machine,
  type Mutex,
  mutex,
  readOnce,
  type Task,
  touch,
  trylock,
  unlock,
  until,
  writeOnce,
} from "../../../machine/api.ts";
import { downRead, downWrite, rwsem, upRead, upWrite } from "../../../machine/rwsem.ts";
import { cells, type Setup } from "./classic.ts";

function* takeBoth(a: Mutex, b: Mutex, rounds: number): Task {
  for (let r = 0; r < rounds; r++) {
    yield* lock(a);
    yield* lock(b);
    yield* unlock(b);
    yield* unlock(a);
  }
}

export const abba = (): Setup => (m) => {
  const a = mutex("a");
  const b = mutex("b");
  m.spawn("t1", takeBoth, [a, b, 1]);
  m.spawn("t2", takeBoth, [b, a, 1]);
};

export const abba_same = (): Setup => (m) => {
  const a = mutex("a");
  const b = mutex("b");
  m.spawn("t1", takeBoth, [a, b, 1]);
  m.spawn("t2", takeBoth, [a, b, 1]);
};

const table = (m: Machine, n: number, rounds: number, forks: (i: number) => readonly [number, number]): void => {
  const f = Array.from({ length: n }, (_, i) => mutex(`fork${i}`));
  for (let i = 0; i < n; i++) {
    const [a, b] = forks(i);
    m.spawn(`philosopher${i}`, takeBoth, [f[a], f[b], rounds]);
  }
};

export const philosophers =
  (n: number, rounds = 1): Setup =>
  (m) =>
    table(m, n, rounds, (i) => [i, (i + 1) % n]);

export const philosophers_ordered =
  (n: number, rounds = 1): Setup =>
  (m) =>
    table(m, n, rounds, (i) => [Math.min(i, (i + 1) % n), Math.max(i, (i + 1) % n)]);

/** Readers and writers of one semaphore that keep no queue. */
export const rwlock =
  (readers: number, writers: number): Setup =>
  (m) => {
    const s = rwsem("s");
    function* write(): Task {
      yield* downWrite(s);
      yield* upWrite(s);
    }
    function* read(): Task {
      yield* downRead(s);
      yield* upRead(s);
    }
    for (let i = 0; i < writers; i++) m.spawn(`writer${i}`, write, []);
    for (let i = 0; i < readers; i++) m.spawn(`reader${i}`, read, []);
  };

/** An object's mutex, taken again by the invalidation that an allocation under it leads to. */
const recursion =
  (n: number, tries: boolean): Setup =>
  (m) => {
    const object = mutex("object");
    const lru = cell("lru", 1);
    function* invalidate(): Task {
      if (!tries) {
        yield* lock(object);
        yield* unlock(object);
      } else if (yield* trylock(object)) yield* unlock(object);
      else yield* writeOnce(lru, 1);
    }
    function* getPages(): Task {
      yield* lock(object);
      if ((yield* exchange(lru, 0)) === 1) yield* invalidate();
      yield* unlock(object);
    }
    for (let t = 0; t < n; t++) m.spawn(`t${t}`, getPages, []);
  };

export const i915_block = (n: number): Setup => recursion(n, false);
export const i915_trylock = (n: number): Setup => recursion(n, true);

/** Each of two tasks reclaims the page of the other one's object. */
const crossing =
  (tries: boolean): Setup =>
  (m) => {
    const a = mutex("a");
    const b = mutex("b");
    const pageA = cell("pageA", 1);
    const pageB = cell("pageB", 1);
    function* invalidate(object: Mutex, page: Cell): Task {
      if (!tries) {
        yield* lock(object);
        yield* unlock(object);
      } else if (yield* trylock(object)) yield* unlock(object);
      else yield* writeOnce(page, 1);
    }
    function* getPages(mine: Mutex, other: Mutex, page: Cell): Task {
      yield* lock(mine);
      if ((yield* exchange(page, 0)) === 1) yield* invalidate(other, page);
      yield* unlock(mine);
    }
    m.spawn("tA", getPages, [a, b, pageB]);
    m.spawn("tB", getPages, [b, a, pageA]);
  };

export const i915_cross = (): Setup => crossing(false);
export const i915_cross_try = (): Setup => crossing(true);

/** mmu_notifier_subscriptions in one word: sequence number << 8 | active invalidations. */
const ACTIVE = 0xff;
const sequence = (subscriptions: number): number => subscriptions >> 8;

interface Interval {
  readonly lockOfAll: Mutex;
  readonly subscriptions: Cell;
  readonly pte: Cell;
  readonly locks: Mutex[];
  readonly seen: Cell[];
  readonly mapped: Cell[];
}

function interval0(devices: number): Interval {
  return {
    lockOfAll: mutex("lock"),
    subscriptions: cell("subscriptions", 2 << 8),
    pte: cell("pte", 1),
    locks: Array.from({ length: devices }, (_, d) => mutex(`device${d}`)),
    seen: cells(devices, "seen", 1),
    mapped: cells(devices, "mapped"),
  };
}

/** mn_itree_inv_start_range; the sequence number, now odd. */
function* begin(i: Interval): Task<number> {
  yield* lock(i.lockOfAll);
  yield* touch(i.subscriptions);
  i.subscriptions.value = (i.subscriptions.value + 1) | (1 << 8);
  const now = sequence(i.subscriptions.value);
  yield* unlock(i.lockOfAll);
  return now;
}

/** mn_itree_inv_end: the last one makes the sequence number even. */
function* end(i: Interval): Task {
  yield* lock(i.lockOfAll);
  yield* touch(i.subscriptions);
  i.subscriptions.value--;
  if ((i.subscriptions.value & ACTIVE) === 0) i.subscriptions.value += 1 << 8;
  yield* unlock(i.lockOfAll);
}

function* invalidateAll(i: Interval, devices: number): Task {
  const now = yield* begin(i);
  for (let d = 0; d < devices; d++) {
    yield* lock(i.locks[d]);
    yield* writeOnce(i.seen[d], now);
    yield* writeOnce(i.mapped[d], 0);
    yield* unlock(i.locks[d]);
  }
}

/** mmu_interval_read_begin. */
function* readBegin(i: Interval, d: number): Task<number> {
  yield* lock(i.lockOfAll);
  const s = yield* readOnce(i.seen[d]);
  const all = yield* readOnce(i.subscriptions);
  yield* unlock(i.lockOfAll);
  if (s === sequence(all)) yield* until(() => sequence(i.subscriptions.value) !== s);
  return s;
}

export const interval =
  (devices: number, invalidators: number): Setup =>
  (m) => {
    const i = m.keep(interval0(devices));
    function* invalidator(): Task {
      yield* invalidateAll(i, devices);
      yield* fetchAdd(i.pte, 1);
      yield* end(i);
    }
    function* device(d: number): Task {
      for (let tries = 0; tries < 2; tries++) {
        const s = yield* readBegin(i, d);
        const p = yield* readOnce(i.pte);
        yield* lock(i.locks[d]);
        if ((yield* readOnce(i.seen[d])) === s) {
          yield* writeOnce(i.mapped[d], p);
          yield* unlock(i.locks[d]);
          return;
        }
        yield* unlock(i.locks[d]);
      }
    }
    for (let k = 0; k < invalidators; k++) m.spawn(`invalidator${k}`, invalidator, []);
    for (let d = 0; d < devices; d++) m.spawn(`device${d}`, device, [d]);
  };

/** The device looks whether to retry before it takes its lock. */
export const interval_bug =
  (devices: number, invalidators: number): Setup =>
  (m) => {
    const i = m.keep(interval0(devices));
    function* invalidator(): Task {
      yield* invalidateAll(i, devices);
      for (let d = 0; d < devices; d++) {
        assert((yield* readOnce(i.mapped[d])) === 0, "a device still maps the page");
      }
      yield* fetchAdd(i.pte, 1);
      yield* end(i);
    }
    function* device(d: number): Task {
      const s = yield* readBegin(i, d);
      const p = yield* readOnce(i.pte);
      if ((yield* readOnce(i.seen[d])) !== s) return;
      yield* lock(i.locks[d]);
      yield* writeOnce(i.mapped[d], p);
      yield* unlock(i.locks[d]);
    }
    for (let k = 0; k < invalidators; k++) m.spawn(`invalidator${k}`, invalidator, []);
    for (let d = 0; d < devices; d++) m.spawn(`device${d}`, device, [d]);
  };
