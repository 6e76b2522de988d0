import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  fill,
  fork,
  mark,
  openPipes,
  PP,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* forkCowParent(): Task {
  yield* openPipes();
  yield* anon(A, 4);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* snap("before fork", A, 2);
  mark("> fork", 0);
  const p = yield* fork(child);
  mark("< fork", 0);
  yield* snap("parent after fork", A, 2);
  yield* begin("parent write page 0");
  done(yield* set(A, 9));
  yield* snap("parent after write", A, 2);
  yield* tell(PP);
  yield* childWait(p);
  yield* begin("parent write page 1 (child gone)");
  done(yield* set(A + 1, 9));
  yield* snap("parent end", A, 2);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* snap("child", A, 2);
}
