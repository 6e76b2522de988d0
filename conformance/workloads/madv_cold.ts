import { A, anon, begin, done, drain, fill, MADV_COLD, madvise, register, snap, type Task } from "mayfail/user";

export default function* madvCold(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* drain();
  yield* register("P", 0);
  yield* snap("start", A, 2);
  yield* begin("COLD 0..3");
  done(yield* madvise(A, 4, MADV_COLD));
  yield* drain();
  yield* snap("cold", A, 2);
}
