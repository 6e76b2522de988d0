import {
  A,
  B,
  begin,
  closeAndUnlink,
  done,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MAP_PRIVATE,
  MAP_SHARED,
  madvise,
  mark,
  mkfile,
  mmap,
  PIN_WRITE,
  PW,
  path,
  pin,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* populateBeyond(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* mmap(A, 4, PW, MAP_SHARED, f, 0);
  yield* mmap(B, 4, PW, MAP_PRIVATE, f, 0);
  yield* register("P", 0);
  yield* begin("POPULATE_READ beyond the end");
  done(yield* madvise(A, 4, MADV_POPULATE_READ));
  yield* snap("A", A, 4);
  yield* begin("POPULATE_WRITE beyond the end");
  done(yield* madvise(A, 4, MADV_POPULATE_WRITE));
  yield* snap("A", A, 4);
  yield* begin("POPULATE_WRITE private");
  done(yield* madvise(B, 4, MADV_POPULATE_WRITE));
  yield* snap("B", B, 4);
  mark("pin beyond the end", yield* pin(A + 1, 2, PIN_WRITE));
  mark("pin beyond the end", yield* pin(A + 2, 2, PIN_WRITE));
  yield* closeAndUnlink(f);
}
