/** Task code for the tests of lockdep beside the search. */
import {
  assert,
  type Completion,
  complete,
  completedBy,
  completion,
  lock,
  type Machine,
  type Mutex,
  mutex,
  point,
  type Task,
  unlock,
  waitForCompletion,
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
