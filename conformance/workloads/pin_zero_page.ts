import {
  A,
  anon,
  begin,
  dmaRead,
  done,
  get,
  mark,
  PIN_GET,
  PIN_WRITE,
  pin,
  register,
  set,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinZeroPage(): Task {
  yield* anon(A, 2);
  yield* get(A);
  yield* register("P", 0);
  const a = yield* pin(A, 1, 0);
  const g = yield* pin(A, 1, PIN_GET);
  yield* snap("zero page", A, 1);
  const b = yield* pin(A, 1, PIN_WRITE);
  yield* snap("write pin", A, 1);
  yield* begin("write");
  done(yield* set(A, 5));
  mark("device reads", yield* dmaRead(b, 0));
  yield* unpin(a, false);
  yield* unpin(g, false);
  yield* unpin(b, true);
  yield* snap("end", A, 1);
}
