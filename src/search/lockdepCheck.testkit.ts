/** Task code for the tests of lockdep beside the search. */
import {
  assert,
  type Completion,
  complete,
  completedBy,
  completion,
  flushWork,
  lock,
  type Machine,
  type Mutex,
  mutex,
  point,
  queueWork,
  type Task,
  unlock,
  type Work,
  waitForCompletion,
  work,
  workqueue,
} from "../index.ts";

function* takeBoth(first: Mutex, second: Mutex, subclass: number): Task {
  yield* lock(first, subclass);
  yield* lock(second);
  yield* unlock(second);
  yield* unlock(first);
}

/** One lock taken twice; with a subclass lockdep is told that the second is another one. */
export const twice = (subclass: number) => (m: Machine) => {
  const a = mutex("a");
  m.spawn("t", takeBoth, [a, a, subclass]);
};

function* holdsAndWaits(a: Mutex, done: Completion): Task {
  yield* lock(a);
  yield* waitForCompletion(done);
  yield* unlock(a);
}
function* locksAndCompletes(a: Mutex, done: Completion): Task {
  yield* lock(a);
  yield* complete(done);
  yield* unlock(a);
}

/** A circle of a lock and a completion. */
export function waitUnderLock(m: Machine): void {
  const a = mutex("a");
  const done = completion("done");
  m.spawn("waiter", holdsAndWaits, [a, done]);
  completedBy(done, m.spawn("completer", locksAndCompletes, [a, done]));
}

function* locksBriefly(a: Mutex): Task {
  yield* lock(a);
  yield* unlock(a);
}
function* flushesUnder(a: Mutex, w: Work): Task {
  yield* queueWork(w);
  yield* lock(a);
  yield* flushWork(w);
  yield* unlock(a);
}

/** A circle of a lock and the flush of work that takes it: work has a map for lockdep. */
export function flushUnderLock(m: Machine): void {
  const a = mutex("a");
  const w = work("work", workqueue("wq"), locksBriefly, a);
  m.spawn("flusher", flushesUnder, [a, w]);
}

/** A circle that goes through a completion, while the same tasks take two locks in both orders, too. */
function* bothAndWait(gate: Mutex, a: Mutex, b: Mutex, done: Completion): Task {
  yield* lock(gate);
  yield* takeBoth(a, b, 0);
  yield* takeBoth(b, a, 0);
  yield* waitForCompletion(done);
  yield* unlock(gate);
}
export function waitAfterBothOrders(m: Machine): void {
  const [gate, a, b] = [mutex("gate"), mutex("a"), mutex("b")];
  const done = completion("done");
  m.spawn("waiter", bothAndWait, [gate, a, b, done]);
  completedBy(done, m.spawn("completer", locksAndCompletes, [gate, done]));
}

function* fails(): Task {
  yield* point();
  assert(false, "at its first step");
}

function* takeBothLater(first: Mutex, second: Mutex): Task {
  for (let i = 0; i < 4; i++) yield* point();
  yield* takeBoth(first, second, 0);
}

/** The first step of one task ends the search; two locks are taken in both orders long after that. */
export function failsBeforeAbba(m: Machine): void {
  const [a, b] = [mutex("a"), mutex("b")];
  m.spawn("hasty", fails, []);
  m.spawn("t1", takeBothLater, [a, b]);
  m.spawn("t2", takeBothLater, [b, a]);
}
