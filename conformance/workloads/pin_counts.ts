import { A, anon, drain, PIN_GET, PIN_LONGTERM, PIN_WRITE, pin, register, snap, type Task, unpin } from "mayfail/user";

export default function* pinCounts(): Task {
  yield* anon(A, 4);
  yield* register("P", 0);
  const a = yield* pin(A, 2, PIN_WRITE);
  const b = yield* pin(A, 1, PIN_WRITE | PIN_LONGTERM);
  const g = yield* pin(A, 1, PIN_GET);
  yield* drain();
  yield* snap("pin+pin+get", A, 2);
  yield* unpin(a, true);
  yield* snap("one unpinned", A, 2);
  yield* unpin(b, false);
  yield* snap("two unpinned", A, 2);
  yield* unpin(g, false);
  yield* snap("all gone", A, 2);
}
