import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  fill,
  fork,
  openPipes,
  PC,
  PP,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* forkTwice(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const p = yield* fork(firstChild);
  const q = yield* fork(secondChild);
  yield* snap("parent", A, 2);
  yield* tell(PC);
  yield* childWait(q);
  yield* tell(PP);
  yield* childWait(p);
  yield* begin("write pages 0,1");
  yield* set(A, 7);
  done(yield* set(A + 1, 8));
  yield* snap("end", A, 2);
}

export function* firstChild(): Task {
  yield* awaitByte(PP);
}

export function* secondChild(): Task {
  yield* awaitByte(PC);
  yield* set(A, 5);
  yield* snap("second child", A, 2);
}
