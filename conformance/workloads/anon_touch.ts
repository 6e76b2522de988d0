import { A, anon, begin, done, get, register, set, snap, type Task } from "mayfail/user";

export default function* anonTouch(): Task {
  yield* anon(A, 4);
  yield* register("P", 0);
  yield* snap("mapped", A, 4);
  yield* begin("write page 0");
  done(yield* set(A, 1));
  yield* begin("read page 1");
  done(yield* get(A + 1));
  yield* snap("after", A, 3);
  yield* begin("write page 1 (was zero page)");
  done(yield* set(A + 1, 1));
  yield* snap("after", A, 3);
}
