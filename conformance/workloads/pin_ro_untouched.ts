import { A, anon, begin, dmaRead, done, mark, pin, register, set, snap, type Task, unpin } from "mayfail/user";

export default function* pinRoUntouched(): Task {
  yield* anon(A, 2);
  yield* register("P", 0);
  const a = yield* pin(A, 1, 0);
  yield* snap("ro pin of untouched anon", A, 1);
  yield* begin("write page 0");
  done(yield* set(A, 7));
  yield* snap("written", A, 1);
  mark("device reads page 0", yield* dmaRead(a, 0));
  yield* unpin(a, false);
}
