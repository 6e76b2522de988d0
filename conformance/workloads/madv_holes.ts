import {
  A,
  anon,
  begin,
  done,
  drain,
  fill,
  MADV_COLD,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_POPULATE_WRITE,
  madvise,
  mprotect,
  PR,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvHoles(): Task {
  yield* anon(A, 2);
  yield* anon(A + 4, 2);
  yield* anon(A + 8, 2);
  yield* mprotect(A + 4, 2, PR);
  yield* fill(A, 2, 1);
  yield* fill(A + 8, 2, 1);
  yield* drain();
  yield* register("P", 0);
  yield* begin("COLD over holes");
  done(yield* madvise(A, 12, MADV_COLD));
  yield* drain();
  yield* snap("cold", A, 10);
  yield* begin("FREE over holes");
  done(yield* madvise(A + 1, 8, MADV_FREE));
  yield* snap("freed", A, 10);
  yield* begin("DONTFORK over holes");
  done(yield* madvise(A, 10, MADV_DONTFORK));
  yield* begin("DONTNEED 1..8");
  done(yield* madvise(A + 1, 8, MADV_DONTNEED));
  yield* snap("after", A, 10);
  yield* begin("POPULATE_WRITE 0..1 then hole");
  done(yield* madvise(A, 6, MADV_POPULATE_WRITE));
  yield* snap("populated", A, 6);
}
