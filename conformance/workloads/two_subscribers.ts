import {
  A,
  anon,
  begin,
  done,
  fill,
  get,
  MADV_DONTNEED,
  madvise,
  openProbe,
  register,
  set,
  type Task,
} from "mayfail/user";

export default function* twoSubscribers(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* openProbe();
  yield* register("Q", 0);
  yield* begin("DONTNEED 0");
  done(yield* madvise(A, 1, MADV_DONTNEED));
  yield* begin("read page 0");
  done(yield* get(A));
  yield* begin("write page 0");
  done(yield* set(A, 9));
}
