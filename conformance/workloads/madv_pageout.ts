import {
  A,
  anon,
  begin,
  done,
  drain,
  fill,
  get,
  MADV_PAGEOUT,
  madvise,
  register,
  result,
  set,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvPageout(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* drain();
  yield* register("P", 0);
  yield* snap("start", A, 4);
  yield* begin("PAGEOUT 0..3");
  done(yield* madvise(A, 4, MADV_PAGEOUT));
  yield* snap("out", A, 4);
  yield* begin("read page 0");
  result(yield* get(A));
  yield* begin("write page 1");
  done(yield* set(A + 1, 9));
  yield* snap("in", A, 4);
  yield* begin("PAGEOUT 0..3 again");
  done(yield* madvise(A, 4, MADV_PAGEOUT));
  yield* snap("out2", A, 4);
}
