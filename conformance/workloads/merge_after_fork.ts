import {
  A,
  anon,
  begin,
  childWait,
  done,
  fill,
  fork,
  MADV_DONTNEED,
  madvise,
  mprotect,
  openProbe,
  PR,
  PW,
  register,
  type Task,
  unregister,
} from "mayfail/user";

export default function* mergeAfterFork(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  const p = yield* fork(child);
  yield* childWait(p);
  yield* register("P", 0);
  yield* begin("mprotect RO 2..3");
  done(yield* mprotect(A + 2, 2, PR));
  yield* begin("mprotect RW 2..3");
  done(yield* mprotect(A + 2, 2, PW));
  yield* begin("DONTNEED 0..3");
  done(yield* madvise(A, 4, MADV_DONTNEED));
  yield* anon(A + 4, 2);
  yield* fill(A + 4, 2, 1);
  yield* begin("DONTNEED 0..5");
  done(yield* madvise(A, 6, MADV_DONTNEED));
  const q = yield* fork(child2);
  yield* childWait(q);
}

export function* child(): Task {}

export function* child2(): Task {
  yield* openProbe();
  yield* register("C", 0);
  yield* anon(A + 6, 2);
  yield* fill(A + 6, 2, 1);
  yield* begin("child DONTNEED 0..7");
  done(yield* madvise(A, 8, MADV_DONTNEED));
  yield* mprotect(A + 2, 2, PR);
  yield* mprotect(A + 2, 2, PW);
  yield* begin("child DONTNEED 0..7 again");
  done(yield* madvise(A, 8, MADV_DONTNEED));
  yield* unregister();
}
