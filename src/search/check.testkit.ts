/** Small programs for the tests of check.ts. */
import {
  type Cell,
  cell,
  lock,
  type Machine,
  type Mutex,
  mutex,
  readOnce,
  type Task,
  trylock,
  unlock,
  writeOnce,
} from "../index.ts";

export function* oneWrite(c: Cell): Task {
  yield* writeOnce(c, 1);
}

export function* takeBoth(a: Mutex, b: Mutex): Task {
  yield* lock(a);
  yield* lock(b);
  yield* unlock(b);
  yield* unlock(a);
}

/** Under `gate` the order of the two locks does not matter. */
export function* takeBothGated(gate: Mutex, a: Mutex, b: Mutex): Task {
  yield* lock(gate);
  yield* takeBoth(a, b);
  yield* unlock(gate);
}

export function* stubborn(mine: Mutex, other: Mutex): Task {
  yield* lock(mine);
  while (!(yield* trylock(other))) {
    // tries again
  }
  yield* unlock(other);
  yield* unlock(mine);
}

export function* writeAndRead(mine: Cell, other: Cell, n: number): Task {
  for (let i = 1; i <= n; i++) {
    yield* writeOnce(mine, i);
    yield* readOnce(other);
  }
}

export function* oneRead(c: Cell): Task {
  yield* readOnce(c);
}

export function abba(m: Machine): void {
  const [a, b] = [mutex("a"), mutex("b")];
  m.spawn("t1", takeBoth, [a, b]);
  m.spawn("t2", takeBoth, [b, a]);
}

export function gated(m: Machine): void {
  const [gate, a, b] = [mutex("gate"), mutex("a"), mutex("b")];
  m.spawn("t1", takeBothGated, [gate, a, b]);
  m.spawn("t2", takeBothGated, [gate, b, a]);
}

/** Many states and even more traces. */
export const busy = (m: Machine): void => {
  const cells = [0, 1, 2, 3].map((i) => cell(`c${i}`));
  cells.forEach((c, i) => {
    m.spawn(`t${i}`, writeAndRead, [c, cells[(i + 1) % 4], 12]);
  });
};

/** 20 readers of one cell: 2^20 states, one trace. */
export const readers = (m: Machine): void => {
  const c = cell("c");
  for (let i = 0; i < 20; i++) m.spawn(`reader${i}`, oneRead, [c]);
};
