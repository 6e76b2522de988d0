import {
  A,
  anon,
  begin,
  done,
  drain,
  fill,
  get,
  MADV_DONTNEED,
  MADV_FREE,
  madvise,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvFreeWrite(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* get(A);
  yield* drain();
  yield* register("P", 0);
  yield* begin("FREE 0..2");
  done(yield* madvise(A, 3, MADV_FREE));
  yield* snap("freed", A, 4);
  yield* begin("write 0");
  done(yield* set(A, 9));
  yield* begin("read 1");
  done(yield* get(A + 1));
  yield* drain();
  yield* snap("touched", A, 4);
  yield* begin("FREE 0..3 again");
  done(yield* madvise(A, 4, MADV_FREE));
  yield* snap("freed", A, 4);
  yield* begin("DONTNEED");
  done(yield* madvise(A, 4, MADV_DONTNEED));
}
