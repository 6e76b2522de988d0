import {
  A,
  B,
  begin,
  C,
  closeAndUnlink,
  done,
  fill,
  get,
  MADV_REMOVE,
  MAP_PRIVATE,
  MAP_SHARED,
  madvise,
  mark,
  mkfile,
  mmap,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
  windowAt,
} from "mayfail/user";

export default function* madvRemoveShared(): Task {
  const f = yield* mkfile(path("/tmp/f"), 4);
  yield* mmap(A, 4, PW, MAP_SHARED, f, 0);
  yield* mmap(B, 4, PW, MAP_SHARED, f, 0);
  yield* mmap(C, 4, PW, MAP_PRIVATE, f, 0);
  yield* mmap(windowAt(3), 2, PW, MAP_SHARED, f, 2);
  yield* fill(A, 4, 1);
  yield* get(B + 1);
  yield* get(C + 1);
  yield* set(C + 2, 7);
  yield* get(windowAt(3));
  yield* register("P", 0);
  yield* begin("REMOVE A 1..2");
  done(yield* madvise(A + 1, 2, MADV_REMOVE));
  yield* snap("A", A, 4);
  yield* snap("B", B, 4);
  yield* snap("C", C, 4);
  yield* snap("D", windowAt(3), 2);
  mark("reads B 1", yield* get(B + 1));
  mark("reads C 2", yield* get(C + 2));
  yield* begin("REMOVE over the end");
  done(yield* madvise(A + 3, 2, MADV_REMOVE));
  yield* snap("A", A, 4);
  yield* closeAndUnlink(f);
}
