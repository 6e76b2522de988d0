import {
  A,
  begin,
  closeAndUnlink,
  done,
  fsync,
  get,
  MAP_SHARED,
  MS_SYNC,
  mkfile,
  mmap,
  msync,
  type Path,
  PW,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

/** A shared mapping of a file is read, written, written back and written again. */
export function* fileShared(file: Path): Task {
  const f = yield* mkfile(file, 4);
  yield* mmap(A, 4, PW, MAP_SHARED, f, 0);
  yield* get(A);
  yield* get(A + 1);
  yield* register("P", 0);
  yield* snap("mapped, read", A, 3);
  yield* begin("write page 0");
  done(yield* set(A, 1));
  yield* snap("written", A, 2);
  yield* begin("msync MS_SYNC");
  done(yield* msync(A, 4, MS_SYNC));
  yield* snap("synced", A, 2);
  yield* begin("write page 0 again");
  done(yield* set(A, 2));
  yield* snap("rewritten", A, 2);
  yield* begin("fsync");
  done(yield* fsync(f));
  yield* snap("fsynced", A, 2);
  yield* closeAndUnlink(f);
}
