import {
  A,
  begin,
  closeAndUnlink,
  done,
  drain,
  get,
  MADV_COLD,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_POPULATE_WRITE,
  MAP_PRIVATE,
  madvise,
  mkfile,
  mmap,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvPrivateFile(): Task {
  const f = yield* mkfile(path("/mnt/f"), 4);
  yield* mmap(A, 4, PW, MAP_PRIVATE, f, 0);
  yield* get(A);
  yield* set(A + 1, 7);
  yield* get(A + 2);
  yield* drain();
  yield* register("P", 0);
  yield* begin("COLD");
  done(yield* madvise(A, 4, MADV_COLD));
  yield* drain();
  yield* snap("cold", A, 4);
  yield* begin("FREE");
  done(yield* madvise(A, 4, MADV_FREE));
  yield* begin("DONTNEED 0..3");
  done(yield* madvise(A, 4, MADV_DONTNEED));
  yield* snap("after", A, 4);
  yield* begin("read 1");
  done(yield* get(A + 1));
  yield* snap("again", A, 4);
  yield* begin("POPULATE_WRITE");
  done(yield* madvise(A, 4, MADV_POPULATE_WRITE));
  yield* snap("populated", A, 4);
  yield* closeAndUnlink(f);
}
