import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  fill,
  fork,
  PP,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* forkCowParent(): Task {
  yield* anon(A, 4);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* snap("before fork", A, 2);
  begin("fork");
  const p = yield* fork(child);
  done(0);
  yield* snap("parent after fork", A, 2);
  begin("parent write page 0");
  done(yield* set(A, 9));
  yield* snap("parent after write", A, 2);
  yield* tell(PP);
  yield* childWait(p);
  begin("parent write page 1 (child gone)");
  done(yield* set(A + 1, 9));
  yield* snap("parent end", A, 2);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* snap("child", A, 2);
}
