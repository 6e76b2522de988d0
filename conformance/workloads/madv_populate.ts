import {
  A,
  anon,
  begin,
  done,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  madvise,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* madvPopulate(): Task {
  yield* anon(A, 4);
  yield* register("P", 0);
  yield* begin("POPULATE_READ 0..1");
  done(yield* madvise(A, 2, MADV_POPULATE_READ));
  yield* snap("read", A, 4);
  yield* begin("POPULATE_WRITE 0..3");
  done(yield* madvise(A, 4, MADV_POPULATE_WRITE));
  yield* snap("write", A, 4);
}
