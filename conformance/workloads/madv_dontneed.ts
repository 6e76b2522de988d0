import { A, anon, begin, done, fill, get, MADV_DONTNEED, madvise, register, set, snap, type Task } from "mayfail/user";

export default function* madvDontneed(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* snap("start", A, 4);
  yield* begin("DONTNEED 1..2");
  done(yield* madvise(A + 1, 2, MADV_DONTNEED));
  yield* snap("after", A, 4);
  yield* begin("read page 1");
  done(yield* get(A + 1));
  yield* begin("write page 2");
  done(yield* set(A + 2, 9));
  yield* snap("touched", A, 4);
}
