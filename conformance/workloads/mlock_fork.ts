import {
  A,
  anon,
  awaitByte,
  begin,
  childWait,
  done,
  drain,
  fill,
  fork,
  mlock,
  munlock,
  openPipes,
  PP,
  register,
  set,
  snap,
  type Task,
  tell,
} from "mayfail/user";

export default function* mlockFork(): Task {
  yield* openPipes();
  yield* anon(A, 3);
  yield* fill(A, 2, 1);
  yield* mlock(A, 2);
  yield* drain();
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* snap("parent", A, 3);
  yield* begin("write 0");
  done(yield* set(A, 9));
  yield* snap("written", A, 3);
  yield* tell(PP);
  yield* childWait(p);
  yield* begin("munlock");
  done(yield* munlock(A, 2));
  yield* drain();
  yield* snap("end", A, 3);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* snap("child", A, 3);
  yield* set(A, 5);
  yield* snap("child", A, 3);
}
