import {
  A,
  anon,
  begin,
  done,
  fill,
  MADV_DONTNEED,
  madvise,
  mprotect,
  munmap,
  PR,
  register,
  result,
  snap,
  type Task,
} from "mayfail/user";

export default function* vmaHole(): Task {
  yield* anon(A, 2);
  yield* anon(A + 4, 2);
  yield* fill(A, 2, 1);
  yield* fill(A + 4, 2, 5);
  yield* register("P", 0);
  yield* begin("DONTNEED 0..5");
  result(yield* madvise(A, 6, MADV_DONTNEED));
  yield* fill(A, 2, 1);
  yield* fill(A + 4, 2, 5);
  yield* begin("mprotect RO 0..5");
  result(yield* mprotect(A, 6, PR));
  yield* snap("after", A, 6);
  yield* begin("munmap 0..5");
  done(yield* munmap(A, 6));
}
