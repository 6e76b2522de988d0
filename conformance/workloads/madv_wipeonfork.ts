import {
  A,
  anon,
  begin,
  childWait,
  done,
  fill,
  fork,
  MADV_WIPEONFORK,
  madvise,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvWipeonfork(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* madvise(A, 2, MADV_WIPEONFORK);
  yield* register("P", 0);
  begin("fork");
  const p = yield* fork(child);
  done(0);
  yield* childWait(p);
  yield* snap("parent", A, 2);
}

export function* child(): Task {
  yield* snap("child", A, 2);
}
