import {
  A,
  begin,
  closeAndUnlink,
  done,
  fill,
  get,
  MADV_REMOVE,
  MAP_SHARED,
  MS_SYNC,
  madvise,
  mark,
  mkfile,
  mmap,
  msync,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvRemoveExt4(): Task {
  const f = yield* mkfile(path("/mnt/f"), 4);
  yield* mmap(A, 4, PW, MAP_SHARED, f, 0);
  yield* fill(A, 4, 1);
  yield* get(A);
  yield* register("P", 0);
  yield* begin("REMOVE 1..2");
  done(yield* madvise(A + 1, 2, MADV_REMOVE));
  yield* snap("A", A, 4);
  mark("reads 1", yield* get(A + 1));
  yield* snap("A", A, 4);
  yield* begin("write 1");
  done(yield* set(A + 1, 5));
  yield* begin("MS_SYNC");
  done(yield* msync(A, 4, MS_SYNC));
  yield* snap("synced", A, 4);
  yield* closeAndUnlink(f);
}
