import {
  A,
  anon,
  B,
  begin,
  C,
  done,
  drain,
  fill,
  MADV_DONTNEED,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  MCL_CURRENT,
  MCL_ONFAULT,
  madvise,
  mlockall,
  mmap,
  munlockall,
  PROT_NONE,
  PW,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* mlockallCurrent(): Task {
  yield* anon(A, 2);
  yield* fill(A, 1, 1);
  yield* mmap(B, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* mmap(C, 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* drain();
  yield* register("P", 0);
  yield* begin("mlockall 0");
  done(yield* mlockall(0));
  yield* begin("mlockall ONFAULT");
  done(yield* mlockall(MCL_ONFAULT));
  yield* begin("mlockall CURRENT");
  done(yield* mlockall(MCL_CURRENT));
  yield* drain();
  yield* snap("A", A, 2);
  yield* snap("B", B, 1);
  yield* snap("C", C, 2);
  yield* begin("DONTNEED");
  done(yield* madvise(A, 1, MADV_DONTNEED));
  yield* begin("munlockall");
  done(yield* munlockall());
  yield* drain();
  yield* snap("A", A, 2);
  yield* begin("DONTNEED");
  done(yield* madvise(A, 1, MADV_DONTNEED));
}
