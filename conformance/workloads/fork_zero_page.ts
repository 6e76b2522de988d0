import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  fork,
  get,
  openPipes,
  openProbe,
  PP,
  register,
  set,
  snap,
  type Task,
  tell,
  unregister,
} from "mayfail/user";

export default function* forkZeroPage(): Task {
  yield* openPipes();
  yield* anon(A, 2);
  yield* get(A);
  yield* get(A + 1);
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* begin("parent writes 0");
  done(yield* set(A, 9));
  yield* snap("parent", A, 2);
  yield* tell(PP);
  yield* childWait(p);
  yield* snap("end", A, 2);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* openProbe();
  yield* register("C", 0);
  yield* begin("child writes 1");
  done(yield* set(A + 1, 5));
  yield* snap("child", A, 2);
  yield* unregister();
}
