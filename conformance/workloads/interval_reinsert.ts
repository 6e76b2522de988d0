import {
  A,
  anon,
  B,
  begin,
  done,
  fill,
  interval,
  intervalRemove,
  MADV_DONTNEED,
  madvise,
  mark,
  munmap,
  register,
  set,
  type Task,
} from "mayfail/user";

export default function* intervalReinsert(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  const i = yield* interval("I", A, 2, 0);
  yield* begin("DONTNEED 0");
  done(yield* madvise(A, 1, MADV_DONTNEED));
  yield* begin("DONTNEED 3 (outside)");
  done(yield* madvise(A + 3, 1, MADV_DONTNEED));
  yield* intervalRemove(i);
  yield* begin("DONTNEED 0 (none)");
  done(yield* madvise(A, 1, MADV_DONTNEED));
  const j = yield* interval("J", A + 1, 2, 0);
  yield* register("P", 0);
  yield* begin("DONTNEED 0..3");
  done(yield* madvise(A, 4, MADV_DONTNEED));
  const n = yield* interval("K", B, 2, 0);
  yield* anon(B, 2);
  yield* set(B, 1);
  yield* begin("munmap B");
  done(yield* munmap(B, 2));
  mark("empty interval", yield* interval("E", A, 0, 0));
  yield* intervalRemove(j);
  yield* intervalRemove(n);
}
