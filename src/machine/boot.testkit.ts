/** For tests: what a case does before its first step. */
import { type Cell, fetchAdd, readOnce } from "./cell.ts";
import type { Task } from "./core.ts";
import { must } from "./finding.ts";
import { lock, type Mutex, trylock, unlock } from "./mutex.ts";
import { choose, spawn, until } from "./wait.ts";

export function* bootRegisters(value: Cell, l: Mutex, n: number): Task {
  yield* choose(3);
  yield* lock(l);
  yield* adds(value, n);
  yield* unlock(l);
}
function* adds(value: Cell, n: number): Task {
  yield* fetchAdd(value, n);
}
export function* finds(value: Cell, expected: number): Task {
  const found = yield* readOnce(value);
  must(found === expected, "assertion", `${found} instead of ${expected}`);
}
export function* uses(box: { value: number }): Task {
  yield* choose(1);
  box.value++;
}
export function* bootTries(l: Mutex): Task {
  must(yield* trylock(l), "assertion", "nobody else runs");
  yield* unlock(l);
}
export function* forgets(l: Mutex): Task {
  yield* lock(l);
}
export function* bootReleases(l: Mutex): Task {
  yield* unlock(l);
}
export function* bootWaits(c: Cell): Task {
  yield* until(() => c.value === 1, c);
}
export function* bootSpawns(c: Cell): Task {
  spawn(adds, c, 1);
}
