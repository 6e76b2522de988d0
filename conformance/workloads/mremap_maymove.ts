import {
  A,
  anon,
  begin,
  done,
  fill,
  MREMAP_MAYMOVE,
  mprotect,
  mremap,
  PR,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* mremapMaymove(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* anon(A + 2, 1);
  yield* mprotect(A + 2, 1, PR);
  yield* register("P", 0);
  yield* begin("grow 2->4, no room");
  done(yield* mremap(A, 2, 4, MREMAP_MAYMOVE, 0));
  yield* snap("old", A, 3);
  yield* begin("grow the neighbour in place 1->3");
  done(yield* mremap(A + 2, 1, 3, MREMAP_MAYMOVE, 0));
  yield* snap("after", A, 5);
}
