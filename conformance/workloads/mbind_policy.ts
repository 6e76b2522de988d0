import {
  A,
  anon,
  begin,
  done,
  fill,
  MADV_DONTNEED,
  MPOL_BIND,
  MPOL_DEFAULT,
  madvise,
  mark,
  mbind,
  movePagesStatus,
  pagesStatus,
  register,
  result,
  type Task,
} from "mayfail/user";

export default function* mbindPolicy(): Task {
  yield* anon(A, 4);
  yield* register("P", 0);
  yield* begin("mbind 1..2 -> node 1");
  done(yield* mbind(A + 1, 2, MPOL_BIND, 2, 0));
  yield* fill(A, 4, 1);
  yield* begin("query");
  result(yield* pagesStatus(A, 4));
  mark("0", movePagesStatus(0));
  mark("1", movePagesStatus(1));
  mark("2", movePagesStatus(2));
  mark("3", movePagesStatus(3));
  yield* begin("DONTNEED 0..3 (three areas)");
  done(yield* madvise(A, 4, MADV_DONTNEED));
  yield* begin("mbind default 0..3");
  done(yield* mbind(A, 4, MPOL_DEFAULT, 0, 0));
  yield* begin("DONTNEED 0..3 (one area)");
  done(yield* madvise(A, 4, MADV_DONTNEED));
}
