import {
  A,
  anon,
  begin,
  done,
  fill,
  MADV_DONTNEED,
  madvise,
  mlock,
  munlock,
  munmap,
  register,
  result,
  snap,
  type Task,
} from "mayfail/user";

export default function* mlockSplit(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* begin("mlock 1..2");
  done(yield* mlock(A + 1, 2));
  yield* snap("locked", A, 4);
  yield* begin("DONTNEED 1");
  result(yield* madvise(A + 1, 1, MADV_DONTNEED));
  yield* begin("munmap 2");
  done(yield* munmap(A + 2, 1));
  yield* begin("munlock 1");
  done(yield* munlock(A + 1, 1));
  yield* snap("unlocked", A, 4);
}
