import {
  A,
  B,
  begin,
  C,
  closeAndUnlink,
  done,
  ftruncate,
  get,
  MAP_PRIVATE,
  MAP_SHARED,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  MS_SYNC,
  mkfile,
  mmap,
  mremap,
  msync,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* mremapFiles(): Task {
  const f = yield* mkfile(path("/mnt/f"), 4);
  yield* mmap(A, 4, PW, MAP_SHARED, f, 0);
  yield* set(A, 1);
  yield* get(A + 1);
  yield* mmap(B, 2, PW, MAP_PRIVATE, f, 0);
  yield* set(B, 1);
  yield* get(B + 1);
  yield* register("P", 0);
  yield* begin("mremap shared A 0..1 -> C");
  done(yield* mremap(A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, C));
  yield* snap("shared", C, 2);
  yield* begin("mremap private B -> D");
  done(yield* mremap(B, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, windowAt(3)));
  yield* snap("private", windowAt(3), 2);
  yield* begin("write C 0");
  done(yield* set(C, 5));
  yield* begin("msync C");
  done(yield* msync(C, 2, MS_SYNC));
  yield* begin("mremap C grow to 3 at E");
  done(yield* mremap(C, 2, 3, MREMAP_MAYMOVE | MREMAP_FIXED, windowAt(4)));
  yield* begin("read E 2");
  done(yield* get(windowAt(4) + 2));
  yield* snap("grown", windowAt(4), 3);
  yield* begin("truncate to 1 page");
  done(yield* ftruncate(f, 4096));
  yield* snap("truncated", windowAt(4), 3);
  yield* snap("private", windowAt(3), 2);
  yield* closeAndUnlink(f);
}
