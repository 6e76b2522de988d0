import { expect, test } from "vitest";
import { type Cell, cell, fetchAdd, readOnce, writeOnce } from "./cell.ts";
import {
  type Completion,
  complete,
  completeAll,
  completedBy,
  completion,
  completionDone,
  reinitCompletion,
  tryWaitForCompletion,
  waitForCompletion,
} from "./completion.ts";
import { explore, exploreBoth } from "./explore.testkit.ts";
import { type Fence, fence, fenceInit, fenceIsSignaled, fenceSignal, fenceWait, signaledBy } from "./fence.ts";
import { assert } from "./finding.ts";
import { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, spinlock, unlock } from "./mutex.ts";
import { until } from "./wait.ts";
import { finishWait, prepareToWait, schedule, type WaitQueue, waitEvent, waitQueue, wakeUp } from "./waitQueue.ts";

function* waits(c: Completion, times: number) {
  for (let i = 0; i < times; i++) yield* waitForCompletion(c);
}
function* completes(c: Completion, times: number) {
  for (let i = 0; i < times; i++) yield* complete(c);
}
function* completesAll(c: Completion) {
  yield* completeAll(c);
}

test("each complete lets one wait pass", () => {
  const run = (waitsFor: number, n: number) =>
    exploreBoth((m) => {
      const c = completion("c");
      m.spawn("w1", waits, [c, waitsFor]);
      m.spawn("w2", waits, [c, 1]);
      m.spawn("c", completes, [c, n]);
    });
  expect(run(1, 2).verdicts).toEqual(["ok"]);
  expect(run(2, 2).verdicts).toEqual(["deadlock"]);
});

test("complete_all lets all pass", () => {
  const r = exploreBoth((m) => {
    const c = completion("c");
    m.spawn("w1", waits, [c, 3]);
    m.spawn("w2", waits, [c, 1]);
    m.spawn("c", completesAll, [c]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

function* looksThenWaits(c: Completion, seen: Cell) {
  if (yield* completionDone(c)) yield* writeOnce(seen, 1);
  if (yield* tryWaitForCompletion(c)) yield* writeOnce(seen, (yield* readOnce(seen)) + 2);
}

test("a look sees both", () => {
  const r = exploreBoth(
    (m) => {
      const c = completion("c");
      m.spawn("l", looksThenWaits, [c, cell("seen")]);
      m.spawn("c", completes, [c, 1]);
    },
    (m) => String((m.handles.find((h) => (h as Cell).name === "seen") as Cell).value),
  );
  expect(r.ends).toEqual(["0", "2", "3"]);
});

function* reinits(c: Completion) {
  yield* reinitCompletion(c);
  yield* waitForCompletion(c);
}

test("a completion before reinit is lost", () => {
  const r = exploreBoth((m) => {
    const c = completion("c");
    m.spawn("r", reinits, [c]);
    m.spawn("c", completes, [c, 1]);
  });
  expect(r.findings).toEqual(["deadlock: r waits (wait for completion of c)"]);
});

function* waitsUnderLock(c: Completion, l: Mutex) {
  yield* lock(l);
  yield* waitForCompletion(c);
  yield* unlock(l);
}
function* completesUnderLock(c: Completion, l: Mutex) {
  yield* lock(l);
  yield* complete(c);
  yield* unlock(l);
}

test("a promise closes the cycle while others still run", () => {
  const r = exploreBoth((m) => {
    const c = completion("c");
    const l = mutex("l");
    const x = cell("x");
    m.spawn("w", waitsUnderLock, [c, l]);
    completedBy(c, m.spawn("c", completesUnderLock, [c, l]));
    m.spawn("other", writesTwice, [x]);
  });
  expect(r.findings).toEqual(["deadlock: w waits (wait for completion of c) for c; c waits (lock l) for w"]);
  expect(r.earlyCycles).toEqual(["c -> w", "w -> c"]);
});

function* writesTwice(x: Cell) {
  yield* writeOnce(x, 1);
  yield* writeOnce(x, 2);
}

test("another task than the promised one", () => {
  const r = explore((m) => {
    const c = completion("c");
    completedBy(c, m.spawn("w", waits, [c, 1]));
    m.spawn("c", completes, [c, 1]);
  });
  expect(r.findings).toEqual(["assertion: c is completed by c, but w had promised to"]);
});

function* waitsAtomic(c: Completion, l: Mutex) {
  yield* lock(l);
  yield* waitForCompletion(c);
}

test("waiting under a spinlock", () => {
  const r = explore((m) => m.spawn("w", waitsAtomic, [completion("c"), spinlock("l")]));
  expect(r.findings).toEqual(["atomic-sleep: w may sleep (wait for c) while it holds a spinlock"]);
});

function* callback(f: Fence, l: Mutex) {
  yield* lock(l);
  yield* fenceWait(f);
  yield* unlock(l);
}
function* submits(f: Fence, l: Mutex) {
  signaledBy(f);
  yield* lock(l);
  yield* unlock(l);
  yield* fenceSignal(f);
}
function* signals(f: Fence) {
  yield* fenceSignal(f);
}

test("a fence is a wait for the task that signals it", () => {
  const r = exploreBoth((m) => {
    const f = fence("f");
    const l = mutex("l");
    m.spawn("cb", callback, [f, l]);
    m.spawn("job", submits, [f, l]);
  });
  expect(r.findings).toEqual(["deadlock: cb waits (wait for f) for job; job waits (lock l) for cb"]);
  expect(exploreBoth((m) => m.spawn("cb", callback, [fence("f", { signaled: true }), mutex("l")])).verdicts).toEqual([
    "ok",
  ]);
});

test("a fence is signaled once, and by whom it was promised", () => {
  const twice = explore((m) => {
    const f = fence("f");
    m.spawn("a", signals, [f]);
    m.spawn("b", signals, [f]);
  });
  expect(twice.findings).toEqual(["assertion: f is signaled twice"]);
});

function* armsAndWaits(f: Fence) {
  yield* fenceInit(f);
  assert(!(yield* fenceIsSignaled(f)), "armed");
  yield* fenceSignal(f);
  assert(yield* fenceIsSignaled(f), "signaled");
  yield* fenceWait(f);
}

test("a fence can be armed again", () => {
  expect(exploreBoth((m) => m.spawn("t", armsAndWaits, [fence("f", { signaled: true })])).verdicts).toEqual(["ok"]);
});

/** Looks before it is on the queue. */
function* losesWakeUp(wq: WaitQueue, c: Cell) {
  while ((yield* readOnce(c)) === 0) {
    yield* prepareToWait(wq);
    yield* schedule();
  }
  yield* finishWait(wq);
}
function* sleepsRight(wq: WaitQueue, c: Cell) {
  yield* waitEvent(wq, c, 1);
  assert((yield* readOnce(c)) === 1, "the event has happened");
}
function* sets(wq: WaitQueue, c: Cell) {
  yield* writeOnce(c, 1);
  yield* wakeUp(wq);
}
function* setsTooLate(wq: WaitQueue, c: Cell) {
  yield* wakeUp(wq);
  yield* writeOnce(c, 1);
}
function* waitsUntil(wq: WaitQueue, c: Cell) {
  yield* until(() => c.value === 1, wq);
}

test("a lost wake-up is a deadlock that names the queue", () => {
  const run = (sleeper: typeof losesWakeUp, waker: typeof sets) =>
    exploreBoth((m) => {
      const wq = waitQueue("wq");
      const c = cell("c");
      m.spawn("s", sleeper, [wq, c]);
      m.spawn("s2", sleeper, [wq, c]);
      m.spawn("w", waker, [wq, c]);
    });
  expect(run(sleepsRight, sets).verdicts).toEqual(["ok"]);
  expect(run(waitsUntil, sets).verdicts).toEqual(["ok"]);
  const lost = run(losesWakeUp, sets);
  expect(lost.verdicts).toEqual(["deadlock"]);
  expect(lost.findings).toContain("deadlock: s waits (sleep on wq until woken)");
  expect(run(sleepsRight, setsTooLate).verdicts).toEqual(["deadlock"]);
  expect(run(waitsUntil, setsTooLate).verdicts).toEqual(["ok"]);
});

function* onlySchedules() {
  yield* schedule();
}

test("schedule without a queue returns", () => {
  expect(exploreBoth((m) => m.spawn("t", onlySchedules, [])).verdicts).toEqual(["ok"]);
});

function* triesOnce(c: Completion, got: Cell, bit: number) {
  if (yield* tryWaitForCompletion(c)) yield* fetchAdd(got, bit);
}

test("two who try for one completion", () => {
  const r = exploreBoth(
    (m) => {
      const c = completion("c");
      const got = cell("got");
      m.spawn("a", triesOnce, [c, got, 1]);
      m.spawn("b", triesOnce, [c, got, 2]);
      m.spawn("c", completes, [c, 1]);
    },
    (m) => String((m.handles.find((h) => (h as Cell).name === "got") as Cell).value),
  );
  expect(r.ends).toEqual(["0", "1", "2"]);
});

function* setsAndSignals(x: Cell, f: Fence) {
  yield* writeOnce(x, 1);
  yield* fenceSignal(f);
}
function* looksAtBoth(x: Cell, f: Fence, seen: Cell) {
  const before = yield* readOnce(x);
  const signaled = yield* fenceIsSignaled(f);
  yield* writeOnce(seen, before * 2 + (signaled ? 1 : 0));
}

test("a look at a fence comes before or after the signal, in coarse steps too", () => {
  const r = exploreBoth(
    (m) => {
      const [x, f] = [cell("x"), fence("f")];
      signaledBy(f, m.spawn("s", setsAndSignals, [x, f]));
      m.spawn("l", looksAtBoth, [x, f, cell("seen")]);
      m.atEnd("nobody owes a signal any more", () => m.words[f.at + 1] === 0);
    },
    (m) => String((m.handles.find((h) => (h as Cell).name === "seen") as Cell).value),
  );
  expect(r.verdicts).toEqual(["ok"]);
  expect(r.ends).toEqual(["0", "1", "2", "3"]);
});

function* twoQueues(a: WaitQueue, b: WaitQueue) {
  yield* prepareToWait(a);
  yield* prepareToWait(b);
  yield* schedule();
}
function* wakesTwice(a: WaitQueue) {
  yield* wakeUp(a);
  yield* wakeUp(a);
}

test("a wake-up takes the sleeper off its queue: the next one is not for him", () => {
  const m = Machine.build((m) => {
    const [a, b] = [waitQueue("a"), waitQueue("b")];
    m.spawn("s", twoQueues, [a, b]);
    m.spawn("w", wakesTwice, [a]);
  });
  m.step(0); // on a
  m.step(1); // woken from a
  m.step(0); // on b
  m.step(1); // not on a any more
  expect(m.enabled(0)).toBe(false);
});
