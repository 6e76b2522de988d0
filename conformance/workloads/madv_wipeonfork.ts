import {
  A,
  anon,
  childWait,
  fill,
  fork,
  MADV_WIPEONFORK,
  madvise,
  mark,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvWipeonfork(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* madvise(A, 2, MADV_WIPEONFORK);
  yield* register("P", 0);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* childWait(p);
  yield* snap("parent", A, 2);
}

export function* child(): Task {
  yield* snap("child", A, 2);
}
