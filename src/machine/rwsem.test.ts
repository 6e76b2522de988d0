import { describe, expect, test } from "vitest";
import { explore, exploreBoth } from "./explore.testkit.ts";
import { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, unlock } from "./mutex.ts";
import {
  downgradeWrite,
  downRead,
  downReadTrylock,
  downWrite,
  downWriteTrylock,
  type RwSem,
  rwlock,
  rwsem,
  rwsemField,
  upRead,
  upWrite,
} from "./rwsem.ts";
import { int, type StructOf, struct } from "./struct.ts";
import { waitCycle } from "./waitFor.ts";

const Box = struct("box", { sem: rwsemField(), n: int({ guardedBy: "sem" }), seen: int({ ordered: "one task each" }) });
const FairBox = struct("fairBox", { sem: rwsemField({ queue: true }), n: int({ guardedBy: "sem" }) });
type BoxObject = StructOf<{ sem: ReturnType<typeof rwsemField>; n: ReturnType<typeof int> }>;

function* increment(b: BoxObject) {
  yield* downWrite(b.sem);
  const n = b.n;
  b.n = n + 1;
  yield* upWrite(b.sem);
}

function* look(b: BoxObject) {
  yield* downRead(b.sem);
  const n = b.n;
  yield* upRead(b.sem);
  return n;
}

function* nestedRead(l: RwSem) {
  yield* downRead(l);
  yield* downRead(l);
  yield* upRead(l);
  yield* upRead(l);
}

function* write(l: RwSem) {
  yield* downWrite(l);
  yield* upWrite(l);
}

function* readThenLock(l: RwSem, m: Mutex) {
  yield* downRead(l);
  yield* lock(m);
  yield* unlock(m);
  yield* upRead(l);
}

function* lockThenRead(l: RwSem, m: Mutex) {
  yield* lock(m);
  yield* downRead(l);
  yield* upRead(l);
  yield* unlock(m);
}

function* downgrade(b: BoxObject) {
  yield* downWrite(b.sem);
  b.n = 1;
  yield* downgradeWrite(b.sem);
  const n = b.n;
  yield* upRead(b.sem);
  return n;
}

function* writeUnderRead(b: BoxObject) {
  yield* downRead(b.sem);
  b.n = 1;
  yield* upRead(b.sem);
}

function* tries(l: RwSem, out: { got: number } & object) {
  if (yield* downWriteTrylock(l)) {
    yield* upWrite(l);
    out.got |= 1;
  } else out.got |= 2;
  if (yield* downReadTrylock(l)) {
    yield* upRead(l);
    out.got |= 4;
  } else out.got |= 8;
}

const Out = struct("out", { got: int({ ordered: "one writer" }) });

describe.each([Box, FairBox])("$name", (type) => {
  test("writers exclude each other and readers", () => {
    const r = exploreBoth((m) => {
      const b = type.create("b") as BoxObject;
      m.spawn("w1", increment, [b]);
      m.spawn("w2", increment, [b]);
      m.spawn("r", look, [b]);
      m.atEnd("both counted", () => b.n === 2);
    });
    expect(r.verdicts).toEqual(["ok"]);
  });

  test("a writer that becomes a reader keeps its view and lets readers in", () => {
    const r = exploreBoth((m) => {
      const b = type.create("b") as BoxObject;
      m.spawn("d", downgrade, [b]);
      m.spawn("r", look, [b]);
      m.spawn("w", increment, [b]);
    });
    expect(r.verdicts).toEqual(["ok"]);
  });

  test("reading holds are not enough to write what it guards", () => {
    const r = explore((m) => m.spawn("w", writeUnderRead, [type.create("b") as BoxObject]));
    expect(r.findings).toEqual(["data-race: w writes b.n without holding b.sem"]);
  });
});

test("readers are inside together", () => {
  const m = Machine.build((m) => {
    const l = rwsem("l");
    m.spawn("r1", nestedRead, [l]);
    m.spawn("r2", nestedRead, [l]);
    m.spawn("w", write, [l]);
  });
  m.step(0);
  m.step(1);
  expect([0, 1, 2].map((t) => m.enabled(t))).toEqual([true, true, false]);
  expect(m.pendingOp(2).owners?.(1, 0, 2)).toBeDefined();
  const l = m.handles.find((h) => (h as RwSem).kind === "rwsem") as RwSem;
  expect(l.holders()).toEqual([0, 1]);
  expect(l.heldBy(0, false)).toBe(true);
  expect(l.heldBy(0, true)).toBe(false);
});

test("a nested read deadlocks on a queued writer, and only with a queue", () => {
  const setup = (queue: boolean) => (m: Machine) => {
    const l = rwsem("l", { queue });
    m.spawn("r", nestedRead, [l]);
    m.spawn("w", write, [l]);
  };
  expect(exploreBoth(setup(false)).verdicts).toEqual(["ok"]);
  expect(exploreBoth(setup(true)).findings).toEqual([
    "deadlock: r waits (lock l for reading) for w; w waits (lock l for writing, in its queue) for r",
  ]);
});

test("readers and a mutex in two orders: a deadlock needs the queued writer", () => {
  const setup = (queue: boolean) => (m: Machine) => {
    const l = rwsem("l", { queue });
    const a = mutex("a");
    m.spawn("t1", readThenLock, [l, a]);
    m.spawn("t2", lockThenRead, [l, a]);
    m.spawn("w", write, [l]);
  };
  expect(exploreBoth(setup(false)).verdicts).toEqual(["ok"]);
  expect(exploreBoth(setup(true)).verdicts).toEqual(["deadlock"]);
});

test("the cycle goes through every reader that must leave", () => {
  const m = Machine.build((m) => {
    const l = rwsem("l", { queue: true });
    m.spawn("r", nestedRead, [l]);
    m.spawn("w", write, [l]);
  });
  m.step(0);
  m.step(1);
  expect(waitCycle(m, 0)).toEqual([0, 1]);
  expect(m.enabled(0)).toBe(false);
});

test("trylocks succeed and fail", () => {
  for (const queue of [false, true]) {
    const r = exploreBoth(
      (m) => {
        const l = rwsem("l", { queue });
        const out = Out.create("out");
        m.spawn("try", tries, [l, out]);
        m.spawn("r", nestedReadOnce, [l]);
        m.spawn("w", write, [l]);
      },
      (m) => String((m.handles.find((h) => (h as { name?: string }).name === "out") as { got: number }).got),
    );
    expect(r.verdicts).toEqual(["ok"]);
    expect(r.ends).toEqual(["10", "5", "6", "9"]);
  }
});

function* nestedReadOnce(l: RwSem) {
  yield* downRead(l);
  yield* upRead(l);
}

test("unlocking without holding", () => {
  const wrong = (f: (l: RwSem) => Generator<unknown, void, unknown>) =>
    explore((m) => m.spawn("t", f, [rwsem("l")])).findings;
  expect(wrong(readUnlockOnly)).toEqual(["assertion: t unlocks l without holding it: lock it first, on every path"]);
  expect(wrong(wrongUnlock)).toEqual(["assertion: t unlocks l without holding it: lock it first, on every path"]);
  expect(wrong(downgradeReader)).toHaveLength(1);
});

function* readUnlockOnly(l: RwSem) {
  yield* upRead(l);
}
function* wrongUnlock(l: RwSem) {
  yield* downRead(l);
  yield* upWrite(l);
}
function* downgradeReader(l: RwSem) {
  yield* downRead(l);
  yield* downgradeWrite(l);
}

test("holders of a rwlock are atomic, readers too", () => {
  const r = explore((m) => m.spawn("t", readThenLock, [rwlock("l"), mutex("a")]));
  expect(r.findings).toEqual(["atomic-sleep: t may sleep (lock a) while it holds a spinlock"]);
});

function* triesToRead(l: RwSem, got: { got: number } & object) {
  if (yield* downReadTrylock(l)) got.got = 1;
  else got.got = 2;
}

test("a queued writer makes a read trylock fail", () => {
  const visibleReleases = ["l"];
  const m = Machine.build(
    (m) => {
      const l = rwsem("l", { queue: true });
      m.spawn("r", nestedReadOnce, [l]);
      m.spawn("w", write, [l]);
      m.spawn("t", triesToRead, [l, Out.create("out")]);
    },
    { visibleReleases },
  );
  for (const t of [0, 1, 2]) m.step(t);
  expect((m.handles.find((h) => (h as { name?: string }).name === "out") as { got: number }).got).toBe(2);
});
