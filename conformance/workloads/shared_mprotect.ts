import {
  A,
  begin,
  done,
  fill,
  get,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_SHARED,
  madvise,
  mark,
  mmap,
  mprotect,
  PR,
  PW,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* sharedMprotect(): Task {
  yield* mmap(A, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* begin("mprotect RO");
  done(yield* mprotect(A, 2, PR));
  yield* snap("ro", A, 2);
  yield* begin("mprotect RW");
  done(yield* mprotect(A, 2, PW));
  yield* snap("rw", A, 2);
  yield* begin("write page 0");
  done(yield* set(A, 9));
  yield* snap("written", A, 2);
  yield* begin("DONTNEED 1");
  done(yield* madvise(A + 1, 1, MADV_DONTNEED));
  mark("reads page 1", yield* get(A + 1));
  yield* snap("again", A, 2);
}
