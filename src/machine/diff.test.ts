import { expect, test } from "vitest";
import { type Cell, cell, writeOnce } from "./cell.ts";
import { memallocSave, nonBlockStart, PF_MEMALLOC } from "./context.ts";
import type { Handle } from "./core.ts";
import { changeText, diffStates } from "./diff.ts";
import { tryStep } from "./explore.testkit.ts";
import { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, spinlock, unlock } from "./mutex.ts";
import { placeOfFinding, placeOfTask, stackOfTask } from "./place.ts";
import { downRead, type RwSem, rwsem } from "./rwsem.ts";
import { bool, int, ref, struct } from "./struct.ts";
import { prepareToWait, type WaitQueue, waitQueue } from "./waitQueue.ts";

interface PageObject extends Handle {
  next: PageObject | null;
  dirty: boolean;
  n: number;
}
const Page = struct("page", {
  next: ref<PageObject>({ ordered: "test" }),
  dirty: bool({ ordered: "test" }),
  n: int({ ordered: "test" }),
});

function* inner(c: Cell, p: PageObject) {
  let count = 3;
  yield* writeOnce(c, count);
  p.next = p;
  p.dirty = true;
  p.n = 7;
  count++;
  yield* writeOnce(c, count);
}
function* outer(c: Cell, p: PageObject, l: Mutex) {
  yield* lock(l);
  const answer = true;
  yield* inner(c, p);
  if (answer) yield* unlock(l);
}

test("a step in names", () => {
  const m = Machine.build((m) => {
    m.spawn("t", outer, [cell("c"), Page.create("p"), mutex("l")]);
  });
  const steps: string[][] = [];
  while (m.enabled(0)) {
    const before = m.snapshot();
    m.step(0);
    steps.push(diffStates(m, before, m.words).map(changeText));
  }
  expect(steps[0]).toEqual(
    expect.arrayContaining(["l: nobody -> t", "t holds: - -> l", "t.outer.answer: - -> true", "t.inner.count: - -> 3"]),
  );
  expect(steps[0].find((s) => s.startsWith("t at: "))).toMatch(/^t at: outer:\d+ -> inner:\d+$/);
  expect(steps.flat().filter((s) => /^t\[/.test(s))).toEqual([]);
  expect(steps[1]).toEqual(
    expect.arrayContaining([
      "c: 0 -> 3",
      "p.next: null -> p",
      "p.dirty: false -> true",
      "p.n: 0 -> 7",
      "t.inner.count: 3 -> -",
    ]),
  );
  expect(steps[2]).toEqual(
    expect.arrayContaining(["c: 3 -> 4", "t: runs -> has ended", "l: t -> nobody", "t holds: l -> -"]),
  );
});

function* contexts(s: Mutex, l: RwSem, wq: WaitQueue) {
  memallocSave(PF_MEMALLOC);
  yield* downRead(l);
  nonBlockStart();
  yield* prepareToWait(wq);
  yield* lock(s);
  yield* unlock(s);
}

test("contexts, readers and wait queues", () => {
  const m = Machine.build((m) => {
    m.spawn("other", contexts, [spinlock("s2"), rwsem("l2"), waitQueue("wq2")]);
    m.spawn("t", contexts, [spinlock("s"), rwsem("l"), waitQueue("wq")]);
  });
  const step = () => {
    const before = m.snapshot();
    m.step(1);
    return diffStates(m, before, m.words).map(changeText);
  };
  expect(step()).toEqual(
    expect.arrayContaining([
      "l: 0 -> 1",
      "t holds: - -> l (reading)",
      "t context: PF_MEMALLOC -> PF_MEMALLOC, non-blockable 1",
    ]),
  );
  expect(step()).toEqual(expect.arrayContaining(["wq: nobody -> t", "sleeping tasks[0]: nobody -> t"]));
});

function* unlocksWrongly(l: Mutex) {
  yield* lock(l);
  yield* unlock(l);
  yield* unlock(l);
}

test("where tasks and findings are", () => {
  const m = Machine.build((m) => {
    m.spawn("t", unlocksWrongly, [mutex("l")]);
    m.spawn("u", outer, [cell("c"), Page.create("p"), mutex("l2")]);
  });
  m.step(1);
  expect(stackOfTask(1).map((p) => p.function)).toEqual(["inner", "outer"]);
  expect(placeOfTask(m, 1)).toMatchObject({ function: "inner", text: expect.stringContaining("writeOnce(c, count)") });
  const finding = tryStep(m, 0);
  expect(finding && placeOfFinding(m, finding)).toMatchObject({
    function: "unlocksWrongly",
    file: expect.stringMatching(/diff\.test\.ts$/),
  });
  expect(placeOfTask(m, -1)).toBe(null);
});
