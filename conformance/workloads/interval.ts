import {
  A,
  anon,
  begin,
  done,
  fill,
  interval,
  intervalRemove,
  MADV_DONTNEED,
  madvise,
  munmap,
  register,
  type Task,
} from "mayfail/user";

export default function* twoIntervals(): Task {
  yield* anon(A, 8);
  yield* fill(A, 8, 1);
  yield* register("P", 0);
  const i = yield* interval("I2..3", A + 2, 2, 0);
  const j = yield* interval("J3..6", A + 3, 4, 0);
  yield* begin("DONTNEED 0..1 (outside)");
  done(yield* madvise(A, 2, MADV_DONTNEED));
  yield* begin("DONTNEED 3 (both)");
  done(yield* madvise(A + 3, 1, MADV_DONTNEED));
  yield* begin("munmap 6..7 (J)");
  done(yield* munmap(A + 6, 2));
  yield* intervalRemove(i);
  yield* begin("munmap 0..5 (J only)");
  done(yield* munmap(A, 6));
  yield* intervalRemove(j);
}
