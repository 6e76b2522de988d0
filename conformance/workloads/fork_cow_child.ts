import {
  A,
  anon,
  begin,
  childWait,
  done,
  fill,
  fork,
  openPipes,
  openProbe,
  register,
  set,
  snap,
  type Task,
  unregister,
} from "mayfail/user";

export default function* forkCowChild(): Task {
  yield* openPipes();
  yield* anon(A, 4);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* childWait(p);
  yield* begin("parent write page 0 (child gone)");
  done(yield* set(A, 8));
  yield* snap("parent end", A, 2);
}

export function* child(): Task {
  yield* openProbe();
  yield* register("C", 0);
  yield* begin("child write page 0");
  done(yield* set(A, 9));
  yield* snap("child after write", A, 2);
  yield* unregister();
}
