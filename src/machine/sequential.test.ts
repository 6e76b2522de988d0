import { expect, test } from "vitest";
import { type Cell, cell, fetchAdd, readOnce, writeOnce } from "./cell.ts";
import { column, columns } from "./columns.ts";
import type { Task } from "./core.ts";
import { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, trylock, unlock } from "./mutex.ts";
import { buildSequential, runSequentially } from "./sequential.ts";
import { until } from "./wait.ts";

function* counts(c: Cell, l: Mutex, n: number): Task {
  for (let i = 0; i < n; i++) {
    yield* lock(l);
    yield* writeOnce(c, (yield* readOnce(c)) + 1);
    yield* unlock(l);
  }
}

test("a task runs until it must wait: one step for any number of operations", () => {
  const m = buildSequential((machine) => {
    const c = cell("c");
    machine.spawn("t", counts, [c, mutex("l"), 100_000]);
    machine.atEnd("all were counted", () => c.value === 100_000);
  });
  // The first step is part of the set-up, and there was no other.
  expect(m.tasks.every((t) => !m.enabled(t.slot))).toBe(true);
  expect(runSequentially(m)).toBeNull();
});

function* waits(turn: Cell, mine: number, log: Cell): Task {
  for (let i = 0; i < 3; i++) {
    yield* until(() => turn.value === mine);
    yield* fetchAdd(log, 1);
    yield* writeOnce(turn, 1 - mine);
  }
}

test("waits that are over are none, others hand over", () => {
  const m = buildSequential((machine) => {
    const turn = cell("turn");
    const log = cell("log");
    machine.spawn("a", waits, [turn, 0, log]);
    machine.spawn("b", waits, [turn, 1, log]);
    machine.atEnd("both had their turns", () => log.value === 6);
  });
  expect(runSequentially(m)).toBeNull();
});

function* holds(l: Mutex, go: Cell): Task {
  yield* lock(l);
  yield* until(() => go.value === 1);
  yield* unlock(l);
}

function* tries(l: Mutex, go: Cell, got: Cell): Task {
  yield* writeOnce(got, (yield* trylock(l)) ? 1 : 2);
  yield* writeOnce(go, 1);
}

test("a lock that a waiting task holds is seen by trylock", () => {
  const m = buildSequential((machine) => {
    const [l, go, got] = [mutex("l"), cell("go"), cell("got")];
    machine.spawn("holder", holds, [l, go]);
    machine.spawn("other", tries, [l, go, got]);
    machine.atEnd("it was taken", () => got.value === 2);
  });
  expect(runSequentially(m)).toBeNull();
});

test("tasks that wait for ever are a deadlock", () => {
  const m = buildSequential((machine) => {
    machine.spawn("holder", holds, [mutex("l"), cell("go")]);
  });
  expect(runSequentially(m)?.verdict).toBe("deadlock");
});

function* depth(go: Cell, n: number): Task<number> {
  if (n === 0) {
    yield* until(() => go.value === 1);
    return 0;
  }
  const below = yield* depth(go, n - 1);
  return below + n;
}

function* sums(go: Cell, sum: Cell, n: number): Task {
  yield* writeOnce(sum, yield* depth(go, n));
}

function* opens(go: Cell): Task {
  yield* writeOnce(go, 1);
}

test.each([3, 20_000])("%i task functions that wait within each other go on with their own locals", (n) => {
  const m = buildSequential(
    (machine) => {
      const [go, sum] = [cell("go"), cell("sum")];
      machine.spawn("sums", sums, [go, sum, n]);
      machine.spawn("opens", opens, [go]);
      machine.atEnd("all of them were there", () => sum.value === (n * (n + 1)) / 2);
    },
    { stackWords: 200_000 },
  );
  expect(m.enabled(0)).toBe(true);
  expect(runSequentially(m)).toBeNull();
});

function* fails(n: number): Task {
  if (n > 0) throw new Error("from below");
  yield* nothing();
}

function* nothing(): Task {}

function* passesOn(n: number): Task {
  yield* fails(n);
}

function* catches(n: number, caught: Cell): Task {
  try {
    yield* passesOn(n);
  } catch {
    yield* writeOnce(caught, 1);
  }
}

test.each([false, true])("an exception does not reach the caller, sequential: %s", (sequential) => {
  let caught: Cell | undefined;
  const m = Machine.build(
    (machine) => {
      caught = cell("caught");
      machine.spawn("t", catches, [1, caught]);
    },
    { sequential },
  );
  expect(m.initialFinding?.message).toBe("uncaught Error: from below");
  expect(caught?.value).toBe(0);
});

test("columns follow the words when they move", () => {
  const m = buildSequential((machine) => {
    const few = columns("few", 10, { count: column({ ordered: "test", initial: 2 }) });
    const many = columns("many", 70_000, { x: column({ ordered: "test" }) });
    few.count[9]++;
    many.x[69_999] = 7;
    machine.atEnd("in the end", () => few.count[9] === 3 && many.x[69_999] === 7 && many.count === 70_000);
    machine.atEnd("the words", () => m.words[few.wordOf("count", 9)] === 3 && m.words[many.wordOf("x", 69_999)] === 7);
  });
  expect(runSequentially(m)).toBeNull();
});
