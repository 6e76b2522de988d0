import { expect, test } from "vitest";
import { type Cell, cell, fetchAdd, readOnce, writeOnce } from "./cell.ts";
import { type Completion, completion, waitForCompletion } from "./completion.ts";
import { explore, exploreBoth } from "./explore.testkit.ts";
import { assert } from "./finding.ts";
import { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, spinlock, unlock } from "./mutex.ts";
import { struct } from "./struct.ts";
import {
  cancelWork,
  cancelWorkSync,
  flushWork,
  flushWorkqueue,
  queueWork,
  type Work,
  work,
  workField,
  workqueue,
} from "./workqueue.ts";

const cellNamed = (name: string) => (m: Machine) =>
  String((m.handles.find((h) => h instanceof Object && (h as Cell).name === name) as Cell).value);

function* count(c: Cell) {
  yield* fetchAdd(c, 1);
}
function* queues(w: Work, times: number) {
  for (let i = 0; i < times; i++) yield* queueWork(w);
}

test("a work runs once for each time it was queued while not pending", () => {
  const r = exploreBoth((m) => {
    const c = cell("c");
    m.spawn("q", queues, [work("w", workqueue("wq"), count, c), 2]);
  }, cellNamed("c"));
  expect(r.verdicts).toEqual(["ok"]);
  expect(r.ends).toEqual(["1", "2"]);
});

function* queuesAndFlushes(w: Work, c: Cell) {
  yield* queueWork(w);
  yield* flushWork(w);
  assert((yield* readOnce(c)) > 0, "it has run");
}

test.each([1, 2])("flush waits for the run, with %i workers", (workers) => {
  const r = exploreBoth((m) => {
    const c = cell("c");
    const w = work("w", workqueue("wq", { workers }), count, c);
    m.spawn("f", queuesAndFlushes, [w, c]);
    m.spawn("q", queues, [w, 1]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

function* enterAlone(inside: Cell) {
  const n = yield* fetchAdd(inside, 1);
  assert(n === 0, "somebody else is inside");
  yield* fetchAdd(inside, -1);
}
function* queuesBoth(a: Work, b: Work) {
  yield* queueWork(a);
  yield* queueWork(b);
}

test("an ordered queue runs one work at a time, another one several, and never the same work twice at once", () => {
  const two = (workers: number) =>
    explore((m) => {
      const wq = workqueue("wq", { workers });
      const inside = cell("inside");
      m.spawn("q", queuesBoth, [work("a", wq, enterAlone, inside), work("b", wq, enterAlone, inside)]);
    });
  expect(two(1).verdicts).toEqual(["ok"]);
  expect(two(2).verdicts).toEqual(["assertion"]);
  const same = exploreBoth((m) => {
    const w = work("w", workqueue("wq", { workers: 2 }), enterAlone, cell("inside"));
    m.spawn("q", queues, [w, 3]);
  });
  expect(same.verdicts).toEqual(["ok"]);
});

function* append(log: Cell, digit: number) {
  const n = yield* readOnce(log);
  yield* writeOnce(log, n * 10 + digit);
}

test("works run in the order in which they were queued", () => {
  const r = exploreBoth((m) => {
    const wq = workqueue("wq");
    const log = cell("log");
    m.spawn("q", queuesBoth, [work("a", wq, append, log, 1), work("b", wq, append, log, 2)]);
  }, cellNamed("log"));
  expect(r.ends).toEqual(["12"]);
});

function* flushesItself(w: { self: Work | null }) {
  if (w.self) yield* flushWork(w.self);
}

test("flushing from within itself is a cycle of one", () => {
  const r = exploreBoth((m) => {
    const box: { self: Work | null } = { self: null };
    const w = work("w", workqueue("wq"), flushesItself, box);
    box.self = w;
    m.keep(w);
    m.spawn("q", queues, [w, 1]);
    m.spawn("other", queues, [work("x", workqueue("wq2"), count, cell("c")), 1]);
  });
  expect(r.findings).toEqual(["deadlock: kworker/wq waits (flush w) for itself"]);
  expect(r.earlyCycles).toEqual(["kworker/wq"]);
});

function* cancelsItself(w: { self: Work | null }) {
  if (w.self) yield* cancelWorkSync(w.self);
}

test("so is cancelling, which waits for the run", () => {
  const r = exploreBoth((m) => {
    const box: { self: Work | null } = { self: null };
    const w = work("w", workqueue("wq"), cancelsItself, box);
    box.self = w;
    m.spawn("q", queues, [w, 1]);
  });
  expect(r.findings).toEqual(["deadlock: kworker/wq waits (cancel w, which is running) for itself"]);
});

function* lockedWork(l: Mutex) {
  yield* lock(l);
  yield* unlock(l);
}
function* flushesUnderLock(l: Mutex, w: Work) {
  yield* queueWork(w);
  yield* lock(l);
  yield* flushWork(w);
  yield* unlock(l);
}

test("flushing under a lock that the work needs", () => {
  const r = exploreBoth((m) => {
    const l = mutex("l");
    m.spawn("f", flushesUnderLock, [l, work("w", workqueue("wq"), lockedWork, l)]);
  });
  expect(r.findings).toEqual(["deadlock: kworker/wq waits (lock l) for f; f waits (flush w) for kworker/wq"]);
});

function* cancels(w: Work, c: Cell) {
  yield* queueWork(w);
  const wasPending = yield* cancelWorkSync(w);
  const n = yield* readOnce(c);
  assert(n === (wasPending ? 0 : 1), "cancelled before it ran, or waited for it");
}
function* cancelsOnly(w: Work, c: Cell) {
  yield* queueWork(w);
  if (!(yield* cancelWork(w))) return;
  assert((yield* readOnce(c)) === 0, "it never ran");
}

test("cancelling", () => {
  const run = (f: typeof cancels) =>
    exploreBoth((m) => {
      const c = cell("c");
      m.spawn("t", f, [work("w", workqueue("wq"), count, c), c]);
    });
  expect(run(cancels).verdicts).toEqual(["ok"]);
  expect(run(cancelsOnly).verdicts).toEqual(["ok"]);
});

function* cancelsForGood(w: Work, c: Cell) {
  yield* cancelWorkSync(w);
  const n = yield* readOnce(c);
  yield* readOnce(c);
  assert(n === (yield* readOnce(c)), "nothing runs after the cancel unless it was queued again");
}

test("cancel and queue from two sides", () => {
  const r = explore((m) => {
    const c = cell("c");
    const w = work("w", workqueue("wq"), count, c);
    m.spawn("c", cancelsForGood, [w, c]);
    m.spawn("q", queues, [w, 1]);
  });
  expect(r.verdicts).toEqual(["assertion"]);
});

function* queuesThenFlushesAll(a: Work, b: Work, c: Cell) {
  yield* queueWork(a);
  yield* queueWork(b);
  if (a.queue) yield* flushWorkqueue(a.queue);
  assert((yield* readOnce(c)) === 2, "both have run");
}

test("flush_workqueue waits for all", () => {
  const r = exploreBoth((m) => {
    const wq = workqueue("wq");
    const c = cell("c");
    m.spawn("f", queuesThenFlushesAll, [work("a", wq, count, c), work("b", wq, count, c), c]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

function* flushesAtomic(l: Mutex, w: Work) {
  yield* lock(l);
  yield* flushWork(w);
}

test("flushing under a spinlock", () => {
  const r = explore((m) => m.spawn("t", flushesAtomic, [spinlock("l"), work("w", workqueue("wq"), count, cell("c"))]));
  expect(r.findings).toEqual(["atomic-sleep: t may sleep (flush w) while it holds a spinlock"]);
});

const Device = struct("device", { resetWork: workField() });

test("a work in a struct", () => {
  const r = exploreBoth((m) => {
    const d = Device.create("d");
    const c = cell("c");
    d.resetWork.init(workqueue("wq"), count, c);
    m.spawn("f", queuesAndFlushes, [d.resetWork, c]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

function* queuesOnly(w: Work, result: Cell) {
  const queued = yield* queueWork(w);
  yield* writeOnce(result, queued ? 1 : 2);
}
function* cancelsSync(w: Work) {
  yield* cancelWorkSync(w);
}

test("who queues a work that is being cancelled is refused", () => {
  const m = Machine.build((m) => {
    const l = mutex("l");
    const w = work("w", workqueue("wq"), lockedWork, l);
    const result = cell("result");
    m.spawn("q", queues, [w, 1]);
    m.spawn("c", cancelsSync, [w]);
    m.spawn("q2", queuesOnly, [w, result]);
  });
  const [worker, q, c, q2] = [0, 1, 2, 3];
  for (const t of [q, worker, c, q2, q2]) m.step(t);
  expect(m.enabled(c)).toBe(false);
  expect(cellNamed("result")(m)).toBe("2");
});

function* queuesAndWaits(w: Work) {
  yield* queueWork(w);
  yield* flushWork(w);
}
function* onlyCancels(w: Work) {
  yield* cancelWork(w);
}

test("a flush ends when the work that it waits for is cancelled", () => {
  const r = exploreBoth((m) => {
    const w = work("w", workqueue("wq"), count, cell("c"));
    m.spawn("f", queuesAndWaits, [w]);
    m.spawn("c", onlyCancels, [w]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

function* waitsForNothing(c: Completion) {
  yield* waitForCompletion(c);
}

test("a worker that is stuck in a work is a deadlock, an idle one is not", () => {
  const r = exploreBoth((m) => {
    m.spawn("q", queues, [work("w", workqueue("wq"), waitsForNothing, completion("c")), 1]);
  });
  expect(r.findings).toEqual(["deadlock: kworker/wq waits (wait for completion of c)"]);
});
