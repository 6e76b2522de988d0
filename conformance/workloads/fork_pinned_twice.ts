import {
  A,
  anon,
  begin,
  childWait,
  done,
  fork,
  PIN_LONGTERM,
  PIN_WRITE,
  pin,
  register,
  set,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* forkPinnedTwice(): Task {
  yield* anon(A, 1);
  yield* set(A, 1);
  yield* register("P", 0);
  const a = yield* pin(A, 1, PIN_WRITE | PIN_LONGTERM);
  const p = yield* fork(child);
  yield* childWait(p);
  yield* snap("parent", A, 1);
  yield* unpin(a, false);
  const s = yield* fork(child3);
  yield* childWait(s);
  yield* begin("parent writes");
  done(yield* set(A, 9));
  yield* snap("end", A, 1);
}

export function* child(): Task {
  const q = yield* fork(child2);
  yield* childWait(q);
  yield* set(A, 2);
  yield* snap("child", A, 1);
}

export function* child2(): Task {
  yield* snap("grandchild", A, 1);
}

export function* child3(): Task {
  yield* snap("second child", A, 1);
}
