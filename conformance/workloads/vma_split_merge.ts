import {
  A,
  anon,
  begin,
  done,
  fill,
  MADV_DONTNEED,
  madvise,
  mprotect,
  PR,
  PROT_NONE,
  PW,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* vmaSplitMerge(): Task {
  yield* anon(A, 8);
  yield* fill(A, 8, 1);
  yield* register("P", 0);
  yield* begin("mprotect RO 2..3");
  done(yield* mprotect(A + 2, 2, PR));
  yield* snap("split", A, 5);
  yield* begin("DONTNEED 1..4");
  done(yield* madvise(A + 1, 4, MADV_DONTNEED));
  yield* begin("mprotect RW 2..3");
  done(yield* mprotect(A + 2, 2, PW));
  yield* begin("write page 2");
  done(yield* set(A + 2, 9));
  yield* snap("merged", A, 5);
  yield* begin("mprotect NONE 0..7");
  done(yield* mprotect(A, 8, PROT_NONE));
  yield* snap("none", A, 5);
}
