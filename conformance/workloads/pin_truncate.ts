import {
  A,
  B,
  begin,
  closeAndUnlink,
  dmaRead,
  done,
  fill,
  ftruncate,
  get,
  MAP_PRIVATE,
  MAP_SHARED,
  mark,
  mkfile,
  mmap,
  PIN_WRITE,
  PW,
  path,
  pin,
  punchHole,
  register,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinTruncate(): Task {
  const f = yield* mkfile(path("/tmp/f"), 4);
  yield* mmap(A, 4, PW, MAP_SHARED, f, 0);
  yield* mmap(B, 4, PW, MAP_PRIVATE, f, 0);
  yield* fill(A, 4, 1);
  yield* fill(B, 2, 10);
  yield* register("P", 0);
  const a = yield* pin(A + 1, 2, PIN_WRITE);
  const b = yield* pin(B, 2, PIN_WRITE);
  yield* begin("truncate to 6000 bytes");
  done(yield* ftruncate(f, 6000));
  yield* snap("A", A, 4);
  yield* snap("B", B, 4);
  mark("device reads A 2", yield* dmaRead(a, 1));
  mark("device reads B 1", yield* dmaRead(b, 1));
  yield* begin("truncate to 4 pages");
  done(yield* ftruncate(f, 16384));
  mark("reads A 2", yield* get(A + 2));
  yield* snap("A", A, 4);
  yield* begin("punch 0..1");
  done(yield* punchHole(f, 0, 8192));
  yield* snap("A", A, 4);
  yield* snap("B", B, 4);
  yield* unpin(a, true);
  yield* unpin(b, true);
  yield* closeAndUnlink(f);
}
