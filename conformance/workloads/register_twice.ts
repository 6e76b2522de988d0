import {
  A,
  anon,
  begin,
  done,
  fill,
  MADV_DONTNEED,
  madvise,
  mark,
  munmap,
  NORANGE,
  register,
  type Task,
  unregister,
} from "mayfail/user";

export default function* registerTwice(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  mark("register", yield* register("P", 0));
  mark("register again", yield* register("P", 0));
  yield* begin("DONTNEED 0");
  done(yield* madvise(A, 1, MADV_DONTNEED));
  yield* unregister();
  yield* begin("DONTNEED 1");
  done(yield* madvise(A + 1, 1, MADV_DONTNEED));
  mark("register", yield* register("Q", NORANGE));
  yield* begin("munmap");
  done(yield* munmap(A, 2));
}
