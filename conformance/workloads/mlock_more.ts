import {
  A,
  anon,
  B,
  begin,
  C,
  done,
  drain,
  fill,
  MAP_ANONYMOUS,
  MAP_PRIVATE,
  MAP_SHARED,
  mlock,
  mmap,
  mprotect,
  munlock,
  munmap,
  PR,
  PROT_NONE,
  PW,
  register,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* mlockMore(): Task {
  yield* anon(A, 4);
  yield* fill(A, 1, 1);
  yield* mmap(B, 2, PR, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* mmap(C, 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, null, 0);
  yield* mmap(windowAt(3), 2, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* drain();
  yield* register("P", 0);
  yield* begin("mlock over a hole");
  done(yield* mlock(A, 6));
  yield* snap("A", A, 4);
  yield* begin("mlock read-only");
  done(yield* mlock(B, 2));
  yield* snap("B", B, 2);
  yield* begin("mlock PROT_NONE");
  done(yield* mlock(C, 2));
  yield* begin("mlock shared");
  done(yield* mlock(windowAt(3), 2));
  yield* snap("D", windowAt(3), 2);
  yield* begin("munlock over a hole");
  done(yield* munlock(A + 2, 4));
  yield* snap("A", A, 4);
  yield* begin("mlock nothing");
  done(yield* mlock(A, 0));
  yield* begin("mlock again 0..3");
  done(yield* mlock(A, 4));
  yield* begin("mprotect RO 0");
  done(yield* mprotect(A, 1, PR));
  yield* begin("munmap 1");
  done(yield* munmap(A + 1, 1));
  yield* begin("munlock 2");
  done(yield* munlock(A + 2, 1));
  yield* snap("A", A, 4);
  yield* begin("mprotect C RW");
  done(yield* mprotect(C, 2, PW));
  yield* snap("C", C, 2);
}
