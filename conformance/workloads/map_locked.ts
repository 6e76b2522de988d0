import {
  A,
  B,
  begin,
  C,
  done,
  drain,
  MAP_ANONYMOUS,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_POPULATE,
  MAP_PRIVATE,
  mmap,
  munmap,
  PR,
  PROT_NONE,
  PW,
  register,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* mapLocked(): Task {
  yield* register("P", 0);
  yield* begin("mmap MAP_LOCKED");
  done(yield* mmap(A, 4, PW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, null, 0));
  yield* drain();
  yield* snap("A", A, 4);
  yield* begin("mmap MAP_LOCKED read-only");
  done(yield* mmap(B, 2, PR, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, null, 0));
  yield* snap("B", B, 2);
  yield* begin("munmap 1");
  done(yield* munmap(A + 1, 1));
  yield* begin("mmap into the hole");
  done(yield* mmap(A + 1, 1, PW, MAP_PRIVATE | MAP_ANONYMOUS, null, 0));
  yield* snap("A", A, 4);
  yield* begin("mmap MAP_NORESERVE");
  done(yield* mmap(C, 2, PW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, null, 0));
  yield* begin("mmap MAP_POPULATE, PROT_NONE");
  done(yield* mmap(windowAt(3), 2, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, null, 0));
  yield* snap("D", windowAt(3), 2);
}
