import {
  A,
  begin,
  closeAndUnlink,
  done,
  drain,
  fill,
  get,
  MADV_PAGEOUT,
  MAP_SHARED,
  madvise,
  mkfile,
  mmap,
  PIN_WRITE,
  PW,
  path,
  pin,
  register,
  result,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* shmemPageout(): Task {
  const file = yield* mkfile(path("/tmp/f"), 4);
  yield* mmap(A, 4, PW, MAP_SHARED, file, 0);
  yield* fill(A, 4, 1);
  yield* drain();
  yield* register("P", 0);
  const a = yield* pin(A + 1, 1, PIN_WRITE);
  yield* begin("PAGEOUT 0..3");
  done(yield* madvise(A, 4, MADV_PAGEOUT));
  yield* snap("out", A, 4);
  yield* begin("read page 0");
  result(yield* get(A));
  yield* snap("in", A, 2);
  yield* unpin(a, false);
  yield* closeAndUnlink(file);
}
