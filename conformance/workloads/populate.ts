import {
  A,
  B,
  C,
  MAP_ANONYMOUS,
  MAP_POPULATE,
  MAP_PRIVATE,
  MAP_SHARED,
  mmap,
  PR,
  PW,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* populate(): Task {
  yield* register("P", 0);
  yield* mmap(A, 4, PW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, null, 0);
  yield* snap("private", A, 4);
  yield* mmap(B, 2, PR, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, null, 0);
  yield* snap("read-only", B, 2);
  yield* mmap(C, 2, PW, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, null, 0);
  yield* snap("shared", C, 2);
}
