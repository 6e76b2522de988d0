import { expect, test } from "vitest";
import {
  choose,
  lock,
  type Machine,
  mutex,
  progress,
  readOnce,
  type Task,
  trylock,
  unlock,
  until,
  writeOnce,
} from "../index.ts";
import { type Cell, cell } from "../machine/cell.ts";
import { cpu } from "../machine/cpu.ts";
import { type Mutex, spinlock } from "../machine/mutex.ts";
import { findLivelock, type Lasso } from "./liveness.ts";
import { onMachine, setupProgram } from "./program.ts";

function look(setup: (m: Machine) => void): Lasso | null | "unknown" {
  return onMachine(setupProgram(setup), {}, (m) => findLivelock(m, 10_000, () => false));
}

function* pollFor(c: Cell, wanted: number): Task {
  while ((yield* readOnce(c)) !== wanted) {
    // polls
  }
}

function* set(c: Cell, value: number): Task {
  yield* writeOnce(c, value);
}

function* toggle(c: Cell, marked: boolean): Task {
  for (;;) {
    yield* writeOnce(c, 1);
    if (marked) progress();
    yield* writeOnce(c, 0);
  }
}

function* waitFor(c: Cell, wanted: number): Task {
  yield* until(() => c.value === wanted);
}

/** Holds `mine` and retries for `other` without ever letting go: two of them block each other for ever. */
function* stubborn(mine: Mutex, other: Mutex): Task {
  yield* lock(mine);
  while (!(yield* trylock(other))) {
    // tries again
  }
  yield* unlock(other);
  yield* unlock(mine);
}

/** The write inside makes the lock be seen held, so who wants it is not always able to go on. */
function* takeForEver(a: Mutex, c: Cell): Task {
  for (;;) {
    yield* lock(a);
    yield* writeOnce(c, 0);
    yield* unlock(a);
  }
}

function* takeOnce(a: Mutex): Task {
  yield* lock(a);
  yield* unlock(a);
}

function* holdAndSpin(a: Mutex, c: Cell): Task {
  yield* lock(a);
  for (;;) yield* writeOnce(c, 0);
}

function* hopeful(): Task {
  while ((yield* choose(2)) === 0) {
    // the environment may say no for a while
  }
}

test("polling for what somebody will write ends under weak fairness", () => {
  expect(
    look((m) => {
      const c = cell("c");
      m.spawn("poller", pollFor, [c, 1]);
      m.spawn("writer", set, [c, 1]);
    }),
  ).toBeNull();
});

test("polling for what nobody writes is a livelock, shown as a lasso that can be replayed", () => {
  const setup = (m: Machine): void => {
    const c = cell("c");
    m.spawn("poller", pollFor, [c, 1]);
    m.spawn("writer", set, [c, 2]);
  };
  const lasso = look(setup);
  if (lasso === null || lasso === "unknown") throw new Error("no lasso");
  expect(lasso.starving).toEqual([0]);
  onMachine(setupProgram(setup), {}, (m) => {
    for (const d of lasso.stem) m.step(d.task, d.choice);
    const before = m.snapshot();
    for (const d of lasso.cycle) m.step(d.task, d.choice);
    expect(m.snapshot()).toEqual(before);
  });
});

test("two trylock loops that hold what the other wants", () => {
  const lasso = look((m) => {
    const a = mutex("a");
    const b = mutex("b");
    m.spawn("t1", stubborn, [a, b]);
    m.spawn("t2", stubborn, [b, a]);
  });
  if (lasso === null || lasso === "unknown") throw new Error("no lasso");
  expect(lasso.starving).toEqual([0, 1]);
  expect(new Set(lasso.cycle.map((d) => d.task))).toEqual(new Set([0, 1]));
});

test("waiters of a lock queue: a loop that takes it again and again starves nobody", () => {
  const lasso = look((m) => {
    const a = mutex("a");
    m.spawn("daemon", takeForEver, [a, cell("c")], { daemon: true });
    m.spawn("once", takeOnce, [a]);
  });
  expect(lasso).toBeNull();
});

test("but who wants a lock of a loop that never lets go starves", () => {
  const lasso = look((m) => {
    const a = mutex("a");
    m.spawn("daemon", holdAndSpin, [a, cell("c")], { daemon: true });
    m.spawn("once", takeOnce, [a]);
  });
  expect(lasso).not.toBeNull();
});

test("a choice that the environment makes again and again comes out every way some day", () => {
  expect(look((m) => void m.spawn("hopeful", hopeful, []))).toBeNull();
});

test("a daemon that never ends is no livelock by itself, but a task that it starves is", () => {
  const c = (m: Machine): Cell => m.keep(cell("c"));
  expect(look((m) => void m.spawn("daemon", toggle, [c(m), false], { daemon: true }))).toBeNull();
  const starved = (marked: boolean) =>
    look((m) => {
      const x = c(m);
      m.spawn("daemon", toggle, [x, marked], { daemon: true });
      m.spawn("waiter", waitFor, [x, 7]);
    });
  expect(starved(false)).not.toBeNull();
  expect(starved(true)).toBeNull();
});

/** Polls under a spinlock, so that now and then nobody may take its CPU. */
function* pollAtomically(l: Mutex, c: Cell): Task {
  for (let seen = 0; seen === 0; ) {
    yield* lock(l);
    seen = yield* readOnce(c);
    yield* unlock(l);
  }
}

test("a preemptive CPU is had some day, also when it cannot be had all the time", () => {
  const polls = (preemptive: boolean) =>
    look((m) => {
      const c = cell("c");
      const cpu0 = cpu("cpu0", { preemptive });
      m.spawn("polls", pollAtomically, [spinlock("l"), c], { cpu: cpu0 });
      m.spawn("sets", set, [c, 1], { cpu: cpu0 });
    });
  expect(polls(true)).toBe(null);
  expect(polls(false)).toMatchObject({ starving: [0, 1] });
});
