import {
  A,
  begin,
  closeAndUnlink,
  done,
  ftruncate,
  get,
  MADV_DONTNEED,
  MAP_PRIVATE,
  madvise,
  mkfile,
  mmap,
  type Path,
  PW,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

/** A private mapping of a file: what is written is the process's own, what is not follows the file. */
export function* filePrivate(file: Path): Task {
  const f = yield* mkfile(file, 4);
  yield* mmap(A, 4, PW, MAP_PRIVATE, f, 0);
  yield* get(A);
  yield* get(A + 1);
  yield* get(A + 2);
  yield* register("P", 0);
  yield* snap("read", A, 4);
  yield* begin("write page 0 (COW)");
  done(yield* set(A, 1));
  yield* begin("write page 3 (direct)");
  done(yield* set(A + 3, 1));
  yield* snap("written", A, 4);
  yield* begin("DONTNEED 0");
  done(yield* madvise(A, 1, MADV_DONTNEED));
  yield* begin("ftruncate 0");
  done(yield* ftruncate(f, 0));
  yield* snap("truncated", A, 4);
  yield* closeAndUnlink(f);
}
