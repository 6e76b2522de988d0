import {
  A,
  anon,
  begin,
  childWait,
  done,
  drain,
  fill,
  fork,
  PIN_GET,
  pin,
  register,
  set,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* forkChildExits(): Task {
  yield* anon(A, 3);
  yield* fill(A, 3, 1);
  yield* drain();
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* childWait(p);
  yield* snap("shared", A, 3);
  yield* begin("write 0");
  done(yield* set(A, 9));
  const a = yield* pin(A + 1, 1, 0);
  yield* snap("pinned read-only", A, 3);
  yield* begin("write 1");
  done(yield* set(A + 1, 9));
  const g = yield* pin(A + 2, 1, PIN_GET);
  yield* begin("write 2");
  done(yield* set(A + 2, 9));
  yield* snap("end", A, 3);
  yield* unpin(a, false);
  yield* unpin(g, false);
}

export function* child(): Task {}
