import {
  A,
  anon,
  B,
  begin,
  done,
  fill,
  MREMAP_DONTUNMAP,
  MREMAP_FIXED,
  MREMAP_MAYMOVE,
  mremap,
  register,
  snap,
  type Task,
} from "mayfail/user";

export default function* mremapDontunmap(): Task {
  yield* anon(A, 2);
  yield* fill(A, 2, 1);
  yield* register("P", 0);
  yield* begin("mremap DONTUNMAP A->B");
  done(yield* mremap(A, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, B));
  yield* snap("old", A, 2);
  yield* snap("new", B, 2);
}
