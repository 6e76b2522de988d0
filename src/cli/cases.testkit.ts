/** A small atlas for the tests of the commands. */
import type { Task } from "../machine/core.ts";
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
  setup(m, { swap }) {
    const a = mutex("a");
    const b = mutex("b");
    m.spawn("t1", takeBoth, [a, b]);
    m.spawn("t2", takeBoth, swap ? [b, a] : [a, b]);
  },
});

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
