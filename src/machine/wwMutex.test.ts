import { expect, test } from "vitest";
import { onMachine, setupProgram } from "../search/program.ts";
import { EALREADY, EDEADLK } from "./errno.ts";
import { explore, exploreBoth, stepWhileEnabled } from "./explore.testkit.ts";
import { assert } from "./finding.ts";
import { Machine } from "./machine.ts";
import {
  type AcquireCtx,
  acquireCtx,
  type WwAlgorithm,
  type WwMutex,
  wwAcquireFini,
  wwAcquireInit,
  wwClass,
  wwLock,
  wwLockSlow,
  wwMutex,
  wwTrylock,
  wwUnlock,
} from "./wwMutex.ts";

/** Locks both in the given order, backing off as often as it must. */
function* both(ctx: AcquireCtx, a: WwMutex, b: WwMutex) {
  yield* wwAcquireInit(ctx);
  yield* wwLock(a, ctx);
  for (;;) {
    const error = yield* wwLock(b, ctx);
    if (error === 0) break;
    assert(error === -EDEADLK, "only -EDEADLK");
    yield* wwUnlock(a);
    yield* wwLockSlow(b, ctx);
    const other = a;
    a = b;
    b = other;
  }
  yield* wwUnlock(b);
  yield* wwUnlock(a);
  yield* wwAcquireFini(ctx);
}

function* plainBoth(a: WwMutex, b: WwMutex) {
  yield* wwLock(a);
  yield* wwLock(b);
  yield* wwUnlock(b);
  yield* wwUnlock(a);
}

function crossing(algorithm: WwAlgorithm) {
  return (m: Machine) => {
    const c = wwClass("reservation", algorithm);
    const [a, b] = [wwMutex("a"), wwMutex("b")];
    m.spawn("t1", both, [acquireCtx("c1", c), a, b]);
    m.spawn("t2", both, [acquireCtx("c2", c), b, a]);
    m.atEnd("tickets are back", () => m.words[c.at] === 0);
  };
}

test.each(["wound-wait", "wait-die"] as const)("%s: crossing orders end well", (algorithm) => {
  const r = exploreBoth(crossing(algorithm));
  expect(r.verdicts).toEqual(["ok"]);
  expect(r.earlyCycles).toEqual([]);
});

test.each(["wound-wait", "wait-die"] as const)("%s: three tasks around a ring end well", (algorithm) => {
  const r = explore((m) => {
    const c = wwClass("reservation", algorithm);
    const [a, b, d] = [wwMutex("a"), wwMutex("b"), wwMutex("d")];
    m.spawn("t1", both, [acquireCtx("c1", c), a, b]);
    m.spawn("t2", both, [acquireCtx("c2", c), b, d]);
    m.spawn("t3", both, [acquireCtx("c3", c), d, a]);
  });
  expect(r.verdicts).toEqual(["ok"]);
  expect(r.earlyCycles).toEqual([]);
});

test("without contexts the same orders deadlock", () => {
  const r = exploreBoth((m) => {
    const [a, b] = [wwMutex("a"), wwMutex("b")];
    m.spawn("t1", plainBoth, [a, b]);
    m.spawn("t2", plainBoth, [b, a]);
  });
  expect(r.findings).toEqual(["deadlock: t1 waits (lock b) for t2; t2 waits (lock a) for t1"]);
});

function* returnsOf(ctx: AcquireCtx, a: WwMutex) {
  yield* wwAcquireInit(ctx);
  const first = yield* wwLock(a, ctx);
  const second = yield* wwLock(a, ctx);
  assert(first === 0 && second === -EALREADY, "0, then -EALREADY");
  const tried = yield* wwTrylock(a, ctx);
  assert(!tried, "it is held");
  yield* wwUnlock(a);
  yield* wwAcquireFini(ctx);
}

test("a lock that is held under the context already", () => {
  const r = explore((m) => m.spawn("t", returnsOf, [acquireCtx("c", wwClass("reservation")), wwMutex("a")]));
  expect(r.verdicts).toEqual(["ok"]);
});

/** Takes b while a is held by the older or younger task, and says which error it got. */
function* second(ctx: AcquireCtx, own: WwMutex, wanted: WwMutex) {
  yield* wwAcquireInit(ctx);
  yield* wwLock(own, ctx);
  const error = yield* wwLock(wanted, ctx);
  if (error === 0) yield* wwUnlock(wanted);
  yield* wwUnlock(own);
  yield* wwAcquireFini(ctx);
  assert(error === 0, "backed off");
}

test.each([
  ["wound-wait", "old first"],
  ["wound-wait", "young first"],
  ["wait-die", "old first"],
  ["wait-die", "young first"],
] as const)("%s, %s: the younger one backs off", (algorithm, order) => {
  const program = setupProgram((m) => {
    const c = wwClass("reservation", algorithm);
    const [a, b] = [wwMutex("a"), wwMutex("b")];
    m.spawn("old", second, [acquireCtx("c1", c), a, b]);
    m.spawn("young", second, [acquireCtx("c2", c), b, a]);
  });
  const [old, young] = [0, 1];
  const backedOff = onMachine(program, {}, (m) => {
    const failures: string[] = [];
    // The tickets first, each with its own lock.
    for (const t of [old, old, young, young]) m.step(t);
    const first = order === "old first" ? old : young;
    for (const t of [first, old + young - first, young, old]) {
      const finding = stepWhileEnabled(m, t);
      if (finding) failures.push(`${m.tasks[t].name} ${finding.message}`);
    }
    return failures;
  });
  expect(backedOff).toEqual(["young backed off"]);
});

function* holdsAtEnd(ctx: AcquireCtx, a: WwMutex) {
  yield* wwAcquireInit(ctx);
  yield* wwLock(a, ctx);
  yield* wwAcquireFini(ctx);
}

function* slowWithLocks(ctx: AcquireCtx, a: WwMutex, b: WwMutex) {
  yield* wwAcquireInit(ctx);
  yield* wwLock(a, ctx);
  yield* wwLockSlow(b, ctx);
}

function* noInit(ctx: AcquireCtx, a: WwMutex) {
  yield* wwLock(a, ctx);
}

function* unlockOnly(a: WwMutex) {
  yield* wwUnlock(a);
}

test("misuse", () => {
  const ctx = () => acquireCtx("c", wwClass("reservation"));
  expect(explore((m) => m.spawn("t", holdsAtEnd, [ctx(), wwMutex("a")])).findings[0]).toMatch(/locks still held/);
  expect(explore((m) => m.spawn("t", slowWithLocks, [ctx(), wwMutex("a"), wwMutex("b")])).findings[0]).toMatch(
    /drop them first/,
  );
  expect(explore((m) => m.spawn("t", noInit, [ctx(), wwMutex("a")])).findings[0]).toMatch(/before wwAcquireInit/);
  expect(explore((m) => m.spawn("t", unlockOnly, [wwMutex("a")])).findings[0]).toMatch(/without holding/);
});

function* plainOne(a: WwMutex) {
  yield* wwLock(a);
  yield* wwUnlock(a);
}

test("a younger task that takes the lock before an older waiter is wounded by it", () => {
  const r = explore((m) => {
    const c = wwClass("reservation");
    const [a, b] = [wwMutex("a"), wwMutex("b")];
    m.spawn("holder", plainOne, [b]);
    m.spawn("t1", both, [acquireCtx("c1", c), a, b]);
    m.spawn("t2", both, [acquireCtx("c2", c), b, a]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

/** As `both`, but once wounded it must not be so again: the older one is done with waiting. */
function* bothBackingOffOnce(ctx: AcquireCtx, a: WwMutex, b: WwMutex) {
  yield* wwAcquireInit(ctx);
  yield* wwLock(a, ctx);
  if ((yield* wwLock(b, ctx)) !== 0) {
    yield* wwUnlock(a);
    yield* wwLockSlow(b, ctx);
    assert((yield* wwLock(a, ctx)) === 0, "wounded twice by one waiter");
  }
  yield* wwUnlock(a);
  yield* wwUnlock(b);
  yield* wwAcquireFini(ctx);
}

test("a wound heals when all locks are dropped", () => {
  const r = explore((m) => {
    const c = wwClass("reservation");
    const [a, b] = [wwMutex("a"), wwMutex("b")];
    m.spawn("t1", bothBackingOffOnce, [acquireCtx("c1", c), a, b]);
    m.spawn("t2", bothBackingOffOnce, [acquireCtx("c2", c), b, a]);
  });
  expect(r.verdicts).toEqual(["ok"]);
});

function* oneUnder(ctx: AcquireCtx, a: WwMutex) {
  yield* wwAcquireInit(ctx);
  yield* wwLock(a, ctx);
  yield* wwUnlock(a);
  yield* wwAcquireFini(ctx);
}

test("that a lock is held for a moment is noticed in coarse steps too", () => {
  const r = exploreBoth((m) => {
    const c = wwClass("reservation", "wait-die");
    const [a, b] = [wwMutex("a"), wwMutex("b")];
    m.spawn("t1", oneUnder, [acquireCtx("c1", c), a]);
    m.spawn("t2", second, [acquireCtx("c2", c), b, a]);
  });
  expect(r.findings).toEqual(["assertion: backed off"]);
});

test("wait-die: nobody waits behind an older waiter", () => {
  const m = Machine.build(
    (m) => {
      const c = wwClass("reservation", "wait-die");
      const [a, b, d] = [wwMutex("a"), wwMutex("b"), wwMutex("d")];
      m.spawn("holder", plainBoth, [a, d]);
      m.spawn("old", oneUnder, [acquireCtx("c1", c), a]);
      m.spawn("young", second, [acquireCtx("c2", c), b, a]);
    },
    { visibleReleases: ["a", "b", "d"], stackWords: 48 },
  );
  for (const t of [0, 1, 2, 1, 2]) m.step(t);
  expect(m.enabled(1)).toBe(false);
  expect(stepWhileEnabled(m, 2)?.message).toBe("backed off");
});
