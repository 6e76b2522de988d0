import {
  A,
  begin,
  closeAndUnlink,
  done,
  fill,
  ftruncate,
  MADV_REMOVE,
  MAP_SHARED,
  madvise,
  mkfile,
  mmap,
  type Path,
  PG,
  PW,
  punchHole,
  register,
  snap,
  type Task,
} from "mayfail/user";

/** Three ways to take pages out of a file that is mapped. */
export function* fileTruncate(file: Path): Task {
  const f = yield* mkfile(file, 8);
  yield* mmap(A, 8, PW, MAP_SHARED, f, 0);
  yield* fill(A, 8, 1);
  yield* register("P", 0);
  yield* begin("ftruncate to 5.5 pages");
  done(yield* ftruncate(f, 5 * PG + 2048));
  yield* snap("after", A, 8);
  yield* begin("punch hole 1..2");
  done(yield* punchHole(f, PG, 2 * PG));
  yield* snap("after", A, 8);
  yield* begin("madvise REMOVE 3");
  done(yield* madvise(A + 3, 1, MADV_REMOVE));
  yield* snap("after", A, 8);
  yield* closeAndUnlink(f);
}
