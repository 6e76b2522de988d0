import {
  A,
  anon,
  begin,
  childWait,
  done,
  fill,
  fork,
  MADV_DONTFORK,
  madvise,
  mark,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvDontfork(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* begin("DONTFORK 0..1");
  done(yield* madvise(A, 2, MADV_DONTFORK));
  yield* register("P", 0);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* childWait(p);
  yield* snap("parent", A, 4);
}

export function* child(): Task {
  yield* snap("child", A, 4);
}
