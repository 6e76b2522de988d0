import {
  A,
  anon,
  B,
  begin,
  C,
  closeAndUnlink,
  done,
  fill,
  MAP_PRIVATE,
  MAP_SHARED,
  MS_ASYNC,
  MS_INVALIDATE,
  MS_SYNC,
  mkfile,
  mlock,
  mmap,
  msync,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* msyncErrors(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* mmap(A, 2, PW, MAP_SHARED, f, 0);
  yield* fill(A, 2, 1);
  yield* anon(A + 4, 1);
  yield* mmap(B, 2, PW, MAP_SHARED, f, 0);
  yield* mlock(B, 2);
  yield* mmap(C, 2, PW, MAP_PRIVATE, f, 0);
  yield* set(C, 1);
  yield* register("P", 0);
  yield* begin("SYNC|ASYNC");
  done(yield* msync(A, 2, MS_SYNC | MS_ASYNC));
  yield* begin("flag 8");
  done(yield* msync(A, 2, 8));
  yield* begin("0 pages");
  done(yield* msync(A, 0, MS_SYNC));
  yield* begin("ASYNC");
  done(yield* msync(A, 2, MS_ASYNC));
  yield* begin("SYNC private");
  done(yield* msync(C, 2, MS_SYNC));
  yield* begin("INVALIDATE locked");
  done(yield* msync(B, 2, MS_INVALIDATE));
  yield* begin("SYNC|INVALIDATE locked");
  done(yield* msync(B, 2, MS_SYNC | MS_INVALIDATE));
  yield* begin("ASYNC hole");
  done(yield* msync(A, 6, MS_ASYNC));
  yield* begin("SYNC hole");
  done(yield* msync(A, 6, MS_SYNC));
  yield* snap("A", A, 2);
  yield* begin("flags 0");
  done(yield* msync(A, 2, 0));
  yield* begin("SYNC unmapped");
  done(yield* msync(windowAt(3), 1, MS_SYNC));
  yield* begin("write 0");
  done(yield* set(A, 5));
  yield* begin("SYNC 1");
  done(yield* msync(A + 1, 1, MS_SYNC));
  yield* begin("SYNC 0");
  done(yield* msync(A, 1, MS_SYNC));
  yield* snap("A", A, 2);
  yield* closeAndUnlink(f);
}
