import { A, anon, begin, done, fill, MADV_DONTNEED, madvise, REFUSE, register, type Task } from "mayfail/user";

export default function* refuseBlockable(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", REFUSE);
  yield* begin("DONTNEED 0..3");
  done(yield* madvise(A, 4, MADV_DONTNEED));
}
