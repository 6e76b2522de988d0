/** Programs with known numbers of traces, from the literature on partial-order reduction and from litmus tests. */
import {
  type Cell,
  cell,
  cmpxchg,
  fetchAdd,
  lock,
  type Machine,
  mutex,
  readOnce,
  spawn,
  type Task,
  unlock,
  writeOnce,
} from "../../../machine/api.ts";

/** Sets up the machine for one size of a program. */
export type Setup = (m: Machine) => void;

export const cells = (n: number, name: string, initial = 0): Cell[] =>
  Array.from({ length: n }, (_, i) => cell(`${name}${i}`, initial));

function* read(c: Cell): Task {
  yield* readOnce(c);
}

function* write(c: Cell, value: number): Task {
  yield* writeOnce(c, value);
}

function* addOne(c: Cell): Task {
  yield* fetchAdd(c, 1);
}

/** Not atomic. */
function* increment(c: Cell): Task {
  const v = yield* readOnce(c);
  yield* writeOnce(c, v + 1);
}

function* writeTwo(a: Cell, va: number, b: Cell, vb: number): Task {
  yield* writeOnce(a, va);
  yield* writeOnce(b, vb);
}

function* readTwo(a: Cell, b: Cell): Task {
  yield* readOnce(a);
  yield* readOnce(b);
}

export const readers =
  (n: number): Setup =>
  (m) => {
    const x = cell("x");
    m.spawn("writer", write, [x, 42]);
    for (let i = 0; i < n; i++) m.spawn(`reader${i}`, read, [x]);
  };

export const lastzero =
  (n: number): Setup =>
  (m) => {
    const a = cells(n + 1, "a");
    function* search(): Task {
      let i = n;
      while ((yield* readOnce(a[i])) !== 0) i--;
    }
    function* count(j: number): Task {
      const v = yield* readOnce(a[j]);
      yield* writeOnce(a[j + 1], v + 1);
    }
    m.spawn("search", search, []);
    for (let j = 0; j < n; j++) m.spawn(`count${j}`, count, [j]);
  };

/** Flanagan and Godefroid's file system: `n` tasks, `inodes`, `blocks`. */
export const filesystem =
  (n: number, inodes = 32, blocks = 26): Setup =>
  (m) => {
    const inode = cells(inodes, "inode");
    const busy = cells(blocks, "busy");
    const inodeLock = inode.map((_, i) => mutex(`li${i}`));
    const blockLock = busy.map((_, i) => mutex(`lb${i}`));
    function* create(t: number): Task {
      const i = t % inodes;
      yield* lock(inodeLock[i]);
      if ((yield* readOnce(inode[i])) === 0) {
        let b = (i * 2) % blocks;
        for (let j = 0; j < 10; j++) {
          yield* lock(blockLock[b]);
          if ((yield* readOnce(busy[b])) === 0) {
            yield* writeOnce(busy[b], 1);
            yield* writeOnce(inode[i], b + 1);
            yield* unlock(blockLock[b]);
            break;
          }
          yield* unlock(blockLock[b]);
          b = (b + 1) % blocks;
        }
      }
      yield* unlock(inodeLock[i]);
    }
    for (let t = 0; t < n; t++) m.spawn(`t${t}`, create, [t]);
  };

/** Flanagan and Godefroid's hash table, with a mutex for each of its 128 places. */
export const indexer =
  (n: number): Setup =>
  (m) => {
    const size = 128;
    const table = cells(size, "table");
    const locks = table.map((_, i) => mutex(`m${i}`));
    function* insert(t: number): Task {
      for (let k = 1; k <= 4; k++) {
        const w = k * 11 + t;
        let h = (w * 7) % size;
        for (;;) {
          let ok = false;
          yield* lock(locks[h]);
          if ((yield* readOnce(table[h])) === 0) {
            yield* writeOnce(table[h], w);
            ok = true;
          }
          yield* unlock(locks[h]);
          if (ok) break;
          h = (h + 1) % size;
        }
      }
    }
    for (let t = 0; t < n; t++) m.spawn(`t${t}`, insert, [t]);
  };

function fibonacci(n: number): { i: Cell; j: Cell; left: () => Task; right: () => Task } {
  const i = cell("i", 1);
  const j = cell("j", 1);
  function* left(): Task {
    for (let k = 0; k < n; k++) {
      const a = yield* readOnce(i);
      const b = yield* readOnce(j);
      yield* writeOnce(i, a + b);
    }
  }
  function* right(): Task {
    for (let k = 0; k < n; k++) {
      const a = yield* readOnce(j);
      const b = yield* readOnce(i);
      yield* writeOnce(j, a + b);
    }
  }
  return { i, j, left, right };
}

export const fib_bench =
  (n: number): Setup =>
  (m) => {
    const { left, right } = fibonacci(n);
    m.spawn("left", left, []);
    m.spawn("right", right, []);
  };

export const fib_bench_main =
  (n: number): Setup =>
  (m) => {
    const { i, j, left, right } = fibonacci(n);
    function* main(): Task {
      spawn(left);
      spawn(right);
      yield* readOnce(i);
      yield* readOnce(j);
    }
    m.spawn("main", main, [], { children: 2 });
  };

export const exponential_bug =
  (n: number): Setup =>
  (m) => {
    const x = cell("x");
    const y = cell("y");
    const l = mutex("l");
    function* first(): Task {
      for (let r = 0; r < 2; r++) {
        yield* lock(l);
        yield* writeOnce(x, 1);
        for (let i = 0; i < n; i++) yield* writeOnce(y, 1);
        yield* unlock(l);
      }
    }
    function* second(): Task {
      for (let r = 0; r < 2; r++) {
        yield* lock(l);
        yield* writeOnce(x, 0);
        yield* unlock(l);
        if ((yield* readOnce(x)) > 0) {
          const v = yield* readOnce(y);
          yield* writeOnce(y, v + 1);
          yield* writeOnce(x, 2);
        }
      }
    }
    function* third(): Task {
      for (let r = 0; r < 2; r++) {
        if ((yield* readOnce(x)) > 1) {
          if ((yield* readOnce(y)) === 3) return;
          yield* writeOnce(y, 2);
        }
      }
    }
    m.spawn("first", first, []);
    m.spawn("second", second, []);
    m.spawn("third", third, []);
  };

export const sigma =
  (n: number): Setup =>
  (m) => {
    const index = cell("index", -1);
    const a = cells(n, "a");
    function* child(): Task {
      const k = yield* readOnce(index);
      yield* writeOnce(a[k], 1);
    }
    function* main(): Task {
      for (let i = 0; i < n; i++) {
        const v = yield* readOnce(index);
        yield* writeOnce(index, v + 1);
        spawn(child);
      }
    }
    m.spawn("main", main, [], { children: n });
  };

export const lastwrite =
  (n: number): Setup =>
  (m) => {
    const x = cell("x");
    for (let i = 0; i < n; i++) m.spawn(`w${i}`, write, [x, i + 1]);
  };

export const floating_read =
  (n: number): Setup =>
  (m) => {
    const x = cell("x");
    m.spawn("reader", read, [x]);
    for (let i = 0; i < n; i++) m.spawn(`w${i}`, write, [x, i + 1]);
  };

export const ainc =
  (n: number): Setup =>
  (m) => {
    const x = cell("x");
    for (let i = 0; i < n; i++) m.spawn(`t${i}`, addOne, [x]);
  };

/** Each of `n` tasks adds to each of `k` cells in turn. */
const addEach =
  (n: number, k: number): Setup =>
  (m) => {
    const c = cells(k, "c");
    function* add(): Task {
      for (let i = 0; i < k; i++) yield* fetchAdd(c[i], 1);
    }
    for (let i = 0; i < n; i++) m.spawn(`t${i}`, add, []);
  };

export const binc = (n: number): Setup => addEach(n, 2);
export const cinc = (n: number): Setup => addEach(n, 3);

export const inc =
  (n: number): Setup =>
  (m) => {
    const x = cell("x");
    for (let i = 0; i < n; i++) m.spawn(`t${i}`, increment, [x]);
  };

export const CoA =
  (n: number): Setup =>
  (m) => {
    const x = cell("x");
    const y = cell("y");
    const z = cell("z");
    function* writeThenRead(v: number, other: Cell): Task {
      yield* writeOnce(x, v);
      yield* readOnce(other);
      yield* readOnce(x);
    }
    m.spawn("t1", writeThenRead, [1, y]);
    m.spawn("t2", writeThenRead, [2, z]);
    for (let i = 0; i < n - 1; i++) m.spawn(`w${i}`, writeTwo, [y, i, z, i]);
  };

export const casrot =
  (n: number): Setup =>
  (m) => {
    const x = cell("x");
    function* rotate(i: number): Task {
      yield* cmpxchg(x, i, i + 1);
    }
    for (let i = 0; i < n; i++) m.spawn(`t${i}`, rotate, [i]);
  };

export const casw =
  (n: number): Setup =>
  (m) => {
    const x = cell("x");
    function* swapAndWrite(i: number): Task {
      yield* cmpxchg(x, 0, 1);
      yield* writeOnce(x, i + 3);
    }
    for (let i = 0; i < n; i++) m.spawn(`t${i}`, swapAndWrite, [i]);
  };

export const wcas =
  (n: number): Setup =>
  (m) => {
    const x = cell("x");
    function* swap(): Task {
      yield* cmpxchg(x, 2, 3);
    }
    m.spawn("writer", write, [x, 2]);
    for (let i = 0; i < n; i++) m.spawn(`t${i}`, swap, []);
  };

/** Store buffering in a ring. */
export const SB =
  (n: number): Setup =>
  (m) => {
    const x = cells(n, "x");
    function* storeAndLoad(mine: Cell, next: Cell): Task {
      yield* writeOnce(mine, 1);
      yield* readOnce(next);
    }
    for (let i = 0; i < n; i++) m.spawn(`t${i}`, storeAndLoad, [x[i], x[(i + 1) % n]]);
  };

/** Message passing. */
export const MP = (): Setup => (m) => {
  const d = cell("data");
  const f = cell("flag");
  m.spawn("sender", writeTwo, [d, 1, f, 1]);
  m.spawn("receiver", readTwo, [f, d]);
};

export const twoPlusTwoW = (): Setup => (m) => {
  const x = cell("x");
  const y = cell("y");
  m.spawn("t1", writeTwo, [x, 1, y, 2]);
  m.spawn("t2", writeTwo, [y, 1, x, 2]);
};

/** Independent reads of independent writes. */
export const IRIW = (): Setup => (m) => {
  const x = cell("x");
  const y = cell("y");
  m.spawn("w1", write, [x, 1]);
  m.spawn("w2", write, [y, 1]);
  m.spawn("r1", readTwo, [x, y]);
  m.spawn("r2", readTwo, [y, x]);
};
