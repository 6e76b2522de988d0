import {
  A,
  anon,
  begin,
  done,
  fill,
  MADV_PAGEOUT,
  madvise,
  mlock,
  munlock,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* mlockAll(): Task {
  yield* anon(A, 4);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* begin("mlock 0..3");
  done(yield* mlock(A, 4));
  yield* snap("locked", A, 4);
  yield* begin("PAGEOUT 0..3");
  done(yield* madvise(A, 4, MADV_PAGEOUT));
  yield* begin("munlock 0..3");
  done(yield* munlock(A, 4));
  yield* snap("unlocked", A, 4);
}
