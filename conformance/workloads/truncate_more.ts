import {
  A,
  B,
  begin,
  closeAndUnlink,
  done,
  ftruncate,
  get,
  MAP_PRIVATE,
  MAP_SHARED,
  mkfile,
  mmap,
  PW,
  path,
  punchHole,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* truncateMore(): Task {
  const f = yield* mkfile(path("/mnt/f"), 4);
  yield* mmap(A, 4, PW, MAP_SHARED, f, 0);
  yield* mmap(B, 4, PW, MAP_PRIVATE, f, 0);
  yield* get(A);
  yield* set(A + 2, 1);
  yield* get(B + 1);
  yield* set(B + 2, 5);
  yield* set(B + 3, 6);
  yield* register("P", 0);
  yield* begin("truncate to 10000 bytes");
  done(yield* ftruncate(f, 10000));
  yield* snap("A", A, 4);
  yield* snap("B", B, 4);
  yield* begin("truncate to 3 pages");
  done(yield* ftruncate(f, 12288));
  yield* begin("truncate to 1 page");
  done(yield* ftruncate(f, 4096));
  yield* snap("A", A, 4);
  yield* snap("B", B, 4);
  yield* begin("grow to 4 pages");
  done(yield* ftruncate(f, 16384));
  yield* begin("write A 3");
  done(yield* set(A + 3, 7));
  yield* snap("A", A, 4);
  yield* begin("punch 2000..14000");
  done(yield* punchHole(f, 2000, 12000));
  yield* snap("A", A, 4);
  yield* begin("truncate to 0");
  done(yield* ftruncate(f, 0));
  yield* snap("A", A, 4);
  yield* closeAndUnlink(f);
}
