import {
  A,
  B,
  begin,
  childWait,
  closeAndUnlink,
  done,
  fill,
  fork,
  get,
  MAP_PRIVATE,
  MAP_SHARED,
  mark,
  mkfile,
  mmap,
  PW,
  path,
  register,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* forkShmPrivate(): Task {
  const f = yield* mkfile(path("/tmp/f"), 2);
  yield* mmap(A, 2, PW, MAP_PRIVATE, f, 0);
  yield* get(A);
  yield* set(A + 1, 1);
  yield* mmap(B, 2, PW, MAP_SHARED, f, 0);
  yield* set(B, 5);
  yield* register("P", 0);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* childWait(p);
  yield* snap("A", A, 2);
  yield* snap("B", B, 2);
  yield* begin("write A");
  done(yield* fill(A, 2, 7));
  yield* snap("A", A, 2);
  yield* closeAndUnlink(f);
}

export function* child(): Task {
  yield* set(A, 9);
  yield* set(B + 1, 9);
  yield* snap("child", A, 2);
  yield* snap("child", B, 2);
}
