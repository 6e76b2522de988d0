import { expect, test } from "vitest";
import type { Task } from "../../machine/core.ts";
import { buildSequential, runSequentially } from "../../machine/sequential.ts";
import { createKernel, type Kernel } from "../kernel.ts";
import type { Mm } from "../mmTypes.ts";
import { PTE_YOUNG, pteAt } from "../pageTable.ts";
import { createProcess, syscalls } from "../syscalls.ts";
import { A, anon, childWait, clearRefs, fork, get, madvise, set } from "./api.ts";
import { startProcess } from "./process.ts";
import { createUserSpace, self, userSpace } from "./space.ts";

const seen: (number | boolean)[] = [];

function run(body: () => Task, guest: boolean): (number | boolean)[] {
  seen.length = 0;
  const m = buildSequential((machine) => {
    const k: Kernel = createKernel(machine, {});
    createUserSpace(machine, k, syscalls, guest);
    machine.keep(ends);
    startProcess(only, { body }, createProcess(machine, k, "P"), 1);
  });
  const finding = runSequentially(m);
  if (finding) throw finding;
  return [...seen];
}

function* only({ body }: { body: () => Task }): Task {
  yield* body();
}
const young = (): void => void seen.push((pteAt(userSpace().k, self().mm as Mm, A) & PTE_YOUNG) !== 0);

const CLEAR_YOUNG = 1;
const CLEAR_SOFT_DIRTY = 4;
const MADV_COLD = 20;

function* looksIdle(): Task {
  yield* anon(A, 2);
  yield* set(A, 7);
  young();
  yield* clearRefs(CLEAR_YOUNG);
  yield* set(A, 8);
  seen.push(yield* get(A));
  young();
}

test("without a flush a page that is used looks idle; in a search every access walks", () => {
  expect(run(looksIdle, true)).toEqual([true, 8, false]);
  expect(run(looksIdle, false)).toEqual([true, 8, true]);
});

function* flushed(): Task {
  yield* anon(A, 2);
  yield* set(A, 7);
  // The flush of the one page.
  yield* madvise(A, 1, MADV_COLD);
  young();
  yield* get(A);
  young();
  // Of all.
  yield* clearRefs(CLEAR_YOUNG);
  yield* clearRefs(CLEAR_SOFT_DIRTY);
  yield* get(A);
  young();
}

test("a flush makes the next access walk, whether the entry has changed or not", () => {
  expect(run(flushed, true)).toEqual([false, true, true]);
});

function* switches(): Task {
  yield* anon(A, 2);
  const child = yield* fork(ends);
  yield* get(A + 1);
  yield* set(A, 1);
  yield* clearRefs(CLEAR_YOUNG);
  yield* childWait(child);
  yield* get(A);
  young();
}
function* ends(): Task {
  yield* get(A + 1);
}

test("another process on the CPU flushes all", () => {
  expect(run(switches, true)).toEqual([true]);
});

function* firstStore(): Task {
  yield* anon(A, 1);
  yield* get(A);
  yield* set(A, 5);
  seen.push(yield* get(A));
  young();
}

test("what was cached for reading lets no store pass", () => {
  expect(run(firstStore, true)).toEqual([5, true]);
});
