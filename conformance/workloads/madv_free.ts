import {
  A,
  anon,
  begin,
  done,
  drain,
  enterCgroup,
  fill,
  get,
  MADV_FREE,
  madvise,
  memoryReclaim,
  register,
  result,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvFree(): Task {
  enterCgroup();
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* drain();
  yield* register("P", 0);
  yield* begin("FREE 0..3");
  done(yield* madvise(A, 4, MADV_FREE));
  yield* snap("freed", A, 4);
  yield* begin("write page 0");
  done(yield* set(A, 9));
  yield* begin("memory.reclaim 16K");
  result(yield* memoryReclaim(16384));
  yield* snap("reclaimed", A, 4);
  yield* begin("read pages");
  yield* get(A);
  yield* get(A + 1);
  done(0);
  yield* snap("read", A, 4);
}
