import {
  A,
  anon,
  B,
  begin,
  childWait,
  done,
  fill,
  fork,
  MADV_KEEPONFORK,
  MADV_WIPEONFORK,
  MAP_ANONYMOUS,
  MAP_SHARED,
  madvise,
  mark,
  mmap,
  PIN_WRITE,
  PW,
  pin,
  register,
  set,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* wipeonforkMore(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* begin("WIPEONFORK 1..2");
  done(yield* madvise(A + 1, 2, MADV_WIPEONFORK));
  yield* begin("KEEPONFORK 2");
  done(yield* madvise(A + 2, 1, MADV_KEEPONFORK));
  yield* mmap(B, 1, PW, MAP_SHARED | MAP_ANONYMOUS, null, 0);
  yield* begin("WIPEONFORK shared");
  done(yield* madvise(B, 1, MADV_WIPEONFORK));
  yield* register("P", 0);
  const a = yield* pin(A + 1, 1, PIN_WRITE);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* childWait(p);
  yield* snap("parent", A, 4);
  yield* unpin(a, false);
}

export function* child(): Task {
  yield* snap("child", A, 4);
  yield* set(A + 1, 5);
  yield* snap("child", A, 4);
}
