import {
  A,
  anon,
  B,
  C,
  childWait,
  enterCgroup,
  fill,
  fork,
  interval,
  MAP_ANONYMOUS,
  MAP_SHARED,
  mark,
  memoryMax,
  memorySwapMax,
  mmap,
  openProbe,
  PW,
  register,
  sleep,
  type Task,
  thread,
} from "mayfail/user";

const NO_LIMIT = -1;

/** A child in a cgroup of 2 MiB without swap touches 4 MiB. A thread of it hangs in the kernel, so the reaper finds its memory. */
export function* oom(victim: () => Task): Task {
  yield* anon(A, 2);
  yield* memorySwapMax(0);
  yield* memoryMax(2097152);
  const p = yield* fork(victim);
  mark("victim reaped (status)", yield* childWait(p));
  yield* memoryMax(NO_LIMIT);
  yield* memorySwapMax(NO_LIMIT);
}

/** What the child does; below 0 = it has no such subscription. */
export function* greedy(flags: number, intervalFlags: number): Task {
  yield* openProbe();
  enterCgroup();
  yield* anon(A, 4);
  yield* anon(B, 1024);
  yield* mmap(C, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(A, 4, 1);
  yield* fill(C, 2, 1);
  if (flags >= 0) yield* register("V", flags);
  if (intervalFlags >= 0) yield* interval("I", A, 4, intervalFlags);
  yield* thread(hang);
  yield* sleep(10);
  mark("> touch 1024 pages, memory.max 512 pages", 0);
  yield* fill(B, 1024, 1);
  mark("< not killed", 0);
}

export function* hang(): Task {
  yield* sleep(4000);
}
