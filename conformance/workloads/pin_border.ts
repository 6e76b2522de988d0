import {
  A,
  anon,
  drain,
  fill,
  get,
  mark,
  mprotect,
  PIN_WRITE,
  PR,
  pin,
  register,
  snap,
  type Task,
  unpin,
} from "mayfail/user";

export default function* pinBorder(): Task {
  yield* anon(A, 2);
  yield* anon(A + 2, 2);
  yield* mprotect(A + 2, 2, PR);
  yield* anon(A + 6, 2);
  yield* fill(A, 2, 1);
  yield* get(A + 2);
  yield* register("P", 0);
  const a = yield* pin(A, 4, PIN_WRITE);
  const b = yield* pin(A, 6, 0);
  mark("pin in a hole", yield* pin(A + 4, 2, 0));
  mark("pin, begins in a hole", yield* pin(A + 5, 2, PIN_WRITE));
  const e = yield* pin(A + 6, 8, PIN_WRITE);
  yield* drain();
  yield* snap("after", A, 8);
  yield* unpin(a, true);
  yield* unpin(b, false);
  yield* unpin(e, false);
  yield* snap("end", A, 8);
}
