import {
  A,
  anon,
  B,
  begin,
  C,
  closeAndUnlink,
  done,
  MAP_PRIVATE,
  MAP_SHARED,
  mkfile,
  mmap,
  PIN_WRITE,
  PR,
  PW,
  path,
  pin,
  register,
  set,
  snap,
  type Task,
  unpin,
  windowAt,
} from "mayfail/user";

export default function* pinReadonlyKinds(): Task {
  const f = yield* mkfile(path("/mnt/f"), 2);
  yield* anon(A, 2);
  yield* mmap(B, 2, PR, MAP_PRIVATE, f, 0);
  yield* mmap(C, 2, PW, MAP_PRIVATE, f, 0);
  yield* mmap(windowAt(3), 2, PW, MAP_SHARED, f, 0);
  yield* register("P", 0);
  const a = yield* pin(A, 2, 0);
  const b = yield* pin(B, 2, 0);
  const c = yield* pin(C, 2, 0);
  const d = yield* pin(windowAt(3), 2, 0);
  yield* snap("A", A, 2);
  yield* snap("B", B, 2);
  yield* snap("C", C, 2);
  yield* snap("D", windowAt(3), 2);
  yield* begin("write A");
  done(yield* set(A, 1));
  yield* begin("write C");
  done(yield* set(C, 1));
  yield* begin("write D");
  done(yield* set(windowAt(3), 1));
  yield* snap("A", A, 2);
  yield* snap("C", C, 2);
  yield* snap("D", windowAt(3), 2);
  yield* unpin(a, false);
  yield* unpin(b, false);
  yield* unpin(c, false);
  yield* unpin(d, false);
  const g = yield* pin(C, 2, PIN_WRITE);
  yield* snap("C", C, 2);
  yield* unpin(g, true);
  yield* closeAndUnlink(f);
}
