/** A small atlas for the tests of the commands. */
import type { Task } from "../machine/core.ts";
import type { Machine } from "../machine/machine.ts";
import { lock, type Mutex, mutex, unlock } from "../machine/mutex.ts";
import { type Case, defineCase } from "../machine/scenario.ts";

function* takeBoth(first: Mutex, second: Mutex): Task {
  yield* lock(first);
  yield* lock(second);
  yield* unlock(second);
  yield* unlock(first);
}

export const abBa: Case = defineCase({
  id: "ab-ba",
  title: "two locks in two orders",
  class: "deadlock",
  variants: {
    buggy: {
      expect: "deadlock",
      about: "the second task takes them the other way round",
      rules: "linux-6.1",
      swap: true,
    },
    fixed: { expect: "ok", about: "everybody takes a first", rules: "linux-6.1", swap: false },
  },
  setup: (m, { swap }) => setUpLocks(m, !swap),
});

/** Two tasks take two locks, in one order or not. */
export function setUpLocks(m: Machine, ordered: boolean): void {
  const a = mutex("a");
  const b = mutex("b");
  m.spawn("t1", takeBoth, [a, b]);
  m.spawn("t2", takeBoth, ordered ? [a, b] : [b, a]);
}

export const selfLock: Case = defineCase({
  id: "self-lock",
  title: "a task takes the same lock twice",
  class: "deadlock",
  variants: { buggy: { expect: "deadlock" } },
  setup(m) {
    const a = mutex("a");
    m.spawn("t1", takeBoth, [a, a]);
  },
});

/** Stands for the case of the demonstration: its variants are named HAZARD-ANSWER. */
export const hazards: Case = defineCase({
  id: "gup-reclaim-recursive-wait",
  title: "a stand-in",
  class: "deadlock",
  variants: {
    "a-before": { expect: "deadlock", about: "as it was", locks: 1 },
    "a-after": { expect: "ok", about: "as it is", locks: 2 },
    "b-before": { expect: "ok", about: "as it was", locks: 2 },
    "b-after": { expect: "ok", about: "as it is", locks: 2 },
  },
  setup(m, { locks }) {
    const all = [mutex("a"), mutex("b")];
    m.spawn("worker", takeBoth, [all[0], all[locks - 1]]);
  },
});
