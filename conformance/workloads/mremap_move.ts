import {
  A,
  anon,
  B,
  begin,
  done,
  fill,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  mremap,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* mremapMove(): Task {
  yield* anon(A, 4);
  yield* fill(A, 4, 1);
  yield* register("P", 0);
  yield* snap("before", A, 4);
  yield* begin("mremap A->B");
  done(yield* mremap(A, 4, 4, MREMAP_MAYMOVE | MREMAP_FIXED, B));
  yield* snap("after", B, 4);
}
