import { A, anon, childWait, fill, fork, PIN_WRITE, pin, register, snap, type Task, unpin } from "mayfail/user";

export default function* pinRoChildExits(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  const p = yield* fork(child);
  yield* childWait(p);
  yield* snap("parent", A, 2);
  const b = yield* pin(A, 1, PIN_WRITE);
  yield* snap("pinned", A, 2);
  const c = yield* pin(A, 1, 0);
  yield* snap("pinned", A, 2);
  yield* unpin(b, true);
  yield* unpin(c, false);
}

export function* child(): Task {
  const a = yield* pin(A, 2, 0);
  yield* snap("child", A, 2);
  yield* unpin(a, false);
}
