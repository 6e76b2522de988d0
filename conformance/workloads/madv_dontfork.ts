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
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvDontfork(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  begin("DONTFORK 0..1");
  done(yield* madvise(A, 2, MADV_DONTFORK));
  yield* register("P", 0);
  begin("fork");
  const p = yield* fork(child);
  done(0);
  yield* childWait(p);
  yield* snap("parent", A, 4);
}

export function* child(): Task {
  yield* snap("child", A, 4);
}
