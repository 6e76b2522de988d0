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
  openPipes,
  PIN_GET,
  PIN_WRITE,
  PP,
  pin,
  register,
  set,
  snap,
  type Task,
  tell,
  unpin,
} from "mayfail/user";

export default function* forkPinSeveral(): Task {
  yield* openPipes();
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* drain();
  yield* register("P", 0);
  const a = yield* pin(A, 2, PIN_WRITE);
  const g = yield* pin(A + 2, 1, PIN_WRITE | PIN_GET);
  const r = yield* pin(A + 3, 1, 0);
  const p = yield* fork(child);
  yield* snap("parent", A, 4);
  yield* begin("parent writes all");
  done(yield* fill(A, 4, 10));
  yield* snap("written", A, 4);
  yield* tell(PP);
  yield* childWait(p);
  yield* unpin(a, true);
  yield* unpin(g, true);
  yield* unpin(r, false);
  yield* snap("end", A, 4);
}

export function* child(): Task {
  yield* awaitByte(PP);
  yield* snap("child", A, 4);
  yield* set(A, 5);
  yield* set(A + 2, 6);
  yield* snap("child wrote", A, 4);
}
