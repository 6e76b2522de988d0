import { expect, test } from "vitest";
import { type Cell, cell, fetchAdd, readOnce, writeOnce } from "./cell.ts";
import { condResched, cpu, yieldCpu } from "./cpu.ts";
import { explore } from "./explore.testkit.ts";
import { Machine } from "./machine.ts";
import { lock, type Mutex, mutex, spinlock, trylock, unlock } from "./mutex.ts";
import { readSeqcountBegin, type Seqcount, seqcount, writeSeqcountBegin, writeSeqcountEnd } from "./seqcount.ts";
import { until } from "./wait.ts";

function* twice(c: Cell) {
  const n = yield* readOnce(c);
  yield* writeOnce(c, n + 1);
}
function* twiceNicely(c: Cell) {
  const n = yield* readOnce(c);
  yield* condResched();
  yield* writeOnce(c, n + 1);
}

const counts = (f: typeof twice, preemptive: boolean, cpus: number) =>
  explore(
    (m) => {
      const c = cell("c");
      const list = Array.from({ length: cpus }, (_, i) => cpu(`cpu${i}`, { preemptive }));
      m.spawn("a", f, [c], { cpu: list[0] });
      m.spawn("b", f, [c], { cpu: list[cpus - 1] });
    },
    { observe: (m) => String((m.handles.find((h) => (h as Cell).name === "c") as Cell).value) },
  ).ends;

test("without preemption a task is interrupted only where it lets others run", () => {
  expect(counts(twice, false, 1)).toEqual(["2"]);
  expect(counts(twice, true, 1)).toEqual(["1", "2"]);
  expect(counts(twice, false, 2)).toEqual(["1", "2"]);
  expect(counts(twiceNicely, false, 1)).toEqual(["1", "2"]);
});

function* waits(c: Cell) {
  yield* until(() => c.value >= 1);
  yield* fetchAdd(c, 1);
}
function* sets(c: Cell) {
  yield* writeOnce(c, 1);
  yield* fetchAdd(c, 10);
}

test("who sleeps leaves the CPU, and gets it back when the other one ends", () => {
  const m = Machine.build((m) => {
    const c0 = cpu("cpu0");
    const c = cell("c");
    m.spawn("w", waits, [c], { cpu: c0 });
    m.spawn("s", sets, [c], { cpu: c0 });
  });
  expect([m.enabled(0), m.enabled(1)]).toEqual([false, true]);
  m.step(1);
  expect([m.enabled(0), m.enabled(1)]).toEqual([false, true]);
  expect(m.keptOut(0)).toBe(1);
  m.step(1);
  expect(m.enabled(0)).toBe(true);
});

/** Holds a spinlock-like flag and lets others run: not a spinlock, which would not allow it. */
function* pollsFor(l: Mutex, nice: boolean) {
  while (!(yield* trylock(l))) if (nice) yield* yieldCpu();
  yield* unlock(l);
}
function* holdsAndSleeps(l: Mutex, c: Cell) {
  yield* lock(l);
  yield* until(() => c.value >= 1);
  yield* readOnce(c);
  yield* unlock(l);
}

test("a poller that never yields keeps the holder from the CPU for ever", () => {
  const stuck = (nice: boolean) =>
    explore(
      (m) => {
        const l = mutex("l");
        const c = cell("c");
        const c0 = cpu("cpu0");
        m.spawn("holder", holdsAndSleeps, [l, c], { cpu: c0 });
        m.spawn("poller", pollsFor, [l, nice], { cpu: c0 });
        m.spawn("device", sets, [c]);
      },
      { observe: () => "end" },
    );
  expect(stuck(false).states).toBeGreaterThan(0);
  expect(stuck(true).ends).toEqual(["end"]);
});

function* spins(l: Mutex) {
  yield* lock(l);
  yield* unlock(l);
}
function* holdsSpin(l: Mutex, c: Cell) {
  yield* lock(l);
  yield* fetchAdd(c, 1);
  yield* unlock(l);
}

test("a spinlock's holder is not preempted", () => {
  for (const preemptive of [false, true]) {
    const r = explore((m) => {
      const c0 = cpu("cpu0", { preemptive });
      const l = spinlock("l");
      m.spawn("a", holdsSpin, [l, cell("c")], { cpu: c0 });
      m.spawn("b", spins, [l], { cpu: c0 });
    });
    expect(r.verdicts).toEqual(["ok"]);
  }
});

function* locksAcross(first: Mutex, second: Mutex, c: Cell) {
  yield* lock(first);
  yield* fetchAdd(c, 1);
  yield* lock(second);
  yield* unlock(second);
  yield* unlock(first);
}

test("spinning on two CPUs for each other's locks is a deadlock, and the rest of the CPU starves with it", () => {
  const r = explore((m) => {
    const [c0, c1] = [cpu("cpu0"), cpu("cpu1")];
    const [a, b] = [spinlock("a"), spinlock("b")];
    m.spawn("t0", locksAcross, [a, b, cell("x")], { cpu: c0 });
    m.spawn("t1", locksAcross, [b, a, cell("y")], { cpu: c1 });
    m.spawn("bystander", twice, [cell("z")], { cpu: c0 });
  });
  expect(r.verdicts).toEqual(["deadlock"]);
  expect(r.findings[0]).toBe("deadlock: t0 waits (lock b) for t1; t1 waits (lock a) for t0");
});

function* writesNicely(s: Seqcount) {
  yield* writeSeqcountBegin(s);
  yield* condResched();
  yield* writeSeqcountEnd(s);
}
function* reads(s: Seqcount) {
  yield* readSeqcountBegin(s);
}

test("spinning for somebody who needs the same CPU is a cycle, unless he may preempt", () => {
  const run = (preemptive: boolean) =>
    explore((m) => {
      const c0 = cpu("cpu0", { preemptive });
      const s = seqcount("s");
      m.spawn("writer", writesNicely, [s], { cpu: c0 });
      m.spawn("reader", reads, [s], { cpu: c0 });
    });
  expect(run(false).findings).toEqual([
    "deadlock: writer waits (let others run, without a CPU) for reader; reader waits (read section of s) for writer",
  ]);
  expect(run(true).verdicts).toEqual(["ok"]);
});

function* reschedUnderSpinlock(l: Mutex) {
  yield* lock(l);
  yield* condResched();
}

test("letting others run in atomic context", () => {
  expect(explore((m) => m.spawn("t", reschedUnderSpinlock, [spinlock("l")])).findings).toEqual([
    "atomic-sleep: t may sleep (cond_resched) while it holds a spinlock",
  ]);
});
