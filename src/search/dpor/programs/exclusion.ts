/** Mutual exclusion written out with plain accesses; waiting is a bounded loop, an await, or giving up. */
import {
  assert,
  type Cell,
  cell,
  cmpxchg,
  exchange,
  fetchAdd,
  lock,
  mutex,
  never,
  readOnce,
  type Task,
  unlock,
  until,
  writeOnce,
} from "../../../machine/api.ts";
import { cells, type Setup } from "./classic.ts";

/** The critical section: who writes and reads something else has company. */
function* critical(x: Cell, id: number): Task {
  yield* writeOnce(x, id);
  assert((yield* readOnce(x)) === id, "two tasks are inside");
}

/** Reads up to `tries` times until the value is below `bound`. */
function* seenBelow(c: Cell, bound: number, tries: number): Task<boolean> {
  for (let i = 0; i < tries; i++) if ((yield* readOnce(c)) < bound) return true;
  return false;
}

function* seenEqual(c: Cell, value: number, tries: number): Task<boolean> {
  for (let i = 0; i < tries; i++) if ((yield* readOnce(c)) === value) return true;
  return false;
}

export const dekker_f = (): Setup => (m) => {
  const x = cell("x");
  const y = cell("y");
  const c = cell("c");
  function* enter(mine: Cell, other: Cell, v: number): Task {
    yield* writeOnce(mine, 1);
    if ((yield* readOnce(other)) === 0) {
      yield* writeOnce(c, v);
      yield* readOnce(c);
    }
  }
  m.spawn("t0", enter, [y, x, 1]);
  m.spawn("t1", enter, [x, y, 0]);
};

/** One round; who would have to wait is stuck for ever. */
export const peterson1 = (): Setup => (m) => {
  const f = cells(2, "f");
  const turn = cell("turn");
  const x = cell("x");
  function* enter(t: number): Task {
    yield* writeOnce(f[t], 1);
    yield* writeOnce(turn, 1 - t);
    if ((yield* readOnce(f[1 - t])) === 1) {
      if ((yield* readOnce(turn)) === 1 - t) yield* never();
    }
    yield* writeOnce(x, t);
    yield* readOnce(x);
    yield* writeOnce(f[t], 0);
  }
  for (let t = 0; t < 2; t++) m.spawn(`t${t}`, enter, [t]);
};

export const peterson =
  (rounds: number): Setup =>
  (m) => {
    const f = cells(2, "f");
    const turn = cell("turn");
    const x = cell("x");
    function* mayEnter(t: number): Task<boolean> {
      for (let i = 0; i < rounds; i++) {
        const other = yield* readOnce(f[1 - t]);
        const whose = yield* readOnce(turn);
        if (other !== 1 || whose !== 1 - t) return true;
      }
      return false;
    }
    function* enter(t: number): Task {
      for (let j = 0; j < rounds; j++) {
        yield* writeOnce(f[t], 1);
        yield* writeOnce(turn, 1 - t);
        if (!(yield* mayEnter(t))) return;
        yield* critical(x, t + 1);
        yield* writeOnce(f[t], 0);
      }
    }
    for (let t = 0; t < 2; t++) m.spawn(`t${t}`, enter, [t]);
  };

export const dekker =
  (rounds: number): Setup =>
  (m) => {
    const f = cells(2, "f");
    const turn = cell("turn");
    const x = cell("x");
    function* mayEnter(t: number): Task<boolean> {
      for (let i = 0; i < rounds; i++) {
        if ((yield* readOnce(f[1 - t])) === 0) return true;
        if ((yield* readOnce(turn)) !== t) {
          yield* writeOnce(f[t], 0);
          if (!(yield* seenEqual(turn, t, rounds))) return false;
          yield* writeOnce(f[t], 1);
        }
      }
      return false;
    }
    function* enter(t: number): Task {
      for (let j = 0; j < rounds; j++) {
        yield* writeOnce(f[t], 1);
        if (!(yield* mayEnter(t))) return;
        yield* critical(x, t + 1);
        yield* writeOnce(turn, 1 - t);
        yield* writeOnce(f[t], 0);
      }
    }
    for (let t = 0; t < 2; t++) m.spawn(`t${t}`, enter, [t]);
  };

export const szymanski =
  (rounds: number): Setup =>
  (m) => {
    const f = cells(2, "f");
    const x = cell("x");
    function* lastDoor(other: Cell): Task<boolean> {
      for (let i = 0; i < rounds; i++) {
        if ((yield* readOnce(other)) < 2) return true;
        if ((yield* readOnce(other)) > 3) return true;
      }
      return false;
    }
    function* enter(t: number): Task {
      const me = f[t];
      const other = f[1 - t];
      for (let j = 0; j < rounds; j++) {
        yield* writeOnce(me, 1);
        if (!(yield* seenBelow(other, 3, rounds))) return;
        yield* writeOnce(me, 3);
        if ((yield* readOnce(other)) === 1) {
          yield* writeOnce(me, 2);
          if (!(yield* seenEqual(other, 4, rounds))) return;
        }
        yield* writeOnce(me, 4);
        if (!(yield* seenBelow(other, 2, rounds))) return;
        yield* critical(x, t + 1);
        if (!(yield* lastDoor(other))) return;
        yield* writeOnce(me, 0);
      }
    }
    for (let t = 0; t < 2; t++) m.spawn(`t${t}`, enter, [t]);
  };

/** With awaits. */
export const szymanski1 =
  (rounds: number): Setup =>
  (m) => {
    const f = cells(2, "f");
    const x = cell("x");
    function* enter(t: number): Task {
      const me = f[t];
      const other = f[1 - t];
      for (let r = 0; r < rounds; r++) {
        yield* writeOnce(me, 1);
        yield* until(() => other.value < 3);
        yield* writeOnce(me, 3);
        if ((yield* readOnce(other)) === 1) {
          yield* writeOnce(me, 2);
          yield* until(() => other.value === 4);
        }
        yield* writeOnce(me, 4);
        yield* until(() => other.value < 2);
        yield* writeOnce(x, t);
        yield* readOnce(x);
        yield* readOnce(x);
        if ((yield* readOnce(other)) >= 2) yield* until(() => other.value > 3);
        yield* writeOnce(me, 0);
      }
    }
    for (let t = 0; t < 2; t++) m.spawn(`t${t}`, enter, [t]);
  };

/** Lamport's fast mutex for two tasks, with bounded loops. */
export const lamport2 =
  (rounds: number): Setup =>
  (m) => {
    const x = cell("x");
    const y = cell("y");
    const b = cells(2, "b");
    const v = cell("v");
    function* mayEnter(id: number): Task<boolean> {
      const me = b[id - 1];
      const other = b[2 - id];
      for (let i = 0; i < rounds; i++) {
        yield* writeOnce(me, 1);
        yield* writeOnce(x, id);
        if ((yield* readOnce(y)) !== 0) {
          yield* writeOnce(me, 0);
          if (!(yield* seenEqual(y, 0, rounds))) return false;
          continue;
        }
        yield* writeOnce(y, id);
        if ((yield* readOnce(x)) !== id) {
          yield* writeOnce(me, 0);
          if (!(yield* seenBelow(other, 1, rounds))) return false;
          if ((yield* readOnce(y)) !== id) {
            if (!(yield* seenEqual(y, 0, rounds))) return false;
            continue;
          }
        }
        return true;
      }
      return false;
    }
    function* enter(id: number): Task {
      for (let j = 0; j < rounds; j++) {
        if (!(yield* mayEnter(id))) return;
        yield* critical(v, id);
        yield* writeOnce(y, 0);
        yield* writeOnce(b[id - 1], 0);
      }
    }
    for (let t = 0; t < 2; t++) m.spawn(`t${t}`, enter, [t + 1]);
  };

/** Lamport's fast mutex 2 for `n` tasks, with awaits; with a critical section or without. */
const lamport =
  (n: number, inside: boolean): Setup =>
  (m) => {
    const x = cell("x");
    const y = cell("y");
    const c = cell("c");
    const b = cells(n, "b");
    function* enter(id: number): Task {
      for (;;) {
        yield* writeOnce(b[id - 1], 1);
        yield* writeOnce(x, id);
        if ((yield* readOnce(y)) !== 0) {
          yield* writeOnce(b[id - 1], 0);
          yield* until(() => y.value === 0);
          continue;
        }
        yield* writeOnce(y, id);
        if ((yield* readOnce(x)) === id) break;
        yield* writeOnce(b[id - 1], 0);
        for (let j = 0; j < n; j++) yield* until(() => b[j].value === 0);
        if ((yield* readOnce(y)) === id) break;
        yield* until(() => y.value === 0);
      }
      if (inside) yield* critical(c, id);
      yield* writeOnce(y, 0);
      yield* writeOnce(b[id - 1], 0);
    }
    for (let t = 0; t < n; t++) m.spawn(`t${t}`, enter, [t + 1]);
  };

export const lamportGenmc = (n: number): Setup => lamport(n, false);
export const lamportN = (n: number): Setup => lamport(n, true);

export const ticketlock =
  (n: number): Setup =>
  (m) => {
    const next = cell("next");
    const owner = cell("owner");
    const c = cell("c");
    function* enter(): Task {
      const k = yield* fetchAdd(next, 1);
      yield* until(() => owner.value === k);
      const v = yield* readOnce(c);
      yield* writeOnce(c, v + 1);
      const o = yield* readOnce(owner);
      yield* writeOnce(owner, o + 1);
    }
    for (let t = 0; t < n; t++) m.spawn(`t${t}`, enter, []);
  };

export const mcslock =
  (n: number): Setup =>
  (m) => {
    const tail = cell("tail");
    const c = cell("c");
    const next = cells(n + 1, "next");
    const waits = cells(n + 1, "waits");
    function* enter(id: number): Task {
      yield* writeOnce(next[id], 0);
      yield* writeOnce(waits[id], 1);
      const before = yield* exchange(tail, id);
      if (before !== 0) {
        yield* writeOnce(next[before], id);
        yield* until(() => waits[id].value === 0);
      }
      const v = yield* readOnce(c);
      yield* writeOnce(c, v + 1);
      if ((yield* readOnce(next[id])) === 0) {
        if ((yield* cmpxchg(tail, id, 0)) === id) return;
        yield* until(() => next[id].value !== 0);
      }
      const successor = yield* readOnce(next[id]);
      yield* writeOnce(waits[successor], 0);
    }
    for (let t = 0; t < n; t++) m.spawn(`t${t}`, enter, [t + 1]);
  };

/** Test and test-and-set. */
export const spinlock_await =
  (n: number): Setup =>
  (m) => {
    const l = cell("l");
    const c = cell("c");
    function* enter(): Task {
      do yield* until(() => l.value === 0);
      while ((yield* cmpxchg(l, 0, 1)) !== 0);
      const v = yield* readOnce(c);
      yield* writeOnce(c, v + 1);
      yield* writeOnce(l, 0);
    }
    for (let t = 0; t < n; t++) m.spawn(`t${t}`, enter, []);
  };

export const mutex_counter =
  (n: number): Setup =>
  (m) => {
    const c = cell("c");
    const l = mutex("m");
    function* count(): Task {
      yield* lock(l);
      const v = yield* readOnce(c);
      yield* writeOnce(c, v + 1);
      yield* unlock(l);
    }
    for (let t = 0; t < n; t++) m.spawn(`t${t}`, count, []);
  };

export const bounded_buffer =
  (n: number, capacity: number): Setup =>
  (m) => {
    const count = cell("count");
    function* produce(): Task {
      for (let i = 0; i < n; i++) {
        yield* until(() => count.value < capacity);
        yield* fetchAdd(count, 1);
      }
    }
    function* consume(): Task {
      for (let i = 0; i < n; i++) {
        yield* until(() => count.value > 0);
        yield* fetchAdd(count, -1);
      }
    }
    m.spawn("producer", produce, []);
    m.spawn("consumer", consume, []);
  };
